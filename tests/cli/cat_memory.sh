#!/usr/bin/env bash
# `minke cat` between two processes: the bytes that come out are those that went in, and neither process holds more than a
# bounded part of them while the reader is slow.
#
#     tests/cli/cat_memory.sh [--mib N] [PATH-OF-MINKE]      (256 MiB; the whole claim is --mib 1024)
set -uo pipefail
mib=256
if [ "${1:-}" = --mib ]; then
    mib=$2
    shift 2
fi
minke=$(realpath "${1:-build/minke}")
limit_kib=$((64 * 1024))
work=$(mktemp -d)
listener= dialer=
trap 'kill $listener $dialer 2>/dev/null; rm -rf "$work"' EXIT

# The same bytes every time, without a file: as random as a cipher makes them.
source_bytes() { openssl enc -aes-128-ctr -nosalt -K 00112233445566778899aabbccddeeff -iv 0 -in /dev/zero 2>/dev/null | head -c "$((mib << 20))"; }

# A reader that stops for two seconds, takes 20 MB/s for two, and then all.
slow_reader() {
    python3 -c '
import hashlib, sys, time
read, total, digest = sys.stdin.buffer.read1, 0, hashlib.sha256()
time.sleep(2)
begun = time.monotonic()
while data := read(1 << 16):
    digest.update(data)
    total += len(data)
    ahead = total / 20e6 - (time.monotonic() - begun)
    if ahead > 0 and total < 40e6: time.sleep(ahead)
print(digest.hexdigest())'
}

peak_kib() { awk '/^VmHWM/ { print $2 }' "/proc/$1/status" 2>/dev/null; }

mkfifo "$work/out" "$work/in"
slow_reader <"$work/out" >"$work/got" &
reader=$!
"$minke" cat --listen /ip4/127.0.0.1/udp/0/webrtc-direct /copy/1.0.0 </dev/null >"$work/out" 2>"$work/listener.err" &
listener=$!
addr=
for _ in $(seq 50); do
    addr=$(sed -n 's/^listening *//p' "$work/listener.err" | head -n 1)
    if [ -n "$addr" ]; then break; fi
    sleep 0.1
done
source_bytes | tee >(sha256sum | cut -d ' ' -f 1 >"$work/want") >"$work/in" &
begun=$(date +%s%N)
"$minke" cat "$addr" /copy/1.0.0 <"$work/in" >/dev/null 2>"$work/dialer.err" &
dialer=$!

# The peak is a process's own; it goes with it, so it is read as long as there is one.
peaks=(0 0)
while kill -0 "$dialer" 2>/dev/null || kill -0 "$listener" 2>/dev/null; do
    for i in 0 1; do
        now=$(peak_kib "$([ $i = 0 ] && echo "$dialer" || echo "$listener")")
        if [ "${now:-0}" -gt "${peaks[i]}" ]; then peaks[i]=$now; fi
    done
    sleep 0.05
done
wait "$dialer"
dialer_code=$?
wait "$listener"
listener_code=$?
wait "$reader"
took=$((($(date +%s%N) - begun) / 1000000))
dialer= listener=

verdict=0
same=$([ -s "$work/got" ] && cmp -s "$work/got" "$work/want" && echo yes || echo no)
printf 'cat of %s MiB: same bytes: %s; exit codes %s and %s; peak memory %s and %s KiB of %s; %s ms\n' "$mib" "$same" \
    $dialer_code $listener_code "${peaks[0]}" "${peaks[1]}" $limit_kib $took
[ "$same" = yes ] && [ $dialer_code -eq 0 ] && [ $listener_code -eq 0 ] || verdict=1
for peak in "${peaks[@]}"; do [ "$peak" -gt 0 ] && [ "$peak" -lt $limit_kib ] || verdict=1; done
if [ $verdict -ne 0 ]; then
    echo "FAILED"
    cat "$work/dialer.err" "$work/listener.err"
fi
exit $verdict
