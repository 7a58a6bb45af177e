#!/usr/bin/env bash
# How long `minke dial` takes from nothing to a direct connection that was agreed on over a relay, on loopback: the connection
# to the relay, the circuit, signalling, ICE, DTLS and SCTP. `./dev bench private [DIALS]`; a new process for each dial.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
dials=${1:-30}
case $dials in '' | *[!0-9]* | 0*) echo "bench private: how many dials? (30)" >&2 && exit 2 ;; esac
minke=build/minke
work=$(mktemp -d)
pids=()
finish() {
    if [ ${#pids[@]} -gt 0 ]; then kill "${pids[@]}" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT

# address FILE PATTERN: the first address in a log that has the pattern, as soon as it is there.
address() {
    local found i
    for ((i = 0; i < 100; i++)); do
        found=$(sed -n "s|.*\"event\":\"listening\",\"addr\":\"\([^\"]*$2[^\"]*\)\".*|\1|p" "$1" | head -n 1)
        if [ -n "$found" ]; then
            echo "$found"
            return
        fi
        sleep 0.1
    done
    echo "bench private: nobody listens: $(cat "$1")" >&2
    return 1
}

"$minke" relay --json --listen /ip4/127.0.0.1/udp/0/webrtc-direct --listen /ip4/127.0.0.1/tcp/0 >"$work/relay" 2>/dev/null &
pids+=($!)
for way in webrtc-direct /tcp/; do
    relay=$(address "$work/relay" "$way")
    "$minke" listen --json --listen /ip4/127.0.0.1/tcp/0 --relay "$relay" >"$work/peer" 2>/dev/null &
    pids+=($!)
    peer=$(address "$work/peer" /p2p-circuit/webrtc/)
    for ((i = 0; i < dials; i++)); do
        "$minke" dial --json "$peer" 2>/dev/null | sed -n 's/.*"event":"result".*"setup_ms":\([0-9.]*\).*/\1/p'
    done | sort -n >"$work/times"
    if [ "$(wc -l <"$work/times")" -ne "$dials" ]; then
        echo "bench private: $(wc -l <"$work/times") of $dials dials succeeded" >&2
        exit 1
    fi
    printf '%-40s median %s ms (%s to %s, %d dials)\n' "relay reached by ${way//\//}" \
        "$(sed -n "$(((dials + 1) / 2))p" "$work/times")" "$(head -n 1 "$work/times")" "$(tail -n 1 "$work/times")" "$dials"
done
