#!/usr/bin/env bash
# Private connections through NATs: `minke dial` from behind each kind of NAT to `minke listen` behind each kind, with a
# relay that both can reach. Prints a table; `expected` says what it must be, docs/nat.md explains it.
#
#     tests/nat/run.sh [BUILD-DIRECTORY]
#
# Ends with 0: all as expected; 1: not; 77: not run, since the system allows no network namespaces.
set -uo pipefail
here=$(dirname "$(realpath "$0")")
minke=$(realpath "${1:-build}")/minke
kinds=(open full-cone port-restricted symmetric)
timeout_s=20 echo_bytes=65536
prefix=minke-nat-$$
servers=() # by the number of their job: where they run
PATH=$PATH:/usr/sbin:/sbin # of nft, which is not everybody's
work=$(mktemp -d)
# shellcheck source=tests/nat/sites.sh
source "$here/sites.sh"

not_run() {
    echo "NAT table: not run: $1"
    exit 77
}

clean_up() {
    trap '' INT TERM
    # shellcheck disable=SC2046 # several jobs
    kill $(jobs -p) 2>/dev/null
    local name
    for name in $(ip netns list 2>/dev/null | sed -n "s/^\($prefix-[^ ]*\).*/\1/p"); do
        # shellcheck disable=SC2046 # several processes
        kill $(ip netns pids "$name" 2>/dev/null) 2>/dev/null
    done
    remove_namespaces
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# ---- may we?

[ -x "$minke" ] || { echo "NAT table: there is no $minke" && exit 2; }
[ "$(id -u)" -eq 0 ] || not_run "needs root, to make network namespaces"
command -v ip >/dev/null && command -v nft >/dev/null || not_run "needs ip (iproute2) and nft (nftables)"
if ! make_public 2>"$work/refused" || ! inside public nft list ruleset >/dev/null 2>>"$work/refused"; then
    not_run "needs network namespaces, which this system does not allow: $(head -n 1 "$work/refused")"
fi
if ! echo "table ip try { chain out { type nat hook postrouting priority srcnat; masquerade fully-random; }; }" |
    inside public nft -c -f - 2>"$work/refused"; then
    not_run "needs address translation by nftables, which this kernel does not have: $(head -n 1 "$work/refused")"
fi

# ---- who is where

# Two peers that cannot know each other's port: the one's is another for each remote, the other's lets in only whom it sent to.
expected() {
    case $1/$2 in
    symmetric/symmetric | symmetric/port-restricted | port-restricted/symmetric) echo relayed ;;
    *) echo direct ;;
    esac
}

index_of() {
    local i
    for i in "${!kinds[@]}"; do if [ "${kinds[i]}" = "$1" ]; then echo "$i"; fi; done
}
dialer_ip() { echo "203.0.113.$((11 + $(index_of "$1")))"; }
listener_ip() { echo "203.0.113.$((21 + $(index_of "$1")))"; }

# In front of each line of JSON, when it came.
stamp() {
    local line
    while IFS= read -r line; do printf '%s %s\n' "$EPOCHREALTIME" "$line"; done
}

# event FILE NAME [PATTERN]: the first such line.
event() { grep -F "\"event\":\"$2\"" "$1" 2>/dev/null | grep -E -- "${3:-.}" | head -n 1; }
# field LINE NAME: of a line of JSON, a text without escapes, a number or true and false.
field() { sed -n 's/.*"'"$2"'":"\{0,1\}\([^",}]*\).*/\1/p' <<<"$1"; }

# wait_for FILE NAME [PATTERN]: up to 10 s.
wait_for() {
    local i
    for ((i = 0; i < 100; i++)); do
        if [ -n "$(event "$@")" ]; then return 0; fi
        sleep 0.1
    done
    return 1
}

set_up() {
    local kind i
    for kind in "${kinds[@]}"; do
        i=$(index_of "$kind")
        make_site "dials-$kind" "$kind" "$(dialer_ip "$kind")" "10.0.$((1 + i))" || return 1
        make_site "hears-$kind" "$kind" "$(listener_ip "$kind")" "10.0.$((5 + i))" || return 1
    done
    inside public "$minke" relay --json --listen /ip4/$relay_ip/tcp/4001 --listen /ip4/$relay_ip/udp/4001/webrtc-direct \
        >"$work/public" 2>"$work/public.err" &
    servers=([$!]=public)
    wait_for "$work/public" listening /tcp/ && wait_for "$work/public" listening /udp/ || return 1
    relay=$(field "$(event "$work/public" listening /tcp/)" addr)
    for kind in "${kinds[@]}"; do
        inside "hears-$kind" "$minke" listen --json --relay "$relay" --stun $relay_ip:4001 2>"$work/hears-$kind.err" |
            stamp >"$work/hears-$kind" &
        servers[$!]=hears-$kind
    done
    for kind in "${kinds[@]}"; do
        wait_for "$work/hears-$kind" listening /p2p-circuit/webrtc/ || return 1
    done
}

# ---- one cell: a dialer, and what it must see

fault() { echo "$1" >>"$cell.faults"; }

# try NAME COMMAND [ARGUMENT]...: `minke COMMAND --json` in the dialer's place; what it says is in $cell.NAME. Its exit code.
try() {
    local name=$1 command=$2
    shift 2
    inside "dials-$dialer" timeout $((timeout_s + 20)) "$minke" "$command" --json --key "$cell.key" --timeout $timeout_s \
        --stun $relay_ip:4001 "$@" >"$cell.$name" 2>"$cell.$name.err"
}

# carries_data ADDRESS: pings, and an echo of some KiB.
carries_data() {
    try ping ping -c 3 -i 20 "$1" </dev/null || fault "ping: $(tail -n 1 "$cell.ping")"
    try echo cat "$1" /echo/1.0.0 <"$work/data" || fault "echo: $(tail -n 1 "$cell.echo.err")"
    cmp -s "$work/data" "$cell.echo" || fault "the echo is not what was sent"
}

must_be_direct() {
    local code=0 result heard
    try dial dial "$address" </dev/null || code=$?
    result=$(event "$cell.dial" result)
    if [ $code -ne 0 ]; then
        fault "dial ended with $code: $result"
        echo "FAILED" >"$cell.shown"
        return
    fi
    printf '%.0f ms' "$(field "$result" setup_ms)" >"$cell.shown"
    [ "$(field "$result" path)" = private ] || fault "the dialer's path is $(field "$result" path)"
    [[ "$(field "$result" remote)" == "$(listener_ip "$listener")":* ]] || fault "the dialer sees $(field "$result" remote)"
    wait_for "$log" connected "\"peer\":\"$peer\".*\"limited\":false" || fault "the listener tells of no direct connection"
    heard=$(event "$log" connected "\"peer\":\"$peer\".*\"limited\":false")
    [ "$(field "$heard" path)" = private ] || fault "the listener's path is $(field "$heard" path)"
    [[ "$(field "$heard" remote)" == "$(dialer_ip "$dialer")":* ]] || fault "the listener sees $(field "$heard" remote)"
    carries_data "$address"
}

# Until the dial has failed the circuit stays, for the signals; then for those who can make do with it.
must_be_relayed() {
    local code=0 result from to circuit
    try dial dial "$address" </dev/null || code=$?
    result=$(event "$cell.dial" result)
    if [ $code -eq 1 ]; then echo "relayed: $(field "$result" layer)"; else echo "FAILED"; fi >"$cell.shown"
    [ $code -eq 1 ] || fault "dial ended with $code: $result"
    [ "$(field "$result" layer)" = ice ] || fault "not ICE is said to have failed: $result"
    wait_for "$log" disconnected "\"peer\":\"$peer\"" || fault "the listener does not tell that the circuit has ended"
    from=$(event "$log" connected "\"peer\":\"$peer\".*\"limited\":true") to=$(event "$log" disconnected "\"peer\":\"$peer\"")
    [ -n "$from" ] || fault "the listener tells of no circuit"
    awk -v from="${from%% *}" -v to="${to%% *}" -v least=$((timeout_s - 2)) 'BEGIN { exit !(to - from > least) }' ||
        fault "the circuit was there from ${from%% *} to ${to%% *} only"
    circuit=${address/\/webrtc\///}
    try circuit dial "$circuit" </dev/null || fault "the circuit: $(tail -n 1 "$cell.circuit")"
    [ "$(field "$(event "$cell.circuit" result)" path)" = relayed ] || fault "not a circuit: $(event "$cell.circuit" result)"
    carries_data "$circuit"
}

run_cell() {
    dialer=$1 listener=$2 cell=$work/$1-$2 log=$work/hears-$2
    peer=$("$minke" key new "$cell.key" | sed -n 's/^peer id *//p')
    address=$(field "$(event "$log" listening /p2p-circuit/webrtc/)" addr)
    : >"$cell.faults"
    "must_be_$(expected "$dialer" "$listener")"
    touch "$cell.done"
}

# ---- all of them

# Those who listened, and the relay, must end well when they are told to: a sanitizer speaks last.
end_servers() {
    local job code
    for job in "${!servers[@]}"; do
        code=0
        # shellcheck disable=SC2046 # several processes
        kill -TERM $(ip netns pids "$prefix-${servers[job]}") 2>/dev/null
        wait "$job" || code=$?
        if [ $code -eq 0 ]; then continue; fi
        echo "FAILED: who ran in ${servers[job]} ended with $code:"
        tail -n 50 "$work/${servers[job]}.err"
        failed=$((failed + 1))
    done
}

row() { printf '%-17s %-11s %-11s %-17s %s\n' "$@"; }

print_table() {
    local dialer listener cells
    row 'dials \ listens' "${kinds[@]}"
    for dialer in "${kinds[@]}"; do
        cells=()
        for listener in "${kinds[@]}"; do cells+=("$(cat "$work/$dialer-$listener.shown" 2>/dev/null || echo '?')"); done
        row "$dialer" "${cells[@]}"
    done
}

if ! set_up; then
    echo "NAT table: the sites could not be made, or a listener got no reservation"
    cat "$work"/*.err "$work"/hears-* "$work/public"
    exit 1
fi
head -c $echo_bytes /dev/urandom >"$work/data"
cells=()
for dialer in "${kinds[@]}"; do
    for listener in "${kinds[@]}"; do
        run_cell "$dialer" "$listener" &
        cells+=($!)
        sleep 0.2 # so that they measure the NATs rather than each other
    done
done
wait "${cells[@]}"

print_table
passed=0 failed=0
for dialer in "${kinds[@]}"; do
    for listener in "${kinds[@]}"; do
        cell=$work/$dialer-$listener
        if [ -e "$cell.done" ] && [ ! -s "$cell.faults" ]; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "FAILED: $dialer dials $listener:"
            sed 's/^/    /' "$cell.faults"
        fi
    done
done
end_servers
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
