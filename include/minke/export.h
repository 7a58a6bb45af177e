/* Symbol visibility and compiler hints of the public headers. */
#ifndef MINKE_EXPORT_H
#define MINKE_EXPORT_H

/* MINKE_API: part of the public interface, exported from the shared libraries, which export nothing else.
 * MINKE_MUST_USE: a result that must be looked at; the compiler warns where it is not. */
#if defined(__GNUC__)
#define MINKE_API __attribute__((visibility("default")))
#define MINKE_MUST_USE __attribute__((warn_unused_result))
#else
#define MINKE_API
#define MINKE_MUST_USE
#endif

#endif
