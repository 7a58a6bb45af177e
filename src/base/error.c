#include <minke/error.h>
#include <minke/types.h>

const char *minke_error_text(int error)
{
    switch (error) {
    case MINKE_OK: return "success";
#define ERROR_TEXT(name, value, text)                                                                                  \
    case MINKE_ERROR_##name: return text;
        MINKE_ERROR_LIST(ERROR_TEXT)
#undef ERROR_TEXT
    default: return error > 0 ? "success" : "unknown error";
    }
}

const char *minke_error_name(int error)
{
    switch (error) {
#define ERROR_NAME(name, value, text)                                                                                  \
    case MINKE_ERROR_##name: return #name;
        MINKE_ERROR_LIST(ERROR_NAME)
#undef ERROR_NAME
    default: return error >= 0 ? "OK" : "UNKNOWN";
    }
}

const char *minke_layer_name(minke_layer_t layer)
{
    static const char *const names[] = {"none", "network", "ice", "dtls", "sctp", "stream", "relay", "noise", "host"};
    return (unsigned)layer < sizeof names / sizeof names[0] ? names[layer] : "unknown";
}
