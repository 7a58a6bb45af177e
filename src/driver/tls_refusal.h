/* Why a certificate is refused, as a sentence that says exactly what is wrong and what to do. */
#ifndef MINKE_DRIVER_TLS_REFUSAL_H
#define MINKE_DRIVER_TLS_REFUSAL_H

#include <openssl/x509.h>

#include "base/wire.h"

/* `certificate` is the one that verification stopped at, at `depth` of the chain (0: the host's own); it may be NULL.
 * `error` is X509_V_ERR_*. `host` is what was dialled. What certificates say of themselves is shown as visible ASCII.
 */
void minke__tls_refusal(minke_writer_t *w, const X509 *certificate, int depth, int error, const char *host);

#endif
