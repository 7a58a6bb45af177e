#!/bin/sh
# The man pages and the completion say what the command says: a page for every command, with every option of its --help
# and no other; mandoc finds nothing to complain about.
#
#   tests/product/man.sh build/minke
set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/../.."
minke=$1
bad=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() {
    echo "man: $*"
    bad=$((bad + 1))
}

# Options as words (--json, -v), from a text for people; then from mdoc, where "-" is implied by the macro Fl.
options_of_help() { grep -oE '(^|[ ,])--?[a-z][a-z-]*' | tr -d ' ,' | sort -u; }
options_of_page() { grep -oE '\bFl [a-z, -]+' "$1" | sed 's/^Fl //' | tr -s ', ' '\n' | grep . | sed 's/^/-/' | sort -u; }

commands=$("$minke" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p')
for command in $commands; do
    page=docs/man/minke-$command.1
    if [ ! -f "$page" ]; then
        fail "minke $command has no page $page"
        continue
    fi
    "$minke" "$command" --help | grep -E '^ +-' | sed 's/   .*//' | options_of_help >"$scratch/help"
    options_of_page "$page" >"$scratch/page"
    comm -23 "$scratch/help" "$scratch/page" | sed "s|^|man: not in $page: |" >"$scratch/missing"
    comm -13 "$scratch/help" "$scratch/page" | grep -vx -e --help -e -h | sed "s|^|man: minke $command --help does not know, but $page does: |" >>"$scratch/missing" || true
    grep -oE '^--[a-z-]+' "$scratch/help" | while read -r option; do
        grep -qwE -- "$option" packaging/completion/minke.bash || echo "man: no completion of minke $command $option"
    done >>"$scratch/missing"
    if [ -s "$scratch/missing" ]; then
        cat "$scratch/missing"
        bad=$((bad + 1))
    fi
    grep -q "^.It Xr minke-$command 1" docs/man/minke.1 || fail "minke(1) does not name minke-$command(1)"
    grep -qw "$command" packaging/completion/minke.bash || fail "no completion of minke $command"
done
for page in docs/man/*.1; do
    # From its folder, so that it finds the other pages.
    if command -v mandoc >/dev/null; then (cd docs/man && mandoc -T lint -W style "${page##*/}") || fail "$page"; fi
    name=$(basename "$page" .1)
    [ "$name" = minke ] || echo "$commands" | grep -qx "${name#minke-}" || fail "$page: no such command"
done

[ $bad -eq 0 ] || exit 1
echo "man: a page for each of the $(echo "$commands" | wc -l) commands, with every option of its --help"
