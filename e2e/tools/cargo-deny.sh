#!/usr/bin/env bash
# Builds the pinned cargo-deny once, below ~/.cache/keelson/cargo.
set -euo pipefail
version=0.20.2
root=$HOME/.cache/keelson/cargo
[ "$("$root/bin/cargo-deny" --version 2>/dev/null || true)" = "cargo-deny $version" ] && exit 0
env -u CARGO_TARGET_DIR cargo install --quiet --locked --root "$root" --version "$version" --no-default-features cargo-deny
