/* Both heads of the handshake: requests as browsers write them, and everything that is refused. */
#include "ends.h"

#include <stdio.h>
#include <string.h>

#include "websocket/upgrade.h"

static void test_the_example_of_the_rfc(void **state)
{
    (void)state;
    char accept[MINKE_WEBSOCKET_ACCEPT_LEN + 1];
    minke__websocket_accept(UPGRADE_KEY, accept);
    assert_string_equal(accept, UPGRADE_ACCEPT);
}

static void test_keys_are_random(void **state)
{
    (void)state;
    test_env_t test;
    char a[MINKE_WEBSOCKET_KEY_LEN + 1], b[MINKE_WEBSOCKET_KEY_LEN + 1];
    test_env_init(&test, 1);
    minke__websocket_key_new(&test.env, a);
    minke__websocket_key_new(&test.env, b);
    assert_int_equal(strlen(a), MINKE_WEBSOCKET_KEY_LEN);
    assert_string_not_equal(a, b);
}

/* What a server answers to `request`, terminated; it has then opened or ended. */
static const char *answer_of(test_env_t *test, const char *request, minke_websocket_t **ws)
{
    static char out[4096];
    test_env_init(test, 1);
    *ws = minke__websocket_server(&test->env);
    assert_non_null(*ws);
    minke__websocket_recv(*ws, (const uint8_t *)request, strlen(request));
    out[transmit_all(*ws, (uint8_t *)out, sizeof out)] = 0;
    return out;
}

static void free_server(test_env_t *test, minke_websocket_t *ws)
{
    minke__websocket_free(ws);
    assert_int_equal(test->blocks, 0);
}

#define KEY "Sec-WebSocket-Key: " UPGRADE_KEY "\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define START "GET / HTTP/1.1\r\nHost: a\r\n"

static const char *const good_requests[] = {
    /* Chromium 156, captured; a page over plain HTTP */
    "GET / HTTP/1.1\r\nHost: 127.0.0.1:9090\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 "
    "Safari/537.36\r\nUpgrade: websocket\r\nOrigin: http://127.0.0.1:8080\r\nSec-WebSocket-Version: 13\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n" KEY
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n",
    /* in the manner of Firefox */
    "GET /p HTTP/1.1\r\nHost: [::1]:9090\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 "
    "Firefox/140.0\r\nAccept: */*\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    "Sec-WebSocket-Version: 13\r\nOrigin: null\r\nSec-WebSocket-Extensions: permessage-deflate\r\n" KEY
    "Sec-GPC: 1\r\nConnection: keep-alive, Upgrade\r\nCookie: theme=dark\r\nSec-Fetch-Dest: empty\r\n"
    "Sec-Fetch-Mode: websocket\r\nSec-Fetch-Site: cross-site\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n"
    "Upgrade: websocket\r\n\r\n",
    /* ws 8.23 of Node, captured */
    "GET / HTTP/1.1\r\n" VERSION KEY "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nHost: 127.0.0.1:9090\r\n\r\n",
    /* in the manner of gorilla/websocket, which go-libp2p uses */
    "GET / HTTP/1.1\r\nHost: 127.0.0.1:9090\r\nUser-Agent: Go-http-client/1.1\r\nConnection: Upgrade\r\n" KEY VERSION
    "Upgrade: websocket\r\n\r\n",
    /* any case, lists, several fields, an empty body */
    "GET /x?y HTTP/1.1\r\nhost:a\r\nupgrade: WebSocket\r\nCONNECTION: keep-alive,UPGRADE\r\n"
    "sec-websocket-version:13\r\nSEC-WEBSOCKET-KEY:" UPGRADE_KEY "\r\nContent-Length: 0\r\n\r\n",
    START "Upgrade: h2c, websocket\r\nConnection: HTTP2-Settings\r\nConnection: upgrade\r\n" KEY VERSION "\r\n",
};

static void test_good_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good_requests / sizeof good_requests[0]; i++) {
        test_env_t test;
        minke_websocket_t *ws;
        assert_string_equal(answer_of(&test, good_requests[i], &ws),
                            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Accept: " UPGRADE_ACCEPT "\r\n\r\n");
        assert_int_equal(minke__websocket_state(ws), MINKE_WEBSOCKET_OPEN);
        free_server(&test, ws);
    }
}

typedef struct refusal {
    const char *text;
    int status; /* of our response */
    const char *why;
} refusal_t;

static const refusal_t refused_requests[] = {
    /* no upgrade at all */
    {START "\r\n", 426, "does not ask"},
    {START "Connection: keep-alive\r\n\r\n", 426, "does not ask"},
    {"GET / HTTP/1.0\r\n\r\n", 426, "does not ask"},
    {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 426, "does not ask"},
    {START "Upgrade: websocket\r\n" KEY VERSION "\r\n", 426, "does not ask"},
    {START "Connection: Upgrade\r\n" KEY VERSION "\r\n", 426, "does not ask"},
    {START "Upgrade: h2c\r\nConnection: Upgrade\r\n" KEY VERSION "\r\n", 426, "does not ask"},
    {START "Upgrade: websockets\r\nConnection: Upgrade\r\n" KEY VERSION "\r\n", 426, "does not ask"},
    {"GET / HTTP/1.0\r\nHost: a\r\n" UPGRADE KEY VERSION "\r\n", 426, "does not ask"},
    /* other versions */
    {START UPGRADE KEY "\r\n", 426, "another version"},
    {START UPGRADE KEY "Sec-WebSocket-Version: 8\r\n\r\n", 426, "another version"},
    {START UPGRADE KEY "Sec-WebSocket-Version: 13, 8\r\n\r\n", 426, "another version"},
    {START UPGRADE KEY VERSION VERSION "\r\n", 426, "another version"},
    /* wrong ones */
    {"POST / HTTP/1.1\r\nHost: a\r\n" UPGRADE KEY VERSION "\r\n", 400, "not GET"},
    {"get / HTTP/1.1\r\nHost: a\r\n" UPGRADE KEY VERSION "\r\n", 400, "not GET"},
    {START UPGRADE KEY VERSION "Content-Length: 1\r\n\r\n", 400, "body"},
    {START UPGRADE KEY VERSION "Transfer-Encoding: chunked\r\n\r\n", 400, "body"},
    {START UPGRADE VERSION "\r\n", 400, "Key"},
    {START UPGRADE VERSION KEY KEY "\r\n", 400, "Key"},
    {START UPGRADE VERSION "Sec-WebSocket-Key:\r\n\r\n", 400, "Key"},
    {START UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n\r\n", 400, "Key"},
    {START UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZUU=\r\n\r\n", 400, "Key"}, /* 17 bytes */
    {START UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n\r\n", 400, "Key"},     /* 15 */
    {START UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25-ZQ==\r\n\r\n", 400, "Key"},
    /* no HTTP */
    {"GET / HTTP/2.0\r\n", 400, "version"},
    {"GET / HTTP/1.1\r\n" UPGRADE KEY VERSION "\r\n", 400, "Host"},
    {START "A : b\r\n", 400, "colon"},
    {"GET / HTTP/1.1\nHost: a\n", 400, "LF"},
    {"\x16\x03\x01\x02", 400, "control character"},
    {"\x13/multistream/1.0.0\n", 400, "control character"},
};

static void test_refused_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused_requests / sizeof refused_requests[0]; i++) {
        const refusal_t *refusal = &refused_requests[i];
        test_env_t test;
        minke_websocket_t *ws;
        char start[32];
        (void)snprintf(start, sizeof start, "HTTP/1.1 %d ", refusal->status);
        const char *answer = answer_of(&test, refusal->text, &ws);
        assert_memory_equal(answer, start, strlen(start));
        assert_non_null(strstr(answer, "\r\n\r\nThis is a libp2p WebSocket listener.\n"));
        assert_int_equal(strstr(answer, "\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n") != NULL,
                         refusal->status == 426);
        expect_ended(ws, refusal->status == 426 ? MINKE_ERROR_UNSUPPORTED : MINKE_ERROR_MALFORMED, false, refusal->why);
        minke__websocket_recv(ws, (const uint8_t *)good_requests[0], 100);
        expect_read(ws, NULL, 0);
        free_server(&test, ws);
    }
}

/* The response to our request: 'ACCEPT' in it stands for what fits our key. */
static minke_websocket_t *answered(test_env_t *test, const char *response)
{
    static uint8_t request[4096];
    char accept[MINKE_WEBSOCKET_ACCEPT_LEN + 1], text[2048];
    test_env_init(test, 5);
    minke_websocket_t *ws = minke__websocket_client(&test->env, "relay.example:443", "/ws");
    assert_non_null(ws);
    request[transmit_all(ws, request, sizeof request)] = 0;
    const char *key = strstr((const char *)request, "Sec-WebSocket-Key: ");
    assert_non_null(key);
    minke__websocket_accept(key + strlen("Sec-WebSocket-Key: "), accept);
    const char *place = strstr(response, "ACCEPT");
    if (place == NULL) (void)snprintf(text, sizeof text, "%s", response);
    else
        (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(place - response), response, accept,
                       place + strlen("ACCEPT"));
    minke__websocket_recv(ws, (const uint8_t *)text, strlen(text));
    return ws;
}

static void test_our_request(void **state)
{
    (void)state;
    static minke_http_head_t head;
    uint8_t request[4096];
    minke_http_text_t value;
    const char *why = "";
    size_t taken;
    test_env_t test;
    test_env_init(&test, 1);
    minke_websocket_t *ws = minke__websocket_client(&test.env, "relay.example:443", "/ws");
    const size_t len = transmit_all(ws, request, sizeof request);
    minke__http_head_init(&head, MINKE_HTTP_REQUEST);
    assert_int_equal(minke__http_head_recv(&head, request, len, &taken), MINKE_OK);
    assert_int_equal(taken, len);
    assert_true(minke__http_text_is(minke__http_head_target(&head), "/ws"));
    assert_int_equal(minke__http_head_field(&head, "Host", &value), 1);
    assert_true(minke__http_text_is(value, "relay.example:443"));
    assert_int_equal(minke__websocket_judge_request(&head, &why), 101);
    assert_null(why);
    minke__websocket_free(ws);
}

static const char *const good_responses[] = {
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: ACCEPT\r\n\r\n",
    "HTTP/1.1 101 \r\nServer: nginx\r\nconnection: keep-alive, upgrade\r\nUPGRADE: WebSocket\r\n"
    "sec-websocket-accept:ACCEPT\r\n\r\n",
};

#define ACCEPT "Sec-WebSocket-Accept: ACCEPT\r\n"
#define SWITCHING "HTTP/1.1 101 Switching Protocols\r\n"

static const refusal_t bad_responses[] = {
    {"HTTP/1.1 200 OK\r\n" UPGRADE ACCEPT "\r\n", -1, "refuses the WebSocket: 200 OK"},
    {"HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", -1, "301 Moved"},
    {"HTTP/1.1 503 S\xc3\xa4\x09y\r\n\r\n", -1, "503 S???y"},
    {SWITCHING ACCEPT "\r\n", 0, "something else"},
    {SWITCHING "Upgrade: websocket\r\n" ACCEPT "\r\n", 0, "something else"},
    {SWITCHING "Upgrade: h2c\r\nConnection: Upgrade\r\n" ACCEPT "\r\n", 0, "something else"},
    {"HTTP/1.0 101 Switching Protocols\r\n" UPGRADE ACCEPT "\r\n", 0, "something else"},
    {SWITCHING UPGRADE "\r\n", 0, "key"},
    {SWITCHING UPGRADE "Sec-WebSocket-Accept: " UPGRADE_ACCEPT "\r\n\r\n", 0, "key"},
    {SWITCHING UPGRADE ACCEPT "Sec-WebSocket-Accept: x\r\n\r\n", 0, "key"},
    {SWITCHING UPGRADE ACCEPT "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 0, "extension"},
    {SWITCHING UPGRADE ACCEPT "Sec-WebSocket-Protocol: chat\r\n\r\n", 0, "subprotocol"},
    {"SSH-2.0-OpenSSH_9.2\r\n", 0, "not one of HTTP"},
    {"HTTP/2.0 101 x\r\n", 0, "version of HTTP"},
};

static void test_responses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good_responses / sizeof good_responses[0]; i++) {
        test_env_t test;
        minke_websocket_t *ws = answered(&test, good_responses[i]);
        assert_int_equal(minke__websocket_state(ws), MINKE_WEBSOCKET_OPEN);
        minke__websocket_free(ws);
        assert_int_equal(test.blocks, 0);
    }
    for (size_t i = 0; i < sizeof bad_responses / sizeof bad_responses[0]; i++) {
        test_env_t test;
        uint8_t out[16];
        minke_websocket_t *ws = answered(&test, bad_responses[i].text);
        const bool refused = bad_responses[i].status < 0;
        expect_ended(ws, refused ? MINKE_ERROR_UNSUPPORTED : MINKE_ERROR_MALFORMED, refused, bad_responses[i].why);
        assert_int_equal(minke__websocket_transmit(ws, out, sizeof out), 0);
        minke__websocket_free(ws);
        assert_int_equal(test.blocks, 0);
    }
}

/* A reason of any length fits. */
static void test_a_long_reason(void **state)
{
    (void)state;
    test_env_t test;
    char response[1100] = "HTTP/1.1 500 ";
    memset(response + strlen(response), 'x', 1000);
    memcpy(response + 1013, "\r\n\r\n", 5);
    minke_websocket_t *ws = answered(&test, response);
    expect_ended(ws, MINKE_ERROR_UNSUPPORTED, true, "500 xxxx");
    assert_int_equal(strlen(minke__websocket_close_reason(ws)->text),
                     sizeof minke__websocket_close_reason(ws)->text - 1);
    minke__websocket_free(ws);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_example_of_the_rfc),
        cmocka_unit_test(test_keys_are_random),
        cmocka_unit_test(test_good_requests),
        cmocka_unit_test(test_refused_requests),
        cmocka_unit_test(test_our_request),
        cmocka_unit_test(test_responses),
        cmocka_unit_test(test_a_long_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
