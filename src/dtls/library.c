#include "dtls/library.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/x509.h>

/* What stays, by operation; names as OpenSSL has them. HMAC is a key too: libssl makes one for its records. */
static const struct {
    int operation;
    const char *names[12];
} wanted[] = {
    {OSSL_OP_DIGEST, {"MD5", "MD5-SHA1", "SHA1", "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512"}},
    {OSSL_OP_CIPHER, {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305", "AES-256-CTR"}},
    {OSSL_OP_MAC, {"HMAC"}},
    {OSSL_OP_KDF, {"TLS1-PRF", "HKDF"}},
    {OSSL_OP_RAND, {"CTR-DRBG", "SEED-SRC"}},
    {OSSL_OP_KEYMGMT, {"EC", "RSA", "X25519", "HMAC"}},
    {OSSL_OP_KEYEXCH, {"ECDH", "X25519"}},
    {OSSL_OP_SIGNATURE, {"ECDSA", "RSA", "HMAC"}},
    {OSSL_OP_DECODER, {"EC", "RSA"}},
};
enum { OPERATIONS = sizeof wanted / sizeof wanted[0], KEPT_MAX = 16 };

/* Made once per process, and never freed or changed afterwards. */
typedef struct source {
    OSSL_LIB_CTX *whole;
    OSSL_PROVIDER *provider;                   /* its "default" */
    OSSL_ALGORITHM kept[OPERATIONS][KEPT_MAX]; /* each list ends with an empty entry */
} source_t;

static _Atomic(source_t *) source; /* what the functions of the provider find without being told */

/* ---- the provider ---- */

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    source_t *from = atomic_load_explicit(&source, memory_order_acquire);
    (void)provider;
    *no_cache = 0;
    for (size_t i = 0; i < OPERATIONS; i++) {
        if (wanted[i].operation == operation) return from->kept[i];
    }
    return NULL;
}

/* The groups of TLS are told here. */
static int capabilities(void *provider, const char *name, OSSL_CALLBACK *callback, void *argument)
{
    (void)provider;
    return OSSL_PROVIDER_get_capabilities(atomic_load_explicit(&source, memory_order_acquire)->provider, name, callback,
                                          argument);
}

static int begin_provider(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                          void **provider)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))capabilities},
        {0, NULL},
    };
    (void)handle;
    (void)in;
    *out = functions;
    /* What its algorithms expect. */
    *provider = OSSL_PROVIDER_get0_provider_ctx(atomic_load_explicit(&source, memory_order_acquire)->provider);
    return 1;
}

/* ---- its lists ---- */

/* `names`: "first:second:..". */
static bool has_name(const char *names, const char *name)
{
    const size_t len = strlen(name);
    while (names != NULL) {
        if (strncmp(names, name, len) == 0 && (names[len] == ':' || names[len] == '\0')) return true;
        names = strchr(names, ':');
        if (names != NULL) names++;
    }
    return false;
}

static bool is_wanted(size_t list, const OSSL_ALGORITHM *algorithm)
{
    /* Certificates have their keys as SubjectPublicKeyInfo; every other structure is another decoder to set up. */
    if (wanted[list].operation == OSSL_OP_DECODER &&
        strstr(algorithm->property_definition, "structure=SubjectPublicKeyInfo") == NULL)
        return false;
    for (const char *const *name = wanted[list].names; *name != NULL; name++) {
        if (has_name(algorithm->algorithm_names, *name)) return true;
    }
    return false;
}

/* False: there is none of a kind, or there are more than expected. Either way this is not the OpenSSL that we know. */
static bool keep_wanted(source_t *from, size_t list)
{
    size_t n = 0;
    int no_cache;
    const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(from->provider, wanted[list].operation, &no_cache);
    for (; all != NULL && all->algorithm_names != NULL; all++) {
        if (!is_wanted(list, all)) continue;
        if (n == KEPT_MAX - 1) return false;
        from->kept[list][n++] = *all;
    }
    return n > 0;
}

static void free_source(source_t *from)
{
    if (from == NULL) return;
    if (from->provider != NULL) OSSL_PROVIDER_unload(from->provider);
    OSSL_LIB_CTX_free(from->whole);
    OPENSSL_free(from);
}

static source_t *new_source(void)
{
    source_t *from = OPENSSL_zalloc(sizeof *from);
    if (from == NULL) return NULL;
    from->whole = OSSL_LIB_CTX_new();
    from->provider = from->whole != NULL ? OSSL_PROVIDER_load(from->whole, "default") : NULL;
    bool complete = from->provider != NULL;
    for (size_t i = 0; complete && i < OPERATIONS; i++) complete = keep_wanted(from, i);
    if (complete) return from;
    free_source(from);
    return NULL;
}

/* ---- the contexts, each made by whoever comes first: the loser of a race frees its copy ---- */

static bool have_source(void)
{
    source_t *winner = atomic_load_explicit(&source, memory_order_acquire);
    if (winner != NULL) return true;
    source_t *made = new_source();
    if (made == NULL) return false;
    if (!atomic_compare_exchange_strong(&source, &winner, made)) free_source(made);
    return true;
}

static OSSL_LIB_CTX *new_lean(OSSL_PROVIDER **provider)
{
    OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();
    *provider = NULL;
    if (library != NULL && OSSL_PROVIDER_add_builtin(library, "minke", begin_provider) == 1)
        *provider = OSSL_PROVIDER_load(library, "minke");
    if (*provider != NULL) return library;
    OSSL_LIB_CTX_free(library);
    return NULL;
}

/* Later releases keep decoders themselves, and may ask a provider for what is not forwarded here. */
static bool is_release_known(void) { return OPENSSL_version_major() == 3 && OPENSSL_version_minor() < 2; }

OSSL_LIB_CTX *minke__dtls_library(void)
{
    static _Atomic(OSSL_LIB_CTX *) lean;
    OSSL_LIB_CTX *winner = atomic_load_explicit(&lean, memory_order_acquire);
    if (winner != NULL) return winner;
    OSSL_PROVIDER *provider;
    OSSL_LIB_CTX *made = is_release_known() && have_source() ? new_lean(&provider) : NULL;
    ERR_clear_error();
    if (made == NULL) return NULL;
    if (atomic_compare_exchange_strong(&lean, &winner, made)) return made;
    OSSL_PROVIDER_unload(provider);
    OSSL_LIB_CTX_free(made);
    return winner;
}

/* ---- what is brought in ---- */

EVP_PKEY *minke__dtls_library_key(OSSL_LIB_CTX *library, const EVP_PKEY *key)
{
    OSSL_PARAM *parts = NULL;
    EVP_PKEY *copy = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(library, EVP_PKEY_get0_type_name(key), NULL);
    if (context == NULL || EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &parts) != 1 ||
        EVP_PKEY_fromdata_init(context) != 1 || EVP_PKEY_fromdata(context, &copy, EVP_PKEY_KEYPAIR, parts) != 1)
        copy = NULL;
    OSSL_PARAM_free(parts);
    EVP_PKEY_CTX_free(context);
    return copy;
}

X509 *minke__dtls_library_certificate(OSSL_LIB_CTX *library, const X509 *certificate)
{
    unsigned char *der = NULL;
    const int len = i2d_X509(certificate, &der);
    const unsigned char *at = der;
    X509 *copy = len > 0 ? X509_new_ex(library, NULL) : NULL;
    if (copy != NULL && d2i_X509(&copy, &at, len) == NULL) copy = NULL; /* which has freed it */
    OPENSSL_free(der);
    return copy;
}
