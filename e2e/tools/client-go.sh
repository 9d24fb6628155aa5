#!/bin/sh
# Builds the client-go suite (e2e/clients/go), once per state of its sources, and prints the path of its binary:
#   KEELSON_CLIENT_GO=$(e2e/tools/client-go.sh)
# go.mod pins client-go. The binary is kept in ${KEELSON_CACHE:-~/.cache/keelson}/bin.
set -eu

sources=$(cd "$(dirname "$0")/../clients/go" && pwd)
bin="${KEELSON_CACHE:-$HOME/.cache/keelson}/bin"
digest=$(cd "$sources" && cat go.mod go.sum ./*.go | sha256sum | cut -c1-16)
suite="$bin/client-go-$digest"
if [ ! -x "$suite" ]; then
    if ! command -v go >/dev/null; then
        echo "client-go.sh: building the client-go suite needs go" >&2
        exit 1
    fi
    mkdir -p "$bin"
    # Those of earlier sources, when nobody has made one for long.
    find "$bin" -name 'client-go-*' -mtime +14 -delete
    # Built beside its place and moved into it, so that two callers don't meet in one file.
    new="$suite.$$"
    trap 'rm -f "$new"' EXIT
    (cd "$sources" && CGO_ENABLED=0 go test -c -trimpath -ldflags='-s -w' -o "$new" .) >&2
    mv "$new" "$suite"
fi
echo "$suite"
