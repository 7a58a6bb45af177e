#!/usr/bin/env bash
# The examples as a reader would start them: each serves or dials `minke`, bytes come back the same, a signal ends it.
#
#     tests/examples/run.sh [--c-only] [BUILD-DIRECTORY]
set -uo pipefail
c_only=
if [ "${1:-}" = --c-only ]; then c_only=1 && shift; fi
root=$(realpath "$(dirname "$0")/../..")
build=$(realpath "${1:-build}")
minke=$build/minke
work=$(mktemp -d)
passed=0 failed=0 server='' listener='' holder='' busy=''
trap 'kill $server $listener $holder $busy 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1

direct=/ip4/127.0.0.1/udp/0/webrtc-direct
echo=/echo/1.0.0

# ok WHAT COMMAND...: counts whether COMMAND succeeds, and says so.
ok() {
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name: $what"
        tail -n 5 out err 2>/dev/null | sed 's/^/    /'
        return 1
    fi
}

# ends CODE PATTERN COMMAND...: COMMAND ends with CODE in time, and prints PATTERN.
ends() {
    local code=$1 pattern=$2 got=0
    shift 2
    timeout 20 "$@" >ends.log 2>&1 </dev/null || got=$?
    [ "$got" -eq "$code" ] && grep -qE -- "$pattern" ends.log && return
    sed "s/^/    code $got: /" ends.log
    return 1
}

comes_soon() { # COMMAND...: succeeds within 5 s
    for _ in $(seq 100); do
        if "$@"; then return; fi
        sleep 0.05
    done
    return 1
}
is_over() { ! kill -0 "$1" 2>/dev/null; }

# ends_soon PID: its exit code, within 5 s.
ends_soon() {
    comes_soon is_over "$1" || return 99
    wait "$1"
}

# start COMMAND...: a server in the background, with the keyboard's part on descriptor 9; its address is in $addr.
start() {
    rm -f keys out
    mkfifo keys && exec 9<>keys
    "$@" <keys >out 2>err &
    server=$!
    addr=
    comes_soon test -s out && addr=$(grep -m 1 '/ip4/127' out)
    [ -n "$addr" ]
}

# cat_same FILE: FILE goes there and comes back the same.
cat_same() { timeout 20 "$minke" cat "$addr" $echo <"$1" 2>cat.log >"$1.back" && cmp -s "$1" "$1.back"; }
# More than the windows hold waits at the other side: what it could not send it must not have dropped.
slowly() {
    timeout 20 "$minke" cat "$addr" $echo <one 2>cat.log | { sleep 0.3 && cat >slow.back; }
    cmp -s one slow.back
}
two_at_once() {
    cat_same one & # each of them has the link to itself half of the time only
    local other=$! good=0
    cat_same two || good=1
    wait $other || good=1
    return $good
}

# Two peers are there when the signal comes. One keeps it busy, which must not starve the signal; the other is silent, and
# hears of the end at once, not after 30 s of silence (the busy one may lose the word: its socket is full).
hold() {
    "$minke" cat "$addr" $echo </dev/zero 2>/dev/null > >(head -c 1 >held && cat >/dev/null) &
    busy=$!
    "$minke" cat --json "$addr" $echo <keys >/dev/null 2>hold.log &
    holder=$!
    comes_soon grep -qs '"step":"noise"' hold.log && comes_soon test -s held
}
said_goodbye() {
    local code=0
    ends_soon $holder || code=$?
    [ $code -eq 1 ]
}

head -c 3145728 /dev/urandom >one
head -c 2000003 /dev/urandom >two
: >none

# serves COMMAND...: everything that an example that serves must do, up to the first failure.
serves() {
    ok "prints its address" start "$@" $direct &&
        ok "echoes 3 MiB" cat_same one &&
        ok "loses nothing to a slow reader" slowly &&
        ok "echoes to two at once" two_at_once &&
        ok "echoes nothing" cat_same none &&
        ok "refuses another protocol" ends 1 'does not serve this protocol' "$minke" cat "$addr" /nobody/1.0.0 &&
        ok "says that its port is taken" ends 1 'in use' "$@" "${addr%%/certhash*}"
}
stops() {
    ok "has two peers" hold
    kill -TERM $server 2>/dev/null
    ok "ends with 0" ends_soon $server
    ok "says goodbye" said_goodbye
    { kill $busy && wait $busy; } 2>/dev/null
    rm -f held
    server='' holder='' busy=''
}

for name in poll_loop uv_loop event_loop transport_loop; do
    serves "$build/examples/$name"
    if [ $name = poll_loop ]; then
        echo "how far?" >&9
        ok "answers the keyboard" comes_soon grep -q '^[1-9][0-9]* connections, [0-9]* bytes' out
    elif [ $name = transport_loop ]; then
        port=${addr#*/udp/}
        printf '\xc0quic' >"/dev/udp/127.0.0.1/${port%%/*}"
        ok "hands on what is not WebRTC" comes_soon grep -q '^5 bytes for another protocol, the first is 0xc0' err
    fi
    stops
done

name=echo # the one in README.md: nothing but the essential, so it has one port
if ! grep -qi ':2382 ' /proc/net/udp; then
    ok "prints its address" start "$build/examples/echo"
    ok "echoes 3 MiB" cat_same one
    kill -TERM $server
    wait $server
    server=
else
    echo "examples: echo was not run, port 9090 is in use"
fi

# ---- private connections, their texts carried by hand

# talks: what each side of paste types appears at the other, until one of them ends its input.
talks() {
    local offerer answerer good=0
    rm -f left right
    mkfifo left right
    "$paste" offer <left >offer 2>offer.log 8>&- 9>&- &
    offerer=$!
    exec 8>left
    comes_soon grep -q '^offer:' offer
    "$paste" answer <right >answer 2>answer.log 8>&- 9>&- &
    answerer=$!
    exec 9>right
    head -n 1 offer >&9
    comes_soon grep -q '^answer:' answer
    head -n 1 answer | fold -w 60 | sed 's/^/ /' | tr -d '\n' >&8 # as a chat may have indented it
    echo >&8
    comes_soon grep -q '^Connected' offer.log && comes_soon grep -q '^Connected' answer.log
    echo "from the offerer" >&8
    echo "from the answerer" >&9
    comes_soon grep -q '^from the answerer$' offer && comes_soon grep -q '^from the offerer$' answer || good=1
    exec 8>&- # the end of one is the end of both
    ends_soon $offerer || good=1
    ends_soon $answerer || good=1
    exec 9>&-
    return $good
}
refuses() { printf '%s\n' "$1" | ends_with_input 1 "$2" "$paste" "$3"; }
ends_with_input() { # as `ends`, with an input
    local code=$1 pattern=$2 got=0
    shift 2
    timeout 20 "$@" >ends.log 2>&1 || got=$?
    [ "$got" -eq "$code" ] && grep -qE -- "$pattern" ends.log && return
    sed "s/^/    code $got: /" ends.log
    return 1
}
without_an_answer() { sleep 5 | ends_with_input 1 'no answer was pasted in time' "$paste" offer --wait 1; }

name=paste paste=$build/examples/paste
ok "two talk" talks
ok "says what was cut" refuses "$(head -n 1 offer | cut -c 1-300)" 'was cut or changed' answer
ok "says what was changed" refuses "$(head -n 1 offer | sed 's/^\(.\{99\}\)./\1_/')" 'was cut or changed' answer
ok "knows whose line it is" refuses "$(head -n 1 offer)" 'for the other side' offer
ok "knows what is no line" refuses "how are you?" 'something else' answer
ok "wants a line" ends 1 'before the other' "$paste" answer
ok "waits no longer than it must" without_an_answer
ok "wants to know which side it is" ends 2 'usage: paste' "$paste"

name=own_signalling own=$build/examples/own_signalling
"$minke" relay --listen /ip4/127.0.0.1/tcp/0 >relay.log 2>&1 &
listener=$!
comes_soon grep -qs '^listening' relay.log
relay=$(sed -n 's/^listening *//p' relay.log)
ok "reserves" start "$own" listen "$relay/p2p-circuit"
for _ in 1 2; do ok "is told hello, directly" ends 0 '^hello, directly' "$own" dial "$addr"; done
ok "has seen who it was" comes_soon grep -q '^direct connection with 12D3' err
ok "says that nobody serves it" ends 1 'the peer does not speak it' "$own" dial "$relay"
ok "says that nobody is there" ends 1 '^relayed connection: ' "$own" dial "/ip4/127.0.0.1/tcp/1/p2p/${relay##*/}"
kill -TERM $server
ok "ends with 0" ends_soon $server
kill $listener && wait $listener
server='' listener=''

# ---- dialling

name=dial
"$minke" listen --json --listen $direct >listen.log 2>&1 &
listener=$!
comes_soon grep -qs '"event":"listening"' listen.log
addr=$(sed -n 's/.*"event":"listening","addr":"\([^"]*\)".*/\1/p' listen.log)
dials_same() { timeout 20 "$build/examples/dial" "$addr" <"$1" 2>err >"$1.back" && cmp -s "$1" "$1.back"; }
ok "sends 3 MiB and prints them" dials_same one
ok "sends nothing" dials_same none
ok "names what it cannot dial" ends 1 "^$direct: " "$build/examples/dial" $direct
ok "names the layer that failed" ends 1 '^noise: ' "$build/examples/dial" "${addr%/p2p/*}/p2p/$("$minke" key new k | sed -n 's/^peer id *//p')"
ok "wants an address" ends 2 'usage: dial ADDR' "$build/examples/dial"
"$minke" cat --listen $direct /other/1.0.0 </dev/null >/dev/null 2>cat.log &
other=$!
comes_soon grep -qs '^listening' cat.log
ok "says that nobody serves it" ends 1 'does not serve /echo/1.0.0' "$build/examples/dial" "$(sed -n 's/^listening *//p' cat.log)"
kill $other

# ---- Python, with nothing but its own library

if [ -z "$c_only" ]; then
    export MINKE_LIBRARY=$build/libminke.so PYTHONDONTWRITEBYTECODE=1
    python=$root/examples/python
    name=dial.py
    ok "sends 3 MB and gets them back" ends 0 '^3000000 bytes came back the same' python3 "$python/dial.py" "$addr" 3000000
    ok "names what it cannot dial" ends 1 'not a usable address' python3 "$python/dial.py" $direct
    name=echo.py
    serves python3 "$python/echo.py"
    ok "echoes to dial.py" ends 0 'came back the same' python3 "$python/dial.py" "$addr" 1000000
    stops
    name=bindings
    ok "declares what the headers do" ends 0 'are those of the headers' python3 "$root/tests/examples/layout.py"
    for python in python3 /usr/bin/python3; do
        if $python -c 'import cffi' 2>/dev/null; then
            ok "cffi reads the headers" ends 0 'drives a host' $python "$root/tests/examples/by_cffi.py"
            break
        fi
    done
fi

name=listen
kill -TERM $listener
ok "has ended cleanly" ends_soon $listener
listener=

echo "examples: $passed of $((passed + failed)) as it should be"
if [ -n "${MINKE_TALLY:-}" ]; then echo "$passed $failed" >>"$MINKE_TALLY"; fi
[ "$failed" -eq 0 ]
