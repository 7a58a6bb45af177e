# Completion of minke(1) for bash: commands, options, and file names where a file is wanted.

_minke() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words
    local seen="--pcap --trace --json --help"
    local dialing="--direct-version --timeout --key --ca --dns --stun --mtu $seen"
    local serving="--listen --announce --key --ca --dns --stun --mtu --stats --max-connections --max-connections-per-address --max-memory $seen"
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="listen relay dial ping id perf cat key --version --trace-events --counters --help"
    else
        case $before in
        --key | --ca | --pcap | --trace)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
        --direct-version) words="1 2" ;;
        *)
            case $command in
            listen) words="--relay $serving" ;;
            relay)
                words="--max-reservations --max-reservations-per-address --reservation-ttl --max-circuits --max-circuits-per-peer"
                words="$words --circuit-seconds --circuit-bytes --metrics --no-stun --stun-rate $serving"
                ;;
            dial) words="--hold $dialing" ;;
            ping) words="-c -i $dialing" ;;
            id) words=$dialing ;;
            perf) words="--upload --download --streams $dialing" ;;
            cat) words="--listen $dialing" ;;
            key)
                words="new show --json --help"
                if [ "$COMP_CWORD" -gt 2 ]; then
                    compopt -o filenames
                    mapfile -t COMPREPLY < <(compgen -f -- "$word")
                    return
                fi
                ;;
            esac
            ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _minke minke
