# Sites behind NATs, in network namespaces: for run.sh, which sets `prefix` (of the namespaces' names) before it sources this.
#
#     public     the "Internet": a bridge with 203.0.113.0/24, on which the relay lives at 203.0.113.1
#     SITE       one host. `open`: on the bridge itself. Else its only way out is
#     SITE-nat   a router with one public address, which translates as RFC 4787 would describe the site's kind
#
# shellcheck shell=bash
relay_ip=203.0.113.1

inside() {
    local name=$1
    shift
    ip netns exec "$prefix-$name" "$@"
}

namespace() {
    ip netns add "$prefix-$1" && ip -n "$prefix-$1" link set lo up
}

# Ends what still runs in them, too. Interfaces go with the namespace that they are in.
remove_namespaces() {
    local name
    for name in $(ip netns list 2>/dev/null | sed -n "s/^\($prefix-[^ ]*\).*/\1/p"); do ip netns delete "$name"; done
}

make_public() {
    namespace public &&
        ip -n "$prefix-public" link add bridge type bridge &&
        ip -n "$prefix-public" address add $relay_ip/24 dev bridge &&
        ip -n "$prefix-public" link set bridge up
}

# on_bridge NAMESPACE ADDRESS: a cable from its interface `outside` to the bridge.
on_bridge() {
    local port=port-${2##*.}
    ip -n "$prefix-$1" link add outside type veth peer name "$port" netns "$prefix-public" &&
        ip -n "$prefix-public" link set "$port" master bridge up &&
        ip -n "$prefix-$1" address add "$2/24" dev outside &&
        ip -n "$prefix-$1" link set outside up
}

# Who was not asked for gets nothing, not even a "port unreachable": a check that came before ours went out would else
# leave an entry in the table of connections, and ours would get another port because of it.
refuse_unsolicited='
    chain refuse { type filter hook prerouting priority mangle; iifname outside ct state new drop; }'

# The rules of a kind of NAT, for nft.
rules_of() {
    case $1 in
    full-cone) # endpoint-independent mapping and filtering: one host has all UDP ports, and keeps their numbers
        echo "table ip site {
            chain in { type nat hook prerouting priority dstnat; iifname outside meta l4proto udp dnat to $2; }
            chain out { type nat hook postrouting priority srcnat; oifname outside masquerade; }
            chain refuse { type filter hook prerouting priority mangle; iifname outside meta l4proto tcp ct state new drop; }
        }"
        ;;
    port-restricted) # the mapping keeps the port, whoever is talked to; filtering is address and port-dependent
        echo "table ip site {
            chain out { type nat hook postrouting priority srcnat; oifname outside masquerade; }
            $refuse_unsolicited
        }"
        ;;
    symmetric) # address and port-dependent mapping: another port for each remote; and filtering
        echo "table ip site {
            chain out { type nat hook postrouting priority srcnat; oifname outside masquerade fully-random; }
            $refuse_unsolicited
        }"
        ;;
    esac
}

# make_site NAME KIND PUBLIC-ADDRESS PRIVATE-NETWORK, as in 10.0.1
make_site() {
    local name=$1 kind=$2 public=$3 net=$4
    namespace "$name" || return 1
    if [ "$kind" = open ]; then
        on_bridge "$name" "$public"
        return
    fi
    namespace "$name-nat" &&
        on_bridge "$name-nat" "$public" &&
        ip -n "$prefix-$name-nat" link add inside type veth peer name lan netns "$prefix-$name" &&
        ip -n "$prefix-$name-nat" address add "$net.1/24" dev inside &&
        ip -n "$prefix-$name-nat" link set inside up &&
        ip -n "$prefix-$name" address add "$net.2/24" dev lan &&
        ip -n "$prefix-$name" link set lan up &&
        ip -n "$prefix-$name" route add default via "$net.1" &&
        inside "$name-nat" sysctl -qw net.ipv4.ip_forward=1 &&
        rules_of "$kind" "$net.2" | inside "$name-nat" nft -f -
}
