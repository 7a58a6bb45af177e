#!/usr/bin/env bash
# What `--pcap` writes is what tshark reads: over IPv4 and IPv6 and at both ends, the set-up and the data of SCTP are
# decoded, every checksum is right, and the datagrams are there as well.
#
#     tests/cli/captures.sh [PATH-OF-MINKE]
set -uo pipefail
minke=$(realpath "${1:-build/minke}")
work=$(mktemp -d)
passed=0 failed=0 listener=
trap 'kill $listener 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1

check() {
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s: %s, wanted %s\n' "$1" "$2" "$3"
    fi
}
at_least() {
    if [ "$2" -ge "$3" ]; then check "$1" enough enough; else check "$1" "$2" "$3 or more"; fi
}

# dissect FILE: a line for each packet: direction, interface, chunk types, PPIDs, checksums (1 is good), ...
dissect() {
    tshark -r "$1" -o 'sctp.checksum:CRC 32c' -o udp.check_checksum:TRUE -o ip.check_checksum:TRUE -T fields -E separator='|' \
        -e frame.packet_flags_direction -e frame.interface_name -e sctp.chunk_type -e sctp.data_payload_proto_id \
        -e sctp.checksum.status -e udp.checksum.status -e ip.checksum.status -e dtls.record.content_type -e stun.type \
        -e _ws.malformed -e frame.time_epoch 2>tshark.err || cat tshark.err
}
# packets CONDITION: how many lines of `dissected` an awk condition is true for. has(field, value): in a list of values.
packets() {
    awk -F '|' 'function has(list, value) { return index("," list ",", "," value ",") > 0 }
        '"$1"' { n++ } END { print n + 0 }' dissected
}

# check_capture FILE WHAT: one end's capture of a connection and its data.
check_capture() {
    local what=$2 direction chunk
    dissect "$1" >dissected
    # Both ends send an INIT, and one cookie is enough: INIT 1, INIT ACK 2, COOKIE ECHO 10, COOKIE ACK 11; DATA 0, SACK 3.
    for chunk in 10 11; do at_least "$what: chunks of type $chunk" "$(packets "has(\$3, $chunk)")" 1; done
    for direction in 1 2; do
        for chunk in 1 2 0 3; do
            at_least "$what: chunks of type $chunk, direction $direction" "$(packets "\$1 ~ /$direction\$/ && has(\$3, $chunk)")" 1
        done
        at_least "$what: DCEP, direction $direction" "$(packets "\$1 ~ /$direction\$/ && has(\$4, 50)")" 1
        at_least "$what: STUN, direction $direction" "$(packets "\$1 ~ /$direction\$/ && \$9 != \"\"")" 1
        at_least "$what: records, direction $direction" "$(packets "\$1 ~ /$direction\$/ && has(\$8, 23)")" 5
    done
    check "$what: packets that are neither UDP nor SCTP with a good checksum" "$(packets '$5 != 1 && $6 != 1')" 0
    check "$what: IPv4 headers with a bad checksum" "$(packets '$7 != "" && $7 != 1')" 0
    check "$what: malformed packets" "$(packets '$10 != ""')" 0
    check "$what: SCTP elsewhere than on its interface" "$(packets '($5 != "") != ($2 == "SCTP, decrypted")')" 0
    check "$what: SCTP packets, and the records that carry them" "$(packets '$5 != ""')" "$(packets 'has($8, 23)')"
    check "$what: packets that are not of the last minute" "$(packets "\$11 > $(date +%s) + 1 || \$11 < $(date +%s) - 60")" 0
}

# run NAME ADDRESS: a listener and a dialer, both with a capture; the listener is killed without warning.
run() {
    local name=$1 addr='' code=0
    "$minke" listen --json --listen "$2" --pcap "$name-listen" >"$name.log" 2>&1 &
    listener=$!
    for _ in $(seq 50); do
        addr=$(sed -n 's/.*"event":"listening","addr":"\([^"]*\)".*/\1/p' "$name.log" 2>/dev/null | head -n 1)
        if [ -n "$addr" ]; then break; fi
        sleep 0.1
    done
    timeout 30 "$minke" perf --upload 100K --download 100K --pcap "$name-dial" "$addr" >/dev/null 2>&1 || code=$?
    check "$name: the dial" $code 0
    kill -KILL "$listener"
    wait "$listener" 2>/dev/null
    check_capture "$name-dial" "$name, dialer"
    check_capture "$name-listen" "$name, listener"
}

run IPv4 /ip4/127.0.0.1/udp/0/webrtc-direct
if [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6; then
    run IPv6 /ip6/::1/udp/0/webrtc-direct
else
    echo "captures: no IPv6 here, left out"
fi

check "a capture is for its owner alone" "$(stat -c %a IPv4-dial)" 600
echo "captures: $passed of $((passed + failed)) as it should be"
[ "$failed" -eq 0 ]
