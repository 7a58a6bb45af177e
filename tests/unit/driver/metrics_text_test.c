/* What is written of a host: the text for Prometheus, read back by a strict parser, the page, and docs/metrics.md. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "driver/metrics.h"
#include "host/node.h"

enum { TEXT_BYTES = 1 << 16, FAMILIES_MAX = 128, SERIES_MAX = 256, NAME_BYTES = 80, SERIES_BYTES = 256 };

/* ---- a host that never was ---- */

typedef struct fixture {
    minke_counters_t counters;
    minke_relay_statistics_t relay;
    minke_list_t addresses;
    minke_snapshot_t snapshot;
    char text[TEXT_BYTES];
} fixture_t;

static int set_up(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    if (f == NULL) return -1;
    minke__list_init(&f->addresses);
    f->snapshot = (minke_snapshot_t){.self = "12D3KooWself",
                                     .agent = "a-relay/1.2",
                                     .addresses = &f->addresses,
                                     .counters = &f->counters,
                                     .relay = &f->relay};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

typedef void (*write_t)(minke_writer_t *w, const minke_snapshot_t *snapshot);

static size_t write_all(fixture_t *f, write_t write)
{
    minke_writer_t w = minke__writer(f->text, sizeof f->text - 1);
    write(&w, &f->snapshot);
    assert_false(w.failed);
    f->text[w.len] = 0;
    return w.len;
}

/* ---- a strict parser of the text format ---- */

typedef struct family {
    char name[NAME_BYTES], type[16], meaning[256];
    size_t series_n;
} family_t;

typedef struct parsed {
    family_t families[FAMILIES_MAX];
    size_t families_n;
    char series[SERIES_MAX][SERIES_BYTES]; /* name and labels as they stand */
    char values[SERIES_MAX][24];
    size_t series_n;
} parsed_t;

static family_t *find_family(parsed_t *p, const char *name)
{
    for (size_t i = 0; i < p->families_n; i++) {
        if (strcmp(p->families[i].name, name) == 0) return &p->families[i];
    }
    return NULL;
}

static const char *value_of(const parsed_t *p, const char *series)
{
    for (size_t i = 0; i < p->series_n; i++) {
        if (strcmp(p->series[i], series) == 0) return p->values[i];
    }
    return NULL;
}

/* [a-z_][a-z0-9_]*: narrower than what the format allows. */
static size_t name_len(const char *at)
{
    size_t n = 0;
    while (islower((unsigned char)at[n]) || at[n] == '_' || (n > 0 && isdigit((unsigned char)at[n]))) n++;
    return n;
}

static void copy(char *to, size_t capacity, const char *from, size_t len)
{
    assert_true(len < capacity);
    memcpy(to, from, len);
    to[len] = 0;
}

/* "# HELP name meaning", then "# TYPE name type": once for each, and nothing between them. */
static const char *take_family(parsed_t *p, const char *line)
{
    family_t *family = &p->families[p->families_n];
    const char *name = line + strlen("# HELP "), *end = strchr(line, '\n');
    const size_t len = name_len(name);
    assert_true(p->families_n < FAMILIES_MAX && end != NULL && len > 0 && name[len] == ' ');
    copy(family->name, sizeof family->name, name, len);
    copy(family->meaning, sizeof family->meaning, name + len + 1, (size_t)(end - name) - len - 1);
    assert_true(family->meaning[0] != 0);
    assert_null(strchr(family->meaning, '\\'));
    for (size_t i = 0; i < p->families_n; i++) assert_string_not_equal(p->families[i].name, family->name);
    p->families_n++;
    line = end + 1;
    assert_memory_equal(line, "# TYPE ", 7);
    assert_memory_equal(line + 7, family->name, len);
    assert_int_equal(line[7 + len], ' ');
    end = strchr(line, '\n');
    assert_non_null(end);
    copy(family->type, sizeof family->type, line + 8 + len, (size_t)(end - line) - 8 - len);
    const bool total = len > 6 && strcmp(family->name + len - 6, "_total") == 0;
    assert_string_equal(family->type, total ? "counter" : "gauge");
    return end + 1;
}

/* {name="value",..}; in values a backslash, a quote and a line break are escaped, nothing else is. */
static const char *take_labels(const char *at)
{
    do {
        at++;
        const size_t len = name_len(at);
        assert_true(len > 0);
        at += len;
        assert_memory_equal(at, "=\"", 2);
        for (at += 2; *at != '"'; at++) {
            assert_true(*at != 0 && *at != '\n');
            if (*at == '\\') assert_non_null(strchr("\\\"n", *++at));
        }
        at++;
    } while (*at == ',');
    assert_int_equal(*at, '}');
    return at + 1;
}

/* A sample stands below its own family. */
static const char *take_sample(parsed_t *p, const char *line)
{
    assert_true(p->families_n > 0 && p->series_n < SERIES_MAX);
    family_t *family = &p->families[p->families_n - 1];
    const size_t len = name_len(line);
    const char *end = line + len;
    assert_true(len == strlen(family->name) && memcmp(line, family->name, len) == 0);
    if (*end == '{') end = take_labels(end);
    copy(p->series[p->series_n], SERIES_BYTES, line, (size_t)(end - line));
    assert_null(value_of(p, p->series[p->series_n]));
    assert_int_equal(*end++, ' ');
    const size_t digits = strspn(end, "0123456789");
    assert_true(digits > 0 && end[digits] == '\n');
    copy(p->values[p->series_n], sizeof p->values[0], end, digits);
    p->series_n++;
    family->series_n++;
    return end + digits + 1;
}

static parsed_t *parse(const char *text)
{
    parsed_t *p = calloc(1, sizeof *p);
    assert_non_null(p);
    while (*text != 0) text = *text == '#' ? take_family(p, text) : take_sample(p, text);
    for (size_t i = 0; i < p->families_n; i++) assert_true(p->families[i].series_n > 0);
    return p;
}

static parsed_t *write_and_parse(fixture_t *f)
{
    (void)write_all(f, minke__metrics_write_text);
    return parse(f->text);
}

/* ---- the text ---- */

static void every_family_is_there_once(void **state)
{
    fixture_t *f = *state;
    parsed_t *p = write_and_parse(f);
    static const char *const some[] = {"minke_build_info",         "minke_start_time_seconds",
                                       "minke_connections",        "minke_datagrams_received_total",
                                       "minke_relay_reservations", "minke_stream_frame_malformed_total"};
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) assert_non_null(find_family(p, some[i]));
    assert_string_equal(find_family(p, "minke_datagrams_received_total")->meaning, "UDP payloads handed in");
    free(p);
}

static void a_host_that_is_no_relay_has_no_relay_metrics(void **state)
{
    fixture_t *f = *state;
    f->snapshot.relay = NULL;
    free(write_and_parse(f));
    assert_null(strstr(f->text, "minke_relay"));
}

static void check_value(const parsed_t *p, const char *series, const char *value)
{
    const char *found = value_of(p, series);
    if (found == NULL) fail_msg("there is no %s", series);
    assert_string_equal(found, value);
}

static void values_stand_where_they_belong(void **state)
{
    fixture_t *f = *state;
    f->counters.sctp_timeouts = UINT64_MAX;
    f->counters.datagrams_received = 1;
    f->snapshot.connections[MINKE_PATH_DIRECT][1] = 11;
    f->snapshot.connections[MINKE_PATH_WEBSOCKET][0] = 12;
    f->snapshot.connections[MINKE_PATH_RELAYED][0] = 13;
    f->snapshot.memory_max = 14;
    f->snapshot.reservation_s = 3600;
    f->relay.bytes_relayed = 15;
    f->relay.circuits_ended[MINKE_RELAY_ENDED_BY_BYTES] = 16;
    f->relay.reservations_refused[1] = 17;                      /* RESERVATION_REFUSED */
    f->relay.circuits_refused[5] = 18;                          /* NO_RESERVATION */
    f->relay.requests_refused[MINKE_RELAY_STATUSES_N - 1] = 19; /* UNEXPECTED_MESSAGE */
    parsed_t *p = write_and_parse(f);
    check_value(p, "minke_sctp_timeouts_total", "18446744073709551615");
    check_value(p, "minke_datagrams_received_total", "1");
    check_value(p, "minke_connections{path=\"webrtc_direct\",direction=\"in\"}", "11");
    check_value(p, "minke_connections{path=\"webrtc_direct\",direction=\"out\"}", "0");
    check_value(p, "minke_connections{path=\"ws\",direction=\"out\"}", "12");
    check_value(p, "minke_connections{path=\"relayed\",direction=\"out\"}", "13");
    check_value(p, "minke_memory_max_bytes", "14");
    check_value(p, "minke_relay_reservation_seconds", "3600");
    check_value(p, "minke_relay_bytes_total", "15");
    check_value(p, "minke_relay_circuits_ended_total{by=\"bytes\"}", "16");
    check_value(p, "minke_relay_reservations_refused_total{status=\"reservation_refused\"}", "17");
    check_value(p, "minke_relay_circuits_refused_total{status=\"no_reservation\"}", "18");
    check_value(p, "minke_relay_requests_refused_total{status=\"unexpected_message\"}", "19");
    check_value(p, "minke_build_info{version=\"" MINKE_VERSION "\",agent=\"a-relay/1.2\"}", "1");
    free(p);
}

static void values_of_labels_are_escaped(void **state)
{
    fixture_t *f = *state;
    f->snapshot.agent = "a\"b\\c\nd} 7";
    parsed_t *p = write_and_parse(f);
    check_value(p, "minke_build_info{version=\"" MINKE_VERSION "\",agent=\"a\\\"b\\\\c\\nd} 7\"}", "1");
    free(p);
}

/* At every size that is too small; behind it nothing is touched. */
static void too_little_room_fails(void **state)
{
    fixture_t *f = *state;
    static const write_t writers[] = {minke__metrics_write_text, minke__metrics_write_page};
    for (size_t i = 0; i < 2; i++) {
        const size_t len = write_all(f, writers[i]);
        for (size_t capacity = 0; capacity <= len; capacity += capacity < 300 || capacity + 300 > len ? 1 : 7) {
            uint8_t *block = malloc(capacity + 1);
            assert_non_null(block);
            block[capacity] = 0xa5;
            minke_writer_t w = minke__writer(block, capacity);
            writers[i](&w, &f->snapshot);
            assert_int_equal(w.failed, capacity < len);
            assert_int_equal(block[capacity], 0xa5);
            free(block);
        }
    }
}

/* ---- docs/metrics.md ---- */

static char *read_whole(const char *path)
{
    char *text = calloc(1, TEXT_BYTES);
    FILE *file = fopen(path, "r");
    if (file == NULL) fail_msg("%s: run this from the top of the tree", path);
    assert_non_null(text);
    assert_true(fread(text, 1, TEXT_BYTES - 1, file) > 0);
    (void)fclose(file);
    return text;
}

static void the_document_explains_every_family_and_no_other(void **state)
{
    fixture_t *f = *state;
    parsed_t *p = write_and_parse(f);
    char *text = read_whole("docs/metrics.md"), row[512];
    size_t rows = 0, missing = 0;
    for (size_t i = 0; i < p->families_n; i++) {
        const family_t *family = &p->families[i];
        (void)snprintf(row, sizeof row, "\n| `%s` | %s | %s |\n", family->name, family->type, family->meaning);
        if (strstr(text, row) != NULL) continue;
        print_error("docs/metrics.md wants this row:%s", row);
        missing++;
    }
    for (const char *at = text; (at = strstr(at, "\n| `")) != NULL; at++) rows++;
    assert_int_equal(missing, 0);
    assert_int_equal(rows, p->families_n);
    free(text);
    free(p);
}

/* ---- the page ---- */

/* Every element but the void ones is closed in turn; returns how many there were. */
static size_t check_nesting(const char *at)
{
    static const char *const empty[] = {"!doctype", "meta", "path", "circle"};
    char open[32][16], name[16];
    size_t depth = 0, n = 0;
    for (; (at = strchr(at, '<')) != NULL; at++) {
        const bool closes = at[1] == '/';
        const char *from = at + (closes ? 2 : 1);
        copy(name, sizeof name, from, strcspn(from, " >/"));
        bool is_empty = false;
        for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) is_empty |= strcmp(empty[i], name) == 0;
        if (is_empty) continue;
        n++;
        if (closes) {
            assert_true(depth > 0);
            assert_string_equal(open[--depth], name);
        } else {
            assert_true(depth < 32);
            strcpy(open[depth++], name);
        }
    }
    assert_int_equal(depth, 0);
    return n;
}

static void add_address(fixture_t *f, const char *text)
{
    minke_node_text_t *address = calloc(1, sizeof *address + strlen(text) + 1);
    assert_non_null(address);
    strcpy(address->text, text);
    minke__list_init(&address->siblings);
    minke__list_append(&f->addresses, &address->siblings);
}

static void free_addresses(fixture_t *f)
{
    for (minke_list_t *item; (item = minke__list_pop(&f->addresses)) != NULL;) {
        free(MINKE_CONTAINER(item, minke_node_text_t, siblings));
    }
}

static void the_page_shows_what_there_is(void **state)
{
    fixture_t *f = *state;
    add_address(f, "/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWself");
    f->snapshot.age = UINT64_C(1000000) * (3 * 86400 + 4 * 3600 + 59);
    f->snapshot.memory = 1536;
    f->snapshot.memory_max = UINT64_C(1) << 30;
    f->snapshot.reservations = 512;
    f->snapshot.reservations_max = 1024;
    f->relay.bytes_relayed = UINT64_MAX;
    f->counters.stun_served = 4711;
    (void)write_all(f, minke__metrics_write_page);
    static const char *const shown[] = {"<code>12D3KooWself</code>",
                                        "a-relay/1.2",
                                        "up 3 d 4 h<",
                                        "<li><code>/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWself</code></li>",
                                        "<b>512</b><small>of 1024</small>",
                                        "width:50%",
                                        "<b>1.5 KiB</b><small>of 1.0 GiB</small>",
                                        "15.9 EiB",
                                        "<code>stun_served</code>",
                                        "<td class=\"n\">4711</td>",
                                        "the peer has no reservation at this relay"};
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        if (strstr(f->text, shown[i]) == NULL) fail_msg("not on the page: %s", shown[i]);
    }
    assert_null(strstr(f->text, "sctp_timeouts")); /* it is zero */
    assert_true(check_nesting(f->text) > 100);
    free_addresses(f);
}

/* No script, nothing from elsewhere. */
static void the_page_stands_alone(void **state)
{
    fixture_t *f = *state;
    static const char *const never[] = {"<script", "javascript", "://", "src=", "url(", "@import", "<link", "<img"};
    (void)write_all(f, minke__metrics_write_page);
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) assert_null(strstr(f->text, never[i]));
    f->snapshot.relay = NULL;
    (void)write_all(f, minke__metrics_write_page);
    assert_null(strstr(f->text, "Reservations"));
    assert_null(strstr(f->text, "elay</h"));
    (void)check_nesting(f->text);
}

static void what_others_wrote_is_escaped_on_the_page(void **state)
{
    fixture_t *f = *state;
    f->snapshot.agent = "<b onclick='x'>&\"";
    add_address(f, "/dns/<i>/tcp/1");
    (void)write_all(f, minke__metrics_write_page);
    assert_non_null(strstr(f->text, "&lt;b onclick=&#39;x&#39;&gt;&amp;&quot;"));
    assert_non_null(strstr(f->text, "/dns/&lt;i&gt;/tcp/1"));
    (void)check_nesting(f->text);
    free_addresses(f);
}

static void not_all_of_many_addresses_are_shown(void **state)
{
    fixture_t *f = *state;
    size_t shown = 0;
    for (int i = 0; i < 1000; i++) add_address(f, "/ip4/192.0.2.1/tcp/4001");
    (void)write_all(f, minke__metrics_write_page);
    for (const char *at = f->text; (at = strstr(at, "<li>")) != NULL; at++) shown++;
    assert_int_equal(shown, 64);
    assert_non_null(strstr(f->text, "No more than these are shown."));
    free_addresses(f);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_family_is_there_once),
        TEST(a_host_that_is_no_relay_has_no_relay_metrics),
        TEST(values_stand_where_they_belong),
        TEST(values_of_labels_are_escaped),
        TEST(too_little_room_fails),
        TEST(the_document_explains_every_family_and_no_other),
        TEST(the_page_shows_what_there_is),
        TEST(the_page_stands_alone),
        TEST(what_others_wrote_is_escaped_on_the_page),
        TEST(not_all_of_many_addresses_are_shown),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
