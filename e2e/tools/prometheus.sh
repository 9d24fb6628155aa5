#!/bin/sh
# Builds the pinned Prometheus once and prints its path:
#   KEELSON_PROMETHEUS=$(e2e/tools/prometheus.sh)
# Of its ways to find targets it has files, HTTP and Kubernetes; the web pages are left out.
set -eu
exec "$(dirname "$0")/go-tool.sh" prometheus github.com/prometheus/prometheus cmd/prometheus "" \
    remove_all_sd,enable_kubernetes_sd
