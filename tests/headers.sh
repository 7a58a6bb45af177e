#!/bin/sh
# The headers' promises: each compiles alone; the public ones include only <stddef.h>, <stdint.h>, <stdbool.h>,
# <sys/types.h> and each other, and compile as C99 and C++11; what they declare and every option has a comment of its own;
# an #include in src/ points to its own folder or below it, never up.
set -eu
cd "$(dirname "$0")/.."
bad=0
fail() {
    echo "headers: $*"
    bad=$((bad + 1))
}

alone_in_c() {
    echo "#include \"$1\"" | ${CC:-cc} -std=c11 -Wall -Wextra -Wconversion -Wshadow -Werror -Iinclude -Isrc -Itests \
        -fsyntax-only -x c - || fail "$1 does not compile by itself"
}

alone_in_cxx() {
    echo "#include <$1>" | ${CXX:-c++} -std=c++11 -Wall -Wextra -Wconversion -Wshadow -Werror -pedantic -Iinclude \
        -fsyntax-only -x c++ - || fail "$1 does not compile as C++"
}

# Programs that are not C11 may include the public ones too.
in_c99() {
    printf '#include <%s>\nint something;\n' "$1" | ${CC:-cc} -std=c99 -Wall -Wextra -Wconversion -Wshadow -Werror -pedantic -Iinclude \
        -fsyntax-only -x c - || fail "$1 does not compile as C99"
}

# A function, and a field of a structure of options, follows a comment or has one behind it.
documented() {
    awk '
        /^typedef struct minke_.*options/ { options = 1 }
        /^}/ { options = 0 }
        /^MINKE_API/ && !after_comment { print FILENAME ":" FNR ": no comment: " $0 }
        options && /^    [a-z].*;/ && !/\/\*\*</ && !after_comment { print FILENAME ":" FNR ": no comment: " $0 }
        { after_comment = /\*\/$/ && !/\/\*\*</ }
    ' "$1"
}

# The height of a folder of src/: what is higher may include what is lower or equal.
height_of() {
    case $1 in
    base) echo 0 ;;
    stun | crypto | multiformats | pb | http) echo 1 ;;
    sctp | dtls | ice | noise | yamux | multistream | websocket | relay) echo 2 ;;
    stream | signalling) echo 3 ;;
    upgrade) echo 4 ;;
    webrtc) echo 5 ;;
    host) echo 6 ;;
    driver) echo 7 ;;
    *) echo 99 ;;
    esac
}

downwards() {
    from=$(echo "$1" | cut -d/ -f2)
    [ "$(height_of "$from")" -lt 99 ] || fail "$1: the folder src/$from has no place in the layers (tests/headers.sh)"
    for to in $(sed -n 's/^ *# *include "\([a-z0-9_]*\)\/.*/\1/p' "$1" | sort -u); do
        if [ "$(height_of "$to")" -gt "$(height_of "$from")" ]; then fail "$1 includes $to/, which lies above src/$from"; fi
    done
}

n=0
for header in $(find include src tests/support -name '*.h' | sort); do
    name=${header#*/}
    case $header in
    include/*)
        alone_in_c "$name"
        alone_in_cxx "$name"
        in_c99 "$name"
        undocumented=$(documented "$header")
        [ -z "$undocumented" ] || fail "$undocumented"
        foreign=$(sed -n 's/^ *# *include *//p' "$header" |
            grep -Ev '^<(stddef\.h|stdint\.h|stdbool\.h|sys/types\.h|minke/[a-z_]+\.h)>' || true)
        # The one header for programs that own their sockets is the system's too; no other includes it.
        if [ "$name" = minke/loop.h ]; then foreign=''; fi
        if grep -q 'include <minke/loop\.h>' "$header"; then foreign='<minke/loop.h>'; fi
        [ -z "$foreign" ] || fail "$header includes $foreign"
        ;;
    *) alone_in_c "$name" ;;
    esac
    n=$((n + 1))
done
for source in $(find src -name '*.[ch]' | sort); do downwards "$source"; done

[ "$bad" -eq 0 ] || exit 1
echo "headers: $n compile alone, the public ones as C99 and C++ too, and explain what they declare; every include points down"
