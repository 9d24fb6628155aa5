#!/bin/sh
# Builds the pinned Helm once and prints its path:
#   KEELSON_HELM=$(e2e/tools/helm.sh)
set -eu
exec "$(dirname "$0")/go-tool.sh" helm helm.sh/helm/v4 cmd/helm "-X helm.sh/helm/v4/internal/version.version=@VERSION@"
