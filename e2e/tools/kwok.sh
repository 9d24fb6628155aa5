#!/bin/sh
# Builds the pinned KWOK, which plays nodes once and prints its path:
#   KEELSON_KWOK=$(e2e/tools/kwok.sh)
set -eu
exec "$(dirname "$0")/go-tool.sh" kwok sigs.k8s.io/kwok cmd/kwok "-X sigs.k8s.io/kwok/pkg/consts.Version=@VERSION@"
