#!/bin/sh
# The core archive is sans-IO: this lists every symbol that it wants from outside and fails on any that is not known to
# be pure. So a socket, clock, thread or stdio call cannot come in unnoticed, nor can one that nobody has thought of yet.
# It also fails on a global name of ours without our prefix, which would clash in somebody else's program.
#
#   tests/purity.sh build/libminke-core.a     check it
#   tests/purity.sh --self-test               prove that a violation is found
set -eu
LC_ALL=C
export LC_ALL

# One extended regular expression per line, matched against whole symbol names.
pure() {
    cat <<'LIST'
mem(cpy|move|set|cmp|chr|rchr|mem)
__(mem(cpy|move|set)|str(cpy|cat|ncpy))_chk
str(len|nlen|cmp|ncmp|chr|rchr|str|spn|cspn)
malloc|calloc|realloc|free|abort
qsort|bsearch|cbrt|cbrtf|sqrt|pow
__assert_fail|__stack_chk_fail
_GLOBAL_OFFSET_TABLE_|__tls_get_addr|__cpu_model|__cpu_indicator_init|__popcount[sdt]i2
(ASN1|BN|BIO|BUF|CRYPTO|DH|DSA|DTLS|DTLSv1(_2)?|EC|ECDSA|ECPARAMETERS|ERR|EVP|GENERAL_NAME|HMAC|NCONF|OBJ|OPENSSL|OSSL|PEM|RAND|RSA|SHA256|SSL|TLS|X509|X509V3)_.*
(i2d|d2i|o2i|i2o)_.*
crypto_(scalarmult_curve25519(_base)?|sign_ed25519_verify_detached)
json_(loadb|dumpb|delete|object|object_get|object_seed|object_set_new|string|string_value|string_length|integer|integer_value|null)
LIST
}

# Allowed by a line above, and yet not pure: OpenSSL's own ways to files, sockets, the clock and the terminal.
impure_openssl() {
    cat <<'LIST'
BIO_(new_file|new_fp|s_file|s_socket|new_socket|s_datagram.*|new_dgram.*|s_connect|new_connect|s_accept|new_accept|s_fd|new_fd|s_log|printf|vprintf|snprintf|vsnprintf|dump.*|socket|sock_.*|bind|connect|listen|accept_ex|gethostbyname|lookup.*|get_port|wait)
.*_(print|dump)(_ex)?_(fp|cb)|.*_print_fp|ERR_print_errors.*|.*_print(_ex)?|.*_dump_fp
PEM_(read|write)_[A-Zd-z].*
(i2d|d2i)_.*_fp
X509_(gmtime_adj|time_adj|time_adj_ex|cmp_current_time)|ASN1_(TIME|UTCTIME|GENERALIZEDTIME)_(adj|set)
CRYPTO_(THREAD_.*|atomic_.*)
RAND_(load_file|write_file|file_name|poll)
SSL_(set_(fd|rfd|wfd)|CTX_load_verify_.*|CTX_use_.*_file|use_.*_file)|OPENSSL_(issetugid|DIR_.*)
LIST
}

joined() { "$1" | paste -sd '|' -; }

# The kind of a symbol that is no pure one: for the message only.
kind_of() {
    case $1 in
    minke_*) echo "nobody defines it" ;;
    socket* | *send* | *recv* | bind | connect | listen | accept* | *poll* | select | *sockopt | getaddrinfo | inet_*) echo socket ;;
    *time* | clock* | *sleep) echo clock ;;
    pthread_* | thrd_* | mtx_* | cnd_* | tss_* | sem_* | call_once) echo thread ;;
    *printf* | *scanf* | f[a-z]* | put* | get[cs]* | std* | perror) echo stdio ;;
    read | write | open* | close | *env | ioctl | mmap*) echo system ;;
    json_*) echo "jansson I/O" ;;
    BIO_* | PEM_* | X509_* | CRYPTO_* | RAND_* | SSL_* | ERR_* | EVP_* | ASN1_* | [id]2[id]_*) echo "OpenSSL I/O" ;;
    *) echo unknown ;;
    esac
}

# "object symbol" of everything undefined in the archive that no object of it defines.
wanted() {
    nm -A -P -g "$1" | awk '
        { object = $1; sub(/^.*\[/, "", object); sub(/\]:.*$/, "", object) }
        $3 == "U" || $3 == "w" || $3 == "v" { wants[object " " $2] = $2; next }
        { defined[$2] = 1 }
        END { for (key in wants) if (!(wants[key] in defined)) print key }' | sort
}

check() {
    archive=$1
    bad=0
    [ -s "$archive" ] || { echo "purity: there is no $archive"; return 1; }
    allowed="^($(joined pure))$"
    denied="^($(joined impure_openssl))$"
    list=$(wanted "$archive")
    for symbol in $(printf '%s\n' "$list" | awk 'NF { print $2 }' | sort -u); do
        if printf '%s\n' "$symbol" | grep -Eq "$allowed" && ! printf '%s\n' "$symbol" | grep -Eq "$denied"; then continue; fi
        objects=$(printf '%s\n' "$list" | awk -v symbol="$symbol" '$2 == symbol { print $1 }' | paste -sd ' ' -)
        echo "purity: $symbol ($(kind_of "$symbol")) wanted by $objects"
        bad=$((bad + 1))
    done
    for symbol in $(nm -P -g --defined-only "$archive" | awk '$2 ~ /^[A-TX-Z]$/ && $1 !~ /^minke_/ { print $1 }' | sort -u); do
        echo "purity: $symbol is global and does not begin with minke_"
        bad=$((bad + 1))
    done
    if [ "$bad" -gt 0 ]; then
        echo "purity: $archive: $bad symbols do not belong there"
        return 1
    fi
    echo "purity: $archive wants $(printf '%s\n' "$list" | awk 'NF { print $2 }' | sort -u | wc -l) symbols from outside, all pure"
}

# An archive of one C text, checked: `expect pure|impure NAME TEXT`.
expect() {
    printf '%s\n' "$3" >"$dir/$2.c"
    ${CC:-cc} -w -c "$dir/$2.c" -o "$dir/$2.o"
    rm -f "$dir/$2.a"
    ar rc "$dir/$2.a" "$dir/$2.o"
    verdict=impure
    if check "$dir/$2.a" >"$dir/$2.out"; then verdict=pure; fi
    if [ "$verdict" != "$1" ]; then
        echo "purity self-test: $2 is $1 but was found $verdict"
        cat "$dir/$2.out"
        exit 1
    fi
}

self_test() {
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
    expect pure plain 'void *malloc(unsigned long); void *minke_f(void) { return malloc(1); }'
    expect pure openssl 'void EVP_MD_CTX_free(void *); void minke_f(void) { EVP_MD_CTX_free(0); }'
    for name in socket sendto sendmmsg recvmsg epoll_wait poll select clock_gettime gettimeofday time nanosleep \
        pthread_mutex_lock thrd_create printf snprintf __printf_chk __snprintf_chk fopen fputs puts write close getenv \
        timerfd_create BIO_new_file json_load_file json_dumpf BIO_printf X509_gmtime_adj ERR_print_errors_fp CRYPTO_THREAD_lock_new; do
        expect impure "$name" "int $name(); int minke_f(void) { return $name(); }"
    done
    expect impure stdout 'extern void *stdout; void *minke_f(void) { return stdout; }'
    expect impure unprefixed 'int helper(void) { return 1; }'
    echo "purity self-test: every violation is found"
}

case ${1:-} in
--self-test) self_test ;;
'' | -*) echo "usage: tests/purity.sh ARCHIVE | --self-test" >&2; exit 2 ;;
*) check "$1" ;;
esac
