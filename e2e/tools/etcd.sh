#!/bin/sh
# Builds the etcd that the tests run against, once per version, and prints its path:
#   KEELSON_ETCD=$(e2e/tools/etcd.sh)
# go.mod pins the version. The binary is kept in ${KEELSON_CACHE:-~/.cache/keelson}/bin.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
bin="${KEELSON_CACHE:-$HOME/.cache/keelson}/bin"
package=go.etcd.io/etcd/server/v3
version=$(sed -n "s|^[[:space:]]*$package \(v[0-9.]*\).*|\1|p" "$here/go.mod")
if [ -z "$version" ]; then
    echo "etcd.sh: $here/go.mod names no version of $package" >&2
    exit 1
fi

etcd="$bin/etcd-$version"
if [ ! -x "$etcd" ]; then
    if ! command -v go >/dev/null; then
        echo "etcd.sh: building etcd needs go" >&2
        exit 1
    fi
    mkdir -p "$bin"
    # Built beside its place and moved into it, so that two callers don't meet in one file.
    new="$etcd.$$"
    trap 'rm -f "$new"' EXIT
    (cd "$here" && CGO_ENABLED=0 go build -trimpath -o "$new" "$package") >&2
    mv "$new" "$etcd"
fi
echo "$etcd"
