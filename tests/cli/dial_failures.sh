#!/usr/bin/env bash
# `minke dial` against listeners that stop, or go mad, after each step of the set-up: it ends within its timeout, with
# code 1, names the layer, and says what to check. All at once, since each of them waits.
#
#     tests/cli/dial_failures.sh [PATH-OF-MINKE [PATH-OF-INTEROP-FAULTY]]
set -uo pipefail
minke=$(realpath "${1:-build/minke}")
faulty=$(realpath "${2:-build/tests/interop-faulty}")
work=$(mktemp -d)
trap 'kill $(cat "$work"/*.pid) 2>/dev/null; rm -rf "$work"' EXIT
timeout=3

# judge NAME ADDR LAYER SENTENCE
judge() {
    local name=$1 addr=$2 layer=$3 sentence=$4 code=0 begun took
    begun=$(date +%s%N)
    "$minke" dial --timeout $timeout --json "$addr" >"$work/$name.out" 2>"$work/$name.err" || code=$?
    took=$((($(date +%s%N) - begun) / 1000000))
    if [ $code -eq 1 ] && [ $took -lt $((timeout * 1000 + 1000)) ] &&
        tail -n 1 "$work/$name.out" | grep -q "\"ok\":false,\"layer\":\"$layer\",\"error\":\"[^\"]*$sentence"; then
        echo ok >"$work/$name.verdict"
    else
        printf 'FAILED: %s: wanted layer %s and /%s/ within %s s; code %s after %s ms:\n' "$name" "$layer" "$sentence" \
            $timeout $code $took
        sed 's/^/    /' "$work/$name.out" "$work/$name.err"
    fi
}

# against FAULT LAYER SENTENCE: a listener of its own, in the background
against() {
    local fault=$1 addr=
    "$faulty" "$fault" >"$work/$fault.log" &
    echo $! >"$work/$fault.pid"
    for _ in $(seq 50); do
        addr=$(sed -n 's/.*"listening","addr":"\([^"]*\)".*/\1/p' "$work/$fault.log")
        if [ -n "$addr" ]; then break; fi
        sleep 0.1
    done
    judge "$fault" "$addr" "$2" "$3"
}

certhash=uEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
cases=0
run() {
    cases=$((cases + 1))
    "$@" &
    running="${running-} $!"
}
run against silent ice 'nobody listens at this address, or UDP is blocked'
run against echo ice 'our own checks came back'
run against ice-garbage ice 'nobody listens at this address'
run against no-dtls dtls 'is this a webrtc-direct listener'
run against dtls-flight dtls 'not finished, in time'
run against dtls-garbage dtls 'DTLS'
run against no-sctp sctp 'SCTP was not answered'
run against sctp-garbage sctp 'SCTP was not answered'
run against no-noise noise 'Noise was not completed'
run against noise-1 noise 'Noise was not completed'
run against noise-garbage noise 'Noise message 1'
run judge refused "/ip4/127.0.0.1/udp/9/webrtc-direct/certhash/$certhash" ice 'nobody listens at this address'
# shellcheck disable=SC2086 # process ids
wait $running

passed=$(find "$work" -name '*.verdict' | wc -l)
echo "failing dials: $passed of $cases as they should be"
[ "$passed" -eq "$cases" ]
