#!/usr/bin/env bash
# The command line as a person or a script meets it: what it prints, on which stream, and how it ends.
#
#     tests/cli/run.sh [PATH-OF-MINKE]
set -uo pipefail
minke=$(realpath "${1:-build/minke}")
work=$(mktemp -d)
passed=0 failed=0 listener=
trap 'kill $listener 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1

# expect CODE PATTERN COMMAND...: ends with CODE within its time, and prints PATTERN on stdout or stderr.
expect() {
    local code=$1 pattern=$2 got=0
    shift 2
    timeout 30 "$@" >out 2>err </dev/null || got=$?
    if [ "$got" -eq "$code" ] && grep -qE -- "$pattern" out err; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n  wanted code %s and /%s/, got code %s and\n' "$*" "$code" "$pattern" "$got"
        sed 's/^/    /' out err
    fi
}

# start LOG ARGUMENT...: a listener in the background; its first address is in $addr.
start() {
    local log=$1
    shift
    "$minke" listen --json "$@" >"$log" 2>&1 &
    listener=$!
    addr=
    for _ in $(seq 50); do
        addr=$(sed -n 's/.*"event":"listening","addr":"\([^"]*\)".*/\1/p' "$log" | head -n 1)
        if [ -n "$addr" ]; then return; fi
        sleep 0.1
    done
}
stop() {
    kill -TERM "$listener"
    wait "$listener"
}

direct=/ip4/127.0.0.1/udp/0/webrtc-direct

# ---- help and usage
expect 0 '^minke [0-9]+\.[0-9]+\.[0-9]+$' "$minke" --version
expect 0 'usage: minke COMMAND' "$minke" --help
expect 2 'usage: minke COMMAND' "$minke"
expect 2 'no such command: nonsense' "$minke" nonsense
for command in listen dial ping perf id cat key; do expect 0 "usage: minke $command" "$minke" $command --help; done
for command in dial ping perf id cat key; do expect 2 "usage: minke $command" "$minke" $command; done
expect 2 'unrecognized option' "$minke" listen --nonsense
expect 2 'unexpected argument' "$minke" listen something
expect 2 'wants a number from 1 to 2' "$minke" dial --direct-version 3 /ip4/127.0.0.1/udp/1/webrtc-direct
expect 2 'wants a number from 1 to' "$minke" listen --max-connections 0
expect 2 'wants a number from 1 to' "$minke" listen --max-connections-per-address many
expect 2 'wants at least 4M' "$minke" listen --max-memory 4095K
expect 2 'udp takes auto, mmsg or single' "$minke" listen --udp many
expect 2 'wants a number of bytes' "$minke" perf --upload 12X /ip4/127.0.0.1/udp/1/webrtc-direct

# ---- keys
expect 0 '^peer id   12D3KooW' "$minke" key new my.key
expect 3 'File exists' "$minke" key new my.key
expect 0 '"certhash":"uEi' "$minke" key show --json my.key
expect 3 'No such file' "$minke" key show none.key
expect 3 'not a usable libp2p private key' "$minke" key show /etc/passwd
if [ "$(stat -c %a my.key)" != 600 ]; then
    failed=$((failed + 1)) && echo "FAILED: a key file is for its owner alone"
else
    passed=$((passed + 1))
fi
certhash=$("$minke" key show my.key | sed -n 's/^certhash *//p')

# ---- listening
expect 2 'wants an address like' "$minke" listen --listen /ip4/127.0.0.1/udp/1/quic-v1
expect 2 'wants an address like' "$minke" listen --announce /ip4/0.0.0.0/udp/1/webrtc-direct
expect 3 '"ok":false,"layer":"network"' "$minke" listen --json --listen /ip4/192.0.2.99/udp/0/webrtc-direct
start log --key my.key --listen $direct
expect 3 'Address already in use' "$minke" listen --listen "${addr%%/certhash*}"
expect 0 "certhash/$certhash/p2p" echo "$addr"

# ---- dialling
expect 0 'connected to 12D3KooW.*version 1' "$minke" dial "$addr"
expect 0 '"step":"noise"' "$minke" dial --json --direct-version 2 "$addr"
expect 0 '"event":"result","ok":true,"peer":"12D3KooW' "$minke" dial --json "$addr"
expect 0 '3 pings, round trip min/median/max' "$minke" ping -c 3 -i 0 "$addr"
expect 0 'protocols  /ipfs/id/1.0.0' "$minke" id "$addr"
expect 0 '"download_bytes":3000000' "$minke" perf --json --upload 1M --download 3000000 --streams 3 "$addr"
for way in mmsg single; do expect 0 '"ok":true' "$minke" perf --json --udp $way --upload 1M --download 1M "$addr"; done
expect 1 'the remote does not serve this protocol' "$minke" cat "$addr" /nobody/1.0.0
expect 1 '"event":"result","ok":false,"layer":"host","error":"the remote does not serve this protocol","sent":0,"received":0' \
    "$minke" cat --json "$addr" /nobody/1.0.0
expect 2 '"event":"result","ok":false,"layer":"host","error":"wrong usage, see --help"' "$minke" dial --json --bogus
other=$("$minke" key new other.key | sed -n 's/^peer id *//p')
expect 1 'noise: ' "$minke" dial "${addr%/p2p/*}/p2p/$other"
other_hash=$("$minke" key show other.key | sed -n 's/^certhash *//p')
expect 1 'dtls: ' "$minke" dial "${addr/$certhash/$other_hash}"
expect 1 '"layer":"ice"' "$minke" dial --json --timeout 1 "/ip4/127.0.0.1/udp/9/webrtc-direct/certhash/$certhash"
expect 2 'cannot be dialled' "$minke" dial /ip4/127.0.0.1/udp/9/webrtc-direct

# ---- dialling several addresses of one peer
dead=/ip4/127.0.0.1/udp/9/webrtc-direct/certhash/$certhash
no_way=/ip4/255.255.255.255/udp/9/webrtc-direct/certhash/$certhash # the system refuses to send there
expect 0 'connected to 12D3KooW.*at 127.0.0.1:[0-9]+, version 1' "$minke" dial "$no_way" "$dead" "$addr"
expect 0 '3 pings' "$minke" ping -c 3 -i 0 "$dead" "$addr"
expect 1 'the remote does not serve this protocol' "$minke" cat "$dead" "$addr" /nobody/1.0.0
expect 1 '"layer":"ice".*addresses tried: 2' "$minke" dial --json --timeout 1 "$dead" "$dead"
expect 1 '"layer":"network".*addresses tried: 2' "$minke" dial --json "$no_way" "$no_way"
expect 2 'all must name one peer' "$minke" dial "$addr" "${addr%/p2p/*}/p2p/$other"
expect 2 'at most 8 addresses' "$minke" dial "$dead" "$dead" "$dead" "$dead" "$dead" "$dead" "$dead" "$dead" "$dead"
expect 2 'usage: minke cat' "$minke" cat --listen $direct $direct /copy/1.0.0
stop
expect 0 '^0$' echo $?
expect 0 '"event":"disconnected".*"reason":' cat log
expect 0 '"event":"result","ok":true' tail -n 1 log

# ---- what can be seen of it
expect 0 '^dtls +handshake_done +-v +value: the cipher suite$' "$minke" --trace-events
expect 0 '^datagrams_received +UDP payloads handed in$' "$minke" --counters
expect 2 'wants a number from 1 to 86400' "$minke" listen --stats 0
expect 3 'cannot write the capture /nowhere/x: No such file' "$minke" listen --pcap /nowhere/x
expect 3 'cannot write the trace /dev/full: No space left' "$minke" dial --trace /dev/full /ip4/127.0.0.1/udp/1/webrtc-direct
start seen --listen $direct --stats 1 --trace events
"$minke" dial -v --trace dialled "$addr" >/dev/null 2>narration
expect 0 '^ *[0-9]+\.[0-9]+ ms +#0\.1 +host +dialling: 127.0.0.1:' cat narration
expect 0 'noise +authenticated: 12D3KooW' cat narration
expect 0 'addresses validated' cat narration
expect 0 '"event":"connection".*"last_step":"noise".*"losses":0' "$minke" perf --json -v --upload 10K --download 10K "$addr"
expect 0 '^\{"time_ms":0.0,"event":"begin","minke":"[0-9.]+","unix_us":[0-9]+\}$' head -n 1 dialled
expect 0 '^\{"time_ms":[0-9.]+,"connection":[0-9]+,"layer":"sctp","event":"established","detail":"","value":65535\}$' cat dialled
expect 0 '"layer":"host","event":"protocol_selected","detail":"/perf/1.0.0"' cat events
"$minke" dial --hold "$addr" >/dev/null 2>&1 &
holder=$!
for _ in $(seq 50); do
    if [ "$(grep -c '"event":"connected"' seen)" -ge 3 ]; then break; fi
    sleep 0.1
done
kill -USR1 "$listener"
for _ in $(seq 50); do
    if grep -q '"event":"stats".*"connections_accepted"' seen && grep -q '"event":"connection"' seen; then break; fi
    sleep 0.1
done
kill "$holder"
wait "$holder"
stop
expect 0 '^0$' echo $?
expect 0 '"event":"stats","connections":[0-9]+,"resident_bytes":[1-9][0-9]*,"memory_bytes":[1-9][0-9]*,"counters":\{"datagrams_received":[0-9]+.*"connections_accepted"' cat seen
expect 0 '"event":"connection".*"direction":"in".*"last_step":"noise".*"pairs_validated":1,' cat seen
# A full disk ends the capture, not the command; what was captured can be read.
start log --listen $direct
expect 0 'nothing more is captured in cut: File too large' \
    bash -c 'ulimit -f 16 && exec "$0" perf --upload 1M --download 1M --pcap cut "$1"' "$minke" "$addr"
stop
expect 0 '^0$' echo $?

# ---- limits: whoever comes beyond them waits outside
start log.limits --listen $direct --max-connections 1 --max-memory 8M
"$minke" dial --hold "$addr" >held 2>&1 &
held=$!
for _ in $(seq 50); do grep -q connected log.limits && break || sleep 0.1; done
expect 1 '"ok":false' "$minke" dial --json --timeout 1 "$addr"
kill -TERM $held
wait $held 2>/dev/null
expect 0 'connected to' "$minke" dial "$addr"
stop

# ---- netcat: equal bytes both ways, the slow side last
head -c 3000000 /dev/urandom >there
head -c 2000000 /dev/urandom >back
"$minke" cat --listen $direct /copy/1.0.0 <back >arrived 2>err.cat &
listener=$!
for _ in $(seq 50); do
    addr=$(sed -n 's/^listening *//p' err.cat | head -n 1)
    if [ -n "$addr" ]; then break; fi
    sleep 0.1
done
timeout 30 "$minke" cat "$addr" /copy/1.0.0 <there 2>/dev/null | { sleep 1 && cat >returned; }
expect 0 '^0$' echo "${PIPESTATUS[0]}"
wait "$listener"
expect 0 '^0$' echo $?
expect 0 '^same$' sh -c 'cmp there arrived && cmp back returned && echo same'

echo "command line: $passed of $((passed + failed)) as it should be"
[ "$failed" -eq 0 ]
