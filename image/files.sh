#!/usr/bin/env bash
# Lays out what the image holds, in a directory that it makes anew:
#   image/files.sh DIRECTORY
# root/ is the image's file system: a static server, the authorities that this machine trusts, the few files that
# look-ups of names need. data/ holds what the image's user owns.
#
# The server is built for this machine's target by name, so that flags of the static build reach no build script, and
# its artifacts lie apart from those of other builds.
set -euo pipefail

out=${1:?the directory to lay the files out in}
here=$(cd "$(dirname "$0")" && pwd)
authorities=/etc/ssl/certs/ca-certificates.crt
if [ ! -s "$authorities" ]; then
  echo "files.sh: $authorities is missing: install ca-certificates" >&2
  exit 1
fi

cd "$here/.."
target=$(rustc -vV | sed -n 's/^host: //p')
case $target in
  *-linux-gnu) ;;
  *) echo "files.sh: images are built on Linux with glibc, not for $target" >&2; exit 1 ;;
esac
flags=CARGO_TARGET_$(tr 'a-z-' 'A-Z_' <<<"$target")_RUSTFLAGS
env "$flags=-C target-feature=+crt-static -C link-arg=-fuse-ld=lld" \
  cargo build --locked --release --target "$target" --bin kube-apiserver
binary=${CARGO_TARGET_DIR:-target}/$target/release/kube-apiserver

rm -rf "$out"
mkdir -p "$out/root/usr/local/bin" "$out/root/etc/ssl/certs" "$out/data/keelson"
cp -r image/rootfs/. "$out/root/"
cp "$authorities" "$out/root$authorities"
strip --strip-debug -o "$out/root/usr/local/bin/kube-apiserver" "$binary"
if readelf --program-headers "$out/root/usr/local/bin/kube-apiserver" | grep -q INTERP; then
  echo "files.sh: the server needs a dynamic loader, and the image has none" >&2
  exit 1
fi
chmod -R u=rwX,go=rX "$out"
