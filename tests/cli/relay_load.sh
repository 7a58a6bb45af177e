#!/usr/bin/env bash
# A relay under load: 1000 peers reserve, then 200 circuits are open and busy at once. Every reservation is held, every byte
# comes back as it was sent, what each costs in memory stays within bounds, and afterwards nothing is left. Of speed
# nothing is asserted: bench/relay/run measures it.
#
#     tests/cli/relay_load.sh [--peers N] [--circuits N] [BUILD-DIRECTORY]
set -uo pipefail
peers=1000 circuits=200 bytes=65536
while [ $# -gt 1 ]; do
    case $1 in
    --peers) peers=$2 && shift 2 ;;
    --circuits) circuits=$2 && shift 2 ;;
    *) break ;;
    esac
done
build=$(realpath "${1:-build}")
# What docs/memory.md states, with room for other compilers and C libraries.
reservation_most=8192 reservation_resident_most=16384 circuit_most=4096 left_most=$((4 << 20))
work=$(mktemp -d)
relay=
trap 'kill $relay 2>/dev/null; rm -rf "$work"' EXIT

descriptors=$((2 * peers + 200))
if [ "$(ulimit -Hn)" != unlimited ] && [ "$(ulimit -Hn)" -lt $descriptors ]; then
    echo "relay load: needs $descriptors descriptors, ulimit -Hn allows $(ulimit -Hn)"
    exit 1
fi

# Few descriptors, as many systems give them: the relay must help itself to more.
(
    ulimit -Sn 256
    exec "$build/minke" relay --json --stats 1 --listen /ip4/127.0.0.1/tcp/0 --max-reservations 2000 \
        --max-reservations-per-address 0 --max-connections-per-address 2000 --max-circuits-per-peer 0 --circuit-bytes 0 --circuit-seconds 0
) >"$work/relay" 2>"$work/relay.err" &
relay=$!
addr=
for _ in $(seq 50); do
    addr=$(sed -n 's/.*"event":"listening","addr":"\([^"]*\)".*/\1/p' "$work/relay" | head -n 1)
    if [ -n "$addr" ]; then break; fi
    sleep 0.1
done

failed=0
check() {
    if "${@:2}"; then return; fi
    echo "FAILED: $1"
    failed=1
}

code=0
"$build/bench/relay-load" --peers "$peers" --circuits "$circuits" --bytes $bytes --pid $relay --stats "$work/relay" \
    --limit 100 "$addr" >"$work/load" || code=$?
value() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$work/load"; }
figure() { sed -n 's/.*"event":"stats".*"'"$1"'":\([0-9]*\).*/\1/p' "$work/relay" | ${2:-tail} -n 1; }

check "the load ended with $code" [ $code -eq 0 ]
check "reservations: $(value reservations)" [ "$(value reservations)" = "$peers" ]
check "circuits open at once: $(value circuits)" [ "$(value circuits)" = "$circuits" ]
check "circuits complete: $(value complete)" [ "$(value complete)" = "$circuits" ]
check "errors: $(value errors)" [ "$(value errors)" = 0 ]
check "bytes of each circuit: $(value bytes_each_way)" [ "$(value bytes_each_way)" = $bytes ]
check "a reservation takes $(value memory_per_reservation) bytes" [ "$(value memory_per_reservation)" -lt $reservation_most ]
check "a circuit takes $(value memory_per_circuit) bytes" [ "$(value memory_per_circuit)" -lt $circuit_most ]
# A sanitizer's shadow is resident too, and the first few peers pay for what all share.
if [ "$peers" -ge 1000 ]; then
    check "resident, a reservation takes $(value resident_per_reservation) bytes" \
        [ "$(value resident_per_reservation)" -lt $reservation_resident_most ]
fi

# Circuits that carry the bytes as they are, and no more than what is moved at once: the end comes while they wait for a turn.
bare=0
for size in 65536 131072; do
    "$build/bench/relay-load" --by-hand --peers 50 --circuits 25 --bytes $size --idle 0 "$addr" >"$work/bare" || bare=$?
    check "circuits of $size bare bytes: $(cat "$work/bare")" [ $bare -eq 0 ]
done

for _ in $(seq 50); do
    if [ "$(figure connections)" = 0 ]; then break; fi
    sleep 0.2
done
left=$(($(figure memory_bytes) - $(figure memory_bytes head)))
check "$(figure connections) connections are left" [ "$(figure connections)" = 0 ]
check "$left bytes are left" [ $left -lt $left_most ]
kill -TERM $relay
code=0
wait $relay || code=$?
relay=
check "the relay ended with $code" [ $code -eq 0 ]

printf 'relay load: %s reservations of %s bytes each (resident: %s), %s circuits at once of %s bytes each, %s bytes each way, %s errors\n' \
    "$(value reservations)" "$(value memory_per_reservation)" "$(value resident_per_reservation)" "$(value circuits)" \
    "$(value memory_per_circuit)" $bytes "$(value errors)"
if [ $failed -ne 0 ]; then cat "$work/load" "$work/relay.err"; fi
exit $failed
