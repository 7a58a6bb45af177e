#include <stdio.h>
#include <string.h>

#include "cli.h"

static const char help[] =
    "usage: minke key new FILE     make a new Ed25519 identity (never overwrites)\n"
    "       minke key show FILE    print its peer id and certhash\n"
    "\n"
    "The file holds a libp2p PrivateKey (protobuf), as other implementations read and write it;\n"
    "`show` also takes RSA, secp256k1 and ECDSA keys.\n"
    "\n"
    "  --json    one JSON object per line\n";

static int show(const char *path, const unsigned char *key, long len)
{
    char peer[MINKE_PEER_BYTES], certhash[64];
    const char *type;
    int error = minke_key_peer(key, (size_t)len, peer, &type);
    if (error == MINKE_OK) error = minke_key_certhash(key, (size_t)len, certhash, sizeof certhash);
    if (error < 0) {
        char text[512];
        (void)snprintf(text, sizeof text, "%s: not a usable libp2p private key: %s", path, minke_error_text(error));
        return cli_result(EXIT_LOCAL, "host", text, NULL);
    }
    if (!cli_output.json) (void)printf("type      %s\npeer id   %s\ncerthash  %s\n", type, peer, certhash);
    return cli_result(EXIT_DONE, NULL, NULL,
                      json_pack("{s:s, s:s, s:s}", "type", type, "peer", peer, "certhash", certhash));
}

int cli_key(int argc, char **argv)
{
    unsigned char key[CLI_KEY_MAX];
    const char *words[2] = {NULL, NULL};
    int words_n = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            cli_output.json = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            (void)fputs(help, stdout);
            return EXIT_DONE;
        } else if (argv[i][0] != '-' && words_n < 2) {
            words[words_n++] = argv[i];
        } else {
            words_n = 3;
        }
    }
    const bool make = words_n == 2 && strcmp(words[0], "new") == 0;
    if (words_n != 2 || (!make && strcmp(words[0], "show") != 0)) {
        (void)fputs(help, stderr);
        return EXIT_USAGE;
    }
    const long len = make ? cli_make_key(words[1], key) : cli_read_key(words[1], key);
    if (len < 0) return cli_result(EXIT_LOCAL, "host", "the key file cannot be read or made", NULL);
    return show(words[1], key, len);
}
