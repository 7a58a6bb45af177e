#!/bin/sh
# Runs fuzz targets, each from its seeds in tests/fuzz/corpus/<noun>/ and from what earlier runs found.
#
#   tests/fuzz/run.sh [--build DIR] [--seconds N] [--seed N] [--jobs N] [TARGET]...
#
# TARGET is `stun` or `stun_fuzz`; none: all of them. New inputs are kept in DIR/corpus/<noun>/, inputs that break
# something in DIR/findings/. A seed of 0 takes another path every time.
set -eu
cd "$(dirname "$0")/../.."

build=build-fuzz seconds=60 seed=0 jobs=1
while [ $# -gt 0 ]; do
    case $1 in
    --build) build=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    --seed) seed=$2; shift 2 ;;
    --jobs) jobs=$2; shift 2 ;;
    --one) one=$2; shift 2 ;;
    -*) echo "fuzz: unknown option $1" >&2; exit 2 ;;
    *) break ;;
    esac
done

# One target: a line when it is done, its whole log when it has found something.
run_one() {
    noun=${1%_fuzz}
    corpus=$build/corpus/$noun log=$build/$noun.log
    set -- "$corpus"
    if [ -d "tests/fuzz/corpus/$noun" ]; then set -- "$corpus" "tests/fuzz/corpus/$noun"; fi
    mkdir -p "$corpus" "$build/findings"
    if "$build/fuzz/${noun}_fuzz" -max_total_time="$seconds" -seed="$seed" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$build/findings/$noun-" "$@" >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        coverage=$(sed -n 's/.*DONE *cov: *\([0-9]*\).*/\1/p' "$log" | tail -n 1)
        printf 'fuzz: %-20s ok, %s inputs in %s s, coverage %s\n' "$noun" "${runs:-?}" "$seconds" "${coverage:-?}"
    else
        tail -n 60 "$log"
        printf 'fuzz: %-20s FAILED: the input is in %s/findings/, the log is %s\n' "$noun" "$build" "$log"
        return 1
    fi
}

if [ -n "${one:-}" ]; then
    run_one "$one"
    exit
fi

if [ $# -eq 0 ]; then
    set -- tests/fuzz/*_fuzz.c
    [ -e "$1" ] || { echo "fuzz: there is no target"; exit 1; }
fi
nouns=
for target in "$@"; do
    noun=$(basename "$target" .c)
    noun=${noun%_fuzz}
    [ -x "$build/fuzz/${noun}_fuzz" ] || { echo "fuzz: no target ${noun}_fuzz in $build/fuzz" >&2; exit 2; }
    nouns="$nouns $noun"
done
printf '%s\n' $nouns | xargs -P "$jobs" -I{} tests/fuzz/run.sh --build "$build" --seconds "$seconds" --seed "$seed" --one {} || exit 1
