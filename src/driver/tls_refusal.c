#include "driver/tls_refusal.h"

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "base/address.h"

/* A sentence has 192 bytes: these lengths leave room for the rest of it. */
enum { HOST_SHOWN = 40, AUTHORITY_SHOWN = 40, NAME_SHOWN = 30, NAMES_SHOWN = 3 };

/* Whoever made the certificate chose these bytes, and they go to a terminal. */
static void write_shown(minke_writer_t *w, const uint8_t *bytes, size_t len, size_t max)
{
    for (size_t i = 0; i < len && i < max; i++) {
        const bool is_visible = bytes[i] >= ' ' && bytes[i] < 0x7f;
        minke__write_u8(w, is_visible ? bytes[i] : '?');
    }
    if (len > max) minke__write_text(w, "..");
}

static void write_host(minke_writer_t *w, const char *host)
{
    write_shown(w, (const uint8_t *)host, strlen(host), HOST_SHOWN);
}

/* "expired on 2026-01-02": UTC. */
static void write_date(minke_writer_t *w, const ASN1_TIME *time)
{
    struct tm parts;
    if (time == NULL || ASN1_TIME_to_tm(time, &parts) != 1 || parts.tm_year < 0) {
        minke__write_text(w, "an unreadable date");
        return;
    }
    minke__write_decimal(w, (uint64_t)parts.tm_year + 1900);
    minke__write_text(w, parts.tm_mon < 9 ? "-0" : "-");
    minke__write_decimal(w, (uint64_t)parts.tm_mon + 1);
    minke__write_text(w, parts.tm_mday < 10 ? "-0" : "-");
    minke__write_decimal(w, (uint64_t)parts.tm_mday);
}

/* The common name, else the organization, as authorities have one or the other. */
static void write_authority(minke_writer_t *w, const X509_NAME *name)
{
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    if (at < 0) at = X509_NAME_get_index_by_NID(name, NID_organizationName, -1);
    const ASN1_STRING *text = at >= 0 ? X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)) : NULL;
    minke__write_text(w, "\"");
    if (text != NULL) write_shown(w, ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text), AUTHORITY_SHOWN);
    minke__write_text(w, "\"");
}

/* "the certificate of HOST" or "the certificate of the authority NAME" */
static void write_subject(minke_writer_t *w, const X509 *certificate, int depth, const char *host)
{
    minke__write_text(w, "the certificate of ");
    if (depth == 0) {
        write_host(w, host);
        return;
    }
    minke__write_text(w, "the authority ");
    write_authority(w, X509_get_subject_name(certificate));
    minke__write_text(w, " of ");
    write_host(w, host);
}

/* False: no name of a host. */
static bool write_general_name(minke_writer_t *w, const GENERAL_NAME *name)
{
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    if (type != GEN_DNS && type != GEN_IPADD) return false;
    const uint8_t *bytes = ASN1_STRING_get0_data(value);
    const size_t len = (size_t)ASN1_STRING_length(value);
    if (type == GEN_DNS) {
        write_shown(w, bytes, len, NAME_SHOWN);
        return true;
    }
    if (len != 4 && len != 16) return false;
    minke_address_t address = {.family = len == 4 ? MINKE_FAMILY_IP4 : MINKE_FAMILY_IP6};
    memcpy(address.ip, bytes, len);
    minke__write_ip(w, &address);
    return true;
}

/* Returns how many there are; some of them are written. */
static size_t write_names(minke_writer_t *w, const GENERAL_NAMES *names)
{
    size_t n = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        uint8_t text[64];
        minke_writer_t one = minke__writer(text, sizeof text);
        if (!write_general_name(&one, sk_GENERAL_NAME_value(names, i))) continue;
        if (n > 0 && n < NAMES_SHOWN) minke__write_text(w, ", ");
        if (n++ < NAMES_SHOWN) minke__write_bytes(w, text, one.len);
    }
    if (n <= NAMES_SHOWN) return n;
    minke__write_text(w, " and ");
    minke__write_decimal(w, n - NAMES_SHOWN);
    minke__write_text(w, " more");
    return n;
}

static void write_mismatch(minke_writer_t *w, const X509 *certificate, const char *host)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    minke__write_text(w, "the certificate is for ");
    if (write_names(w, names) == 0) minke__write_text(w, "no host at all");
    minke__write_text(w, ", not for ");
    write_host(w, host);
    GENERAL_NAMES_free(names);
}

static void write_untrusted(minke_writer_t *w, const X509_NAME *authority, const char *host)
{
    minke__write_text(w, "the certificate of ");
    write_host(w, host);
    minke__write_text(w, " is signed by an authority that this machine does not trust: ");
    write_authority(w, authority);
    minke__write_text(w, "; is ca-certificates installed?");
}

void minke__tls_refusal(minke_writer_t *w, const X509 *certificate, int depth, int error, const char *host)
{
    switch (certificate != NULL ? error : X509_V_ERR_UNSPECIFIED) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        write_subject(w, certificate, depth, host);
        minke__write_text(w, " expired on ");
        write_date(w, X509_get0_notAfter(certificate));
        minke__write_text(w, ": its operator must renew it, or this machine's clock is wrong");
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        write_subject(w, certificate, depth, host);
        minke__write_text(w, " is not valid before ");
        write_date(w, X509_get0_notBefore(certificate));
        minke__write_text(w, ": is this machine's clock right?");
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: write_mismatch(w, certificate, host); break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        write_subject(w, certificate, depth, host);
        minke__write_text(w, " is self-signed: nobody vouches for it; if it is yours, add it to the trusted ones");
        break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: write_untrusted(w, X509_get_subject_name(certificate), host); break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: write_untrusted(w, X509_get_issuer_name(certificate), host); break;
    default:
        minke__write_text(w, "the certificate of ");
        write_host(w, host);
        minke__write_text(w, " is refused: ");
        minke__write_text(w, X509_verify_cert_error_string(error));
    }
}
