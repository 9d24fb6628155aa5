#!/bin/sh
# Builds the load generator (e2e/clients/go/load), once per state of its sources, and prints its path:
#   KEELSON_LOAD=$(e2e/tools/load.sh)
# go.mod pins client-go. The binary is kept in ${KEELSON_CACHE:-~/.cache/keelson}/bin.
set -eu

sources=$(cd "$(dirname "$0")/../clients/go" && pwd)
bin="${KEELSON_CACHE:-$HOME/.cache/keelson}/bin"
digest=$(cd "$sources" && cat go.mod go.sum load/*.go | sha256sum | cut -c1-16)
program="$bin/load-$digest"
if [ ! -x "$program" ]; then
    if ! command -v go >/dev/null; then
        echo "load.sh: building the load generator needs go" >&2
        exit 1
    fi
    mkdir -p "$bin"
    # Those of earlier sources, when nobody has made one for long.
    find "$bin" -name 'load-*' -mtime +14 -delete
    # Built beside its place and moved into it, so that two callers don't meet in one file.
    new="$program.$$"
    trap 'rm -f "$new"' EXIT
    (cd "$sources" && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$new" ./load) >&2
    mv "$new" "$program"
fi
echo "$program"
