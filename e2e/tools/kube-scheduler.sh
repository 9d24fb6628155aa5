#!/bin/sh
# Builds the pinned kube-scheduler once and prints its path:
#   KEELSON_SCHEDULER=$(e2e/tools/kube-scheduler.sh)
set -eu
v=k8s.io/component-base/version
exec "$(dirname "$0")/go-tool.sh" kubernetes k8s.io/kubernetes cmd/kube-scheduler \
    "-X $v.gitVersion=@VERSION@ -X $v.gitMajor=1 -X $v.gitMinor=36"
