#!/bin/sh
# What the libraries show to a linker, against what is checked in at cmake/symbols/:
#
#   - the shared libraries export exactly the names of the list, and each of them is declared MINKE_API in a header
#   - the other global names of the static archives begin with minke__, so that they clash with nobody's
#
#   tests/product/symbols.sh build             compare
#   tests/product/symbols.sh build --update    write the lists anew: after adding to the public headers
set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/../.."
build=$1
bad=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() {
    echo "symbols: $*"
    bad=$((bad + 1))
}

# Names of the functions that a header declares MINKE_API.
declared() { tr '\n' ' ' <"$1" | grep -oE 'MINKE_API [^;]*;' | sed -n 's/[^(]*[ *]\(minke_[a-z0-9_]*\)(.*/\1/p'; }
exported() { nm -D --defined-only --format=posix "$1" | awk '{ print $1 }' | sort; }
# Globals of an archive: "name type value size"; the lines that name an object have fewer fields.
archived() { nm -g --defined-only --format=posix "$1" | awk 'NF >= 3 { print $1 }' | sort -u; }

check() {
    library=$1
    list=cmake/symbols/$library.txt
    exported "$build/lib$library.so" >"$scratch/exported"
    if [ "${2:-}" = --update ]; then cp "$scratch/exported" "$list"; fi
    diff "$list" "$scratch/exported" >"$scratch/diff" || {
        sed -n -e 's/^< /    missing: /p' -e 's/^> /    new: /p' "$scratch/diff"
        fail "lib$library.so does not export what $list says; if that is meant: $0 $build --update"
    }
    sort "$scratch/declared" | comm -13 - "$scratch/exported" >"$scratch/undeclared"
    [ ! -s "$scratch/undeclared" ] || fail "lib$library.so exports what no header declares: $(paste -sd ' ' "$scratch/undeclared")"
    archived "$build/lib$library.a" | comm -23 - "$list" | grep -v '^minke__' >"$scratch/loose" || true
    [ ! -s "$scratch/loose" ] || fail "lib$library.a has global names without minke__: $(paste -sd ' ' "$scratch/loose")"
}

for header in include/minke/*.h; do declared "$header"; done >"$scratch/declared"
check minke-core "${2:-}"
check minke "${2:-}"
sort "$scratch/declared" | comm -23 - "$scratch/exported" >"$scratch/undefined"
[ ! -s "$scratch/undefined" ] || fail "declared, but in no library: $(paste -sd ' ' "$scratch/undefined")"

# The soname carries major and minor while the major version is 0.
version=$(sed -n 's/^#define MINKE_VERSION "\(.*\)"/\1/p' include/minke/minke.h)
case $version in
0.*) soversion=${version%.*} ;;
*) soversion=${version%%.*} ;;
esac
for library in minke minke-core; do
    soname=$(readelf -d "$build/lib$library.so" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
    [ "$soname" = "lib$library.so.$soversion" ] || fail "lib$library.so is called $soname, not lib$library.so.$soversion"
done

[ $bad -eq 0 ] || exit 1
echo "symbols: $(wc -l <cmake/symbols/minke-core.txt) of libminke-core and $(wc -l <cmake/symbols/minke.txt) of libminke, as listed; all else is minke__"
