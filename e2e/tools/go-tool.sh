#!/bin/sh
# Builds one of the Go programs that the tests run beside the server, once per version, and prints its path:
#   go-tool.sh FOLDER MODULE PACKAGE [LINKER-FLAGS [TAGS]]
# FOLDER (below this one) has the go.mod that pins MODULE; PACKAGE is below the module. @VERSION@ in the linker's
# flags becomes the module's version. The binary is kept in ${KEELSON_CACHE:-~/.cache/keelson}/bin.
set -eu

folder=$(cd "$(dirname "$0")/$1" && pwd)
module=$2
package=$2/$3
name=$(basename "$3")
bin="${KEELSON_CACHE:-$HOME/.cache/keelson}/bin"
version=$(sed -n "s|^\(require\)\{0,1\}[[:space:]]*$module \(v[^ ]*\).*|\2|p" "$folder/go.mod" | head -n 1)
if [ -z "$version" ]; then
    echo "$name: $folder/go.mod names no version of $module" >&2
    exit 1
fi
flags="-s -w $(echo "${4:-}" | sed "s/@VERSION@/$version/g")"

program="$bin/$name-$version"
if [ ! -x "$program" ]; then
    if ! command -v go >/dev/null; then
        echo "$name: building it needs go" >&2
        exit 1
    fi
    mkdir -p "$bin"
    # One caller builds, the others wait for it; where there is no flock they build beside each other.
    exec 8>"$bin/.$name.lock"
    if command -v flock >/dev/null; then flock 8; fi
fi
if [ ! -x "$program" ]; then
    # Built beside its place and moved into it, so that nobody runs half a program.
    new="$program.$$"
    trap 'rm -f "$new"' EXIT
    (cd "$folder" && CGO_ENABLED=0 go build -trimpath -tags "${5:-}" -ldflags "$flags" -o "$new" "$package") >&2 8>&-
    mv "$new" "$program"
fi
echo "$program"
