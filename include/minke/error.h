/* Errors: every function that can fail returns one of these, negative; zero or a count is success. */
#ifndef MINKE_ERROR_H
#define MINKE_ERROR_H

#include <minke/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Three families, told apart by range:
 *   -1 ..  -99  the caller's mistake, or a resource of this process: nothing has changed, fix the call
 * -100 .. -199  not now: call again after the event that the function names
 * -200 .. -299  the stream or the connection that the call named has ended: stop using it
 *
 * What to do then, where the function that returned it does not say otherwise:
 *
 *   INVALID, STATE        a bug of the caller's: fix it
 *   MALFORMED, ADDRESS    the text or the bytes are not what was wanted: tell whoever gave them
 *   UNSUPPORTED           well-formed, but of a kind that is not there (a key type, a protocol of the remote's)
 *   TOO_LARGE, NO_SPACE   give less, or a larger buffer
 *   STALE                 forget the number: it belongs to nothing any more
 *   LIMIT                 wait until something of the kind has gone, or raise the limit in the options
 *   NO_MEMORY             nothing has changed; the call may be repeated later
 *   SYSTEM                errno says what is wrong with a socket or a descriptor of this process
 *   CRYPTO                OpenSSL does not work, or a signature or a ciphertext of the remote's is wrong
 *   EXISTS                it is there already: nothing to do
 *   LIMITED               wait for a direct connection, or allow it: minke_allow_limited
 *   AGAIN, TIMEOUT        go on later; no harm done
 *   NOT_MINE              hand the datagram to whoever shares the port
 *   STREAM_*, CONNECTION_CLOSED   stop using the stream or the connection; its last event is coming
 *
 * X(name, value, text)
 */
#define MINKE_ERROR_LIST(X)                                                                                            \
    X(INVALID, -1, "invalid argument")                                                                                 \
    X(NO_MEMORY, -2, "out of memory")                                                                                  \
    X(STALE, -3, "no such connection or stream (closed, or never existed)")                                            \
    X(STATE, -4, "not possible in the present state")                                                                  \
    X(LIMIT, -5, "a configured limit has been reached")                                                                \
    X(TOO_LARGE, -6, "value too large")                                                                                \
    X(NO_SPACE, -7, "the caller's buffer is too small")                                                                \
    X(UNSUPPORTED, -8, "not supported")                                                                                \
    X(MALFORMED, -9, "malformed data")                                                                                 \
    X(CRYPTO, -10, "a cryptographic operation failed")                                                                 \
    X(SYSTEM, -11, "the operating system refused (see errno)")                                                         \
    X(ADDRESS, -12, "not a usable address")                                                                            \
    X(EXISTS, -13, "already exists")                                                                                   \
    X(LIMITED, -14, "the connection is relayed and limited, and this protocol may not run on it")                      \
    X(AGAIN, -100, "nothing to do now, try again after the next event")                                                \
    X(NOT_MINE, -101, "the datagram does not belong to this transport")                                                \
    X(TIMEOUT, -102, "timed out")                                                                                      \
    X(STREAM_RESET, -200, "the stream was reset")                                                                      \
    X(STREAM_STOPPED, -201, "the remote stopped reading this stream")                                                  \
    X(STREAM_FINISHED, -202, "the write side is already finished")                                                     \
    X(CONNECTION_CLOSED, -203, "the connection is closed")

/** Result codes. `MINKE_OK` and every non-negative value mean success. */
typedef enum minke_error {
    MINKE_OK = 0,
#define MINKE_ERROR_ENUM(name, value, text) MINKE_ERROR_##name = (value),
    MINKE_ERROR_LIST(MINKE_ERROR_ENUM)
#undef MINKE_ERROR_ENUM
} minke_error_t;

/** A sentence for an error code, in English, never NULL, valid for ever. Unknown codes give "unknown error". */
MINKE_API const char *minke_error_text(int error);

/** The name of an error code without prefix ("NO_MEMORY"), never NULL, valid for ever. */
MINKE_API const char *minke_error_name(int error);

#ifdef __cplusplus
}
#endif

#endif
