#!/usr/bin/env bash
# The command line over wss: a listener behind proxies that take TLS off, with certificates of an authority of the
# test's own. What is right connects; what is wrong ends with code 1, names the layer, and says what is wrong.
#
#     tests/cli/wss.sh [PATH-OF-MINKE]
set -uo pipefail
here=$(dirname "$(realpath "$0")")
minke=$(realpath "${1:-build/minke}")
work=$(mktemp -d)
started=()
trap 'kill "${started[@]}" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0 failed=0

# expect CODE PATTERN COMMAND...: ends with CODE within its time, and prints PATTERN on stdout.
expect() {
    local code=$1 pattern=$2 got=0
    shift 2
    timeout 30 "$@" >out 2>err </dev/null || got=$?
    if [ "$got" -eq "$code" ] && grep -qE -- "$pattern" out; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n  wanted code %s and /%s/, got code %s and\n' "$*" "$code" "$pattern" "$got"
        sed 's/^/    /' out err
    fi
}

# within_5_s COMMAND...: until it prints something
within_5_s() {
    local text=
    for _ in $(seq 50); do
        text=$("$@")
        if [ -n "$text" ]; then break; fi
        sleep 0.1
    done
    echo "$text"
}

# ---- certificates. `openssl ca` alone sets dates in OpenSSL 3.0.
cat >ca.conf <<'END'
[ca]
default_ca = here
[here]
database = index.txt
new_certs_dir = .
default_md = sha256
policy = any
rand_serial = yes
unique_subject = no
[any]
commonName = supplied
END
: >index.txt
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.pem" -days 2 \
        -subj "/CN=$1" 2>>openssl.log
}
# certificate NAME AUTHORITY SUBJECT-ALT-NAMES [FROM TO]
certificate() {
    local name=$1 by=$2 names=$3 from=${4-$(date -u -d '1 day ago' +%Y%m%d%H%M%SZ)}
    local to=${5-$(date -u -d '1 day' +%Y%m%d%H%M%SZ)}
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$name.key" -out "$name.csr" \
        -subj "/CN=$name" 2>>openssl.log
    echo "subjectAltName = $names" >"$name.ext"
    openssl ca -batch -notext -config ca.conf -cert "$by.pem" -keyfile "$by.key" -in "$name.csr" -out "$name.pem" \
        -extfile "$name.ext" -startdate "$from" -enddate "$to" 2>>openssl.log
}
authority trusted
authority stranger
certificate good trusted DNS:localhost,IP:127.0.0.1
certificate other trusted DNS:other.example
certificate old trusted DNS:localhost 20240101000000Z 20240201000000Z
certificate unknown stranger DNS:localhost
if ! [ -s unknown.pem ]; then
    cat openssl.log
    echo "wss: openssl made no certificates"
    exit 1
fi

# ---- a listener, and a proxy for each certificate
"$minke" listen --json --listen /ip4/127.0.0.1/tcp/0/ws >listener.log 2>&1 &
started+=($!)
upstream=$(within_5_s sed -n 's/.*"listening","addr":".ip4.127.0.0.1.tcp.\([0-9]*\).*/\1/p' listener.log)
declare -A port
for name in good other old unknown; do
    "$here/tls_proxy.py" $name.pem $name.key "$upstream" >$name.port 2>$name.log &
    started+=($!)
done
for name in good other old unknown; do port[$name]=$(within_5_s cat $name.port); done
localhost() { echo "/dns4/localhost/tcp/${port[$1]}/wss"; }

# ---- accepted
expect 0 '"ok":true.*"path":"wss"' "$minke" dial --json --ca trusted.pem "$(localhost good)"
expect 0 '"ok":true.*"path":"wss"' "$minke" dial --json --ca trusted.pem "/ip4/127.0.0.1/tcp/${port[good]}/tls/ws"
expect 0 '"ok":true.*"path":"wss"' "$minke" dial --json --ca trusted.pem \
    "/ip4/127.0.0.1/tcp/${port[good]}/tls/sni/localhost/ws"
expect 0 '"event":"pong"' "$minke" ping --json -c 3 -i 10 --ca trusted.pem "$(localhost good)"
expect 0 'agent' "$minke" id --ca trusted.pem "$(localhost good)"
expect 0 '"ok":true' "$minke" perf --json --upload 1M --download 1M --ca trusted.pem "$(localhost good)"
head -c 300000 /dev/urandom >sent
timeout 30 "$minke" cat --ca trusted.pem "$(localhost good)" /echo/1.0.0 <sent >received 2>err
if cmp -s sent received; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "FAILED: cat over wss: what came back is not what was sent"
    cat err
fi

# ---- refused
refused='"ok":false,"layer":"network","error":"'
for command in dial ping; do
    expect 1 "${refused}the certificate of localhost expired on 2024-02-01: its operator must renew it" \
        "$minke" $command --json --ca trusted.pem "$(localhost old)"
    expect 1 "${refused}the certificate is for other.example, not for localhost" \
        "$minke" $command --json --ca trusted.pem "$(localhost other)"
    expect 1 "${refused}the certificate of localhost is signed by an authority that this machine does not trust: ..stranger" \
        "$minke" $command --json --ca trusted.pem "$(localhost unknown)"
    expect 1 "${refused}the certificate of localhost is signed by an authority that this machine does not trust: ..trusted" \
        "$minke" $command --json "$(localhost good)"
    expect 1 "${refused}the remote does not speak TLS here: is it /ws rather than /wss" \
        "$minke" $command --json --ca trusted.pem "/dns4/localhost/tcp/$upstream/wss"
    expect 3 "${refused}the file of authorities cannot be read, No such file or directory: nowhere.pem" \
        "$minke" $command --json --ca nowhere.pem "$(localhost good)"
    expect 3 "${refused}the DNS servers to ask are not of the form" \
        "$minke" $command --json --dns nonsense /dns4/a.example/tcp/1/wss
done

echo "wss on the command line: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
