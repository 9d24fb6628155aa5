#!/bin/sh
# Builds the pinned kube-controller-manager once and prints its path:
#   KEELSON_CONTROLLER_MANAGER=$(e2e/tools/kube-controller-manager.sh)
set -eu
v=k8s.io/component-base/version
exec "$(dirname "$0")/go-tool.sh" kubernetes k8s.io/kubernetes cmd/kube-controller-manager \
    "-X $v.gitVersion=@VERSION@ -X $v.gitMajor=1 -X $v.gitMinor=36"
