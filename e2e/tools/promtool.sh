#!/bin/sh
# Builds the pinned promtool once and prints its path:
#   KEELSON_PROMTOOL=$(e2e/tools/promtool.sh)
# Of its ways to find targets it has files, HTTP and Kubernetes; the web pages are left out.
set -eu
exec "$(dirname "$0")/go-tool.sh" prometheus github.com/prometheus/prometheus cmd/promtool "" \
    remove_all_sd,enable_kubernetes_sd
