#!/usr/bin/env bash
# The libraries as somebody else's program meets them: installed, moved to another place, found with pkg-config and with
# CMake, shared and static, from C and from C++, and as a subdirectory of another project. Needs no network but loopback.
#
#     tests/product/run.sh BUILD      a finished build with shared libraries
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=$(realpath "$1")
here=$PWD/tests/product
version=$(sed -n 's/^#define MINKE_VERSION "\(.*\)"/\1/p' include/minke/minke.h)
work=$(mktemp -d)
passed=0 failed=0
trap 'rm -rf "$work"' EXIT
cc=${CC:-cc} cxx=${CXX:-c++}
warnings=(-Wall -Wextra -Wconversion -Wshadow -pedantic -Werror)

# check WHAT COMMAND...: passes when the command does; its output is shown when it does not.
check() {
    local what=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $what"
        tail -n 30 "$work/log" | sed 's/^/    /'
    fi
}

# runs PROGRAM: it ends well and says that its two ends have met.
runs() { timeout 20 "$1" | tee /dev/stderr | grep -qE '^(echoed|connected)$'; }

# ---- installed with DESTDIR, then moved: nothing may know where it was

check "installing with DESTDIR" env DESTDIR="$work/image" cmake --install "$build"
prefix=$work/elsewhere
# shellcheck disable=SC2046 # one directory: the parent of include/
mv "$(dirname $(find "$work/image" -type d -name include))" "$prefix" || exit 1
left_behind() { [ -z "$(find "$work/image" ! -type d)" ]; }
check "every file is below the prefix" left_behind
mentions_places() { ! grep -rlE "$work|$build|$PWD" --include='*.cmake' --include='*.pc' --include='*.h' "$prefix"; }
check "no file names the place where it was built or installed" mentions_places
libdir=$(dirname "$(find "$prefix" -name libminke.a)")
for file in bin/minke share/man/man1/minke.1 share/man/man1/minke-listen.1 share/bash-completion/completions/minke \
    lib/systemd/system/minke-relay.service share/doc/minke/minke-relay.default share/doc/minke/LICENSE-MIT include/minke/transport.h; do
    check "$file is installed" test -s "$prefix/$file"
done
check "the soname's link" test -e "$libdir/libminke.so.${version%.*}"
check "the command runs" "$prefix/bin/minke" --version

# ---- pkg-config

export PKG_CONFIG_PATH=$libdir/pkgconfig
check "pkg-config knows the version" test "$(pkg-config --modversion minke minke-core | sort -u)" = "$version"
check "shared needs no OpenSSL" test "$(pkg-config --libs-only-l minke | xargs)" = "-lminke"
# A prefix without shared libraries, as MINKE_SHARED=OFF makes it.
mkdir "$work/static" && cp -a "$prefix"/* "$work/static/" && find "$work/static" -name '*.so*' -delete
static_path=$work/static/${libdir#"$prefix"/}/pkgconfig

# with_pkg_config KIND LANGUAGE PROGRAM
with_pkg_config() {
    local library=minke out=$work/pc-$1-$2-$3 options=()
    if [ "$3" = core ]; then library=minke-core; fi
    if [ "$1" = static ]; then
        read -ra options <<<"$(PKG_CONFIG_PATH=$static_path pkg-config --cflags --libs --static $library)"
    else
        read -ra options <<<"$(pkg-config --cflags --libs $library) -Wl,-rpath,$libdir"
    fi
    if [ "$2" = c ]; then
        $cc -std=c99 -D_POSIX_C_SOURCE=200809L "${warnings[@]}" "$here/$3.c" -o "$out" "${options[@]}" || return 1
    else
        $cxx -std=c++11 "${warnings[@]}" "$here/$3_cxx.cc" -o "$out" "${options[@]}" || return 1
    fi
    if [ "$1" = shared ] && ! readelf -d "$out" | grep -q "lib$library.so.${version%.*}"; then return 1; fi
    if [ "$1" = static ] && readelf -d "$out" | grep -q 'libminke'; then return 1; fi
    runs "$out"
}
for kind in shared static; do
    for language in c cxx; do
        for program in host core; do check "pkg-config, $kind, $language, $program" with_pkg_config $kind $language $program; done
    done
done

# Every program in the documentation, as it stands there.
program_n=0
for page in README.md docs/*.md; do
    for language in c cxx; do
        while read -r first last; do
            sed -n "$first,${last}p" "$page" >"$work/program.c"
            if ! grep -q '^int main' "$work/program.c"; then continue; fi
            program_n=$((program_n + 1))
            standard=(-x c -std=c11)
            if [ $language = cxx ]; then standard=(-x c++ -std=c++20); fi
            check "$page line $first, $language" "$cc" "${standard[@]}" -D_POSIX_C_SOURCE=200809L "${warnings[@]}" \
                "-I$prefix/include" -fsyntax-only "$work/program.c"
        done < <(awk '/^```c$/ { first = NR + 1 } /^```$/ && first { print first, NR - 1; first = 0 }' "$page")
    done
done
check "the documentation has programs" test $program_n -ge 2

# ---- CMake: installed, and as a subdirectory

# user PROJECT [option]...: configured and built outside the tree.
user() {
    local project=$1
    shift
    cmake -S "$here/$project" -B "$work/$project" -G Ninja -DCMAKE_BUILD_TYPE=Debug "$@" && ninja -C "$work/$project"
}
# runs_all PROJECT KIND...
runs_all() {
    local project=$1 kind language program
    shift
    for kind in default "$@"; do
        for language in c cxx; do
            for program in host core; do
                check "$project, $kind, $language, $program" runs "$work/$project/$program-$kind-$language"
            done
        done
    done
}
check "find_package" user cmake -DCMAKE_PREFIX_PATH="$prefix" -DWANTED="${version%.*}"
runs_all cmake static shared
check "add_subdirectory" user subdirectory
runs_all subdirectory static

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
