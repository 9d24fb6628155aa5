#!/usr/bin/env bash
# Puts Keelson's image in the place of kube-apiserver in a cluster of kind's, node after node, and back again:
#   e2e/kind/run.sh [IMAGE]
# IMAGE is the one of the patch for kubeadm where none is named; `make image` builds it.
#
# It needs Docker's engine, kind and kubectl, and a network that kind's node image is pulled from; for the conformance
# tests e2e.test of Kubernetes v1.36, too, which runs beside the cluster, as logs are not served yet. It says what is
# missing and does nothing then. From the environment:
#   KIND_NODE_IMAGE  the image of kind's nodes (default: kindest/node:v1.36.0)
#   KEELSON_FOCUS    which conformance tests run, a regular expression; none where it is empty
#   KEELSON_KEEP     leave the cluster there at the end
set -euo pipefail

node_image=${KIND_NODE_IMAGE-kindest/node:v1.36.0}
default_focus='\[sig-api-machinery\] (Garbage collector|Namespaces|ResourceQuota|Watchers|server version).*\[Conformance\]'
default_focus+='|\[sig-apps\] (Deployment|ReplicaSet|Job|StatefulSet).*\[Conformance\]'
default_focus+='|\[sig-(node|storage)\] (ConfigMap|Secrets).*lifecycle.*\[Conformance\]'
focus=${KEELSON_FOCUS-$default_focus}
name=keelson-e2e
here=$(cd "$(dirname "$0")" && pwd)
patch=$here/../../manifests/patches/kube-apiserver0+strategic.yaml
image=${1:-$(sed -n 's/^ *image: *//p' "$patch")}
manifest=/etc/kubernetes/manifests/kube-apiserver.yaml
# Beside kubelet's directory, not in it: kubelet runs whatever lies there.
saved=/etc/kubernetes/kube-apiserver.upstream.yaml

missing=()
for tool in docker kind kubectl; do
  command -v "$tool" >/dev/null || missing+=("$tool")
done
if [ -n "$focus" ] && ! command -v e2e.test >/dev/null; then
  missing+=("e2e.test (or KEELSON_FOCUS= to leave the conformance tests out)")
fi
if command -v docker >/dev/null; then
  if ! docker info >/dev/null 2>&1; then
    missing+=("a Docker engine that answers")
  elif ! docker image inspect "$image" >/dev/null 2>&1; then
    missing+=("the image $image (make image)")
  fi
fi
if [ ${#missing[@]} -gt 0 ]; then
  echo "run.sh needs what is not here:" >&2
  printf '  %s\n' "${missing[@]}" >&2
  exit 1
fi

work=$(mktemp -d)
export KUBECONFIG=$work/kubeconfig
end() {
  status=$?
  if [ "$status" -ne 0 ] && kind get clusters 2>/dev/null | grep -qx "$name"; then
    kind export logs --name "$name" "${TMPDIR:-/tmp}/$name-logs" >/dev/null 2>&1 || true
    echo "run.sh: failed; the nodes' logs are in ${TMPDIR:-/tmp}/$name-logs" >&2
  fi
  if [ -z "${KEELSON_KEEP:-}" ]; then
    kind delete cluster --name "$name" >/dev/null 2>&1 || true
    rm -rf "$work"
  else
    echo "run.sh: the cluster is left there: KUBECONFIG=$KUBECONFIG" >&2
  fi
}
trap end EXIT

step() { echo "== $*"; }

# Waits up to so many seconds until the command succeeds.
until_true() {
  local seconds=$1 deadline
  shift
  deadline=$((SECONDS + seconds))
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $deadline ]; then
      echo "run.sh: not so within ${seconds}s: $*" >&2
      return 1
    fi
    sleep 1
  done
}

# Whether the server of this node runs this image, and is ready.
runs() {
  local pod=kube-apiserver-$1 field found
  for field in '{.spec.containers[0].image}' '{.status.conditions[?(@.type=="Ready")].status}'; do
    found+=$(kubectl -n kube-system get pod "$pod" -o jsonpath="$field")
  done
  [ "$found" = "$2True" ] && docker exec "$1" crictl ps --name kube-apiserver --state Running -q | grep -q .
}

# Puts what standard input says into the manifest of a node, as a whole: kubelet watches the directory.
install() {
  docker exec -i "$1" sh -c "cat > /etc/kubernetes/kube-apiserver.next && mv /etc/kubernetes/kube-apiserver.next $manifest"
}

swap_in() {
  local node=$1
  docker exec "$node" cp -n "$manifest" "$saved"
  docker exec "$node" cat "$saved" > "$work/upstream.yaml"
  # The change that kubeadm makes of the same patch, with the image that was asked for.
  kubectl patch --local -f "$work/upstream.yaml" --patch-file "$patch" -o yaml > "$work/patched.yaml"
  kubectl patch --local -f "$work/patched.yaml" -o yaml > "$work/keelson.yaml" \
    --patch "{\"spec\":{\"containers\":[{\"name\":\"kube-apiserver\",\"image\":\"$image\"}]}}"
  install "$node" < "$work/keelson.yaml"
  until_true 180 runs "$node" "$image"
}

swap_back() {
  local node=$1 upstream
  upstream=$(docker exec "$node" sed -n 's/^ *image: *//p' "$saved")
  docker exec "$node" cat "$saved" | install "$node"
  until_true 180 runs "$node" "$upstream"
}

# What a cluster has to do whoever serves its API.
smoke() {
  local space=$1 workload
  # An image that each node has already.
  workload=$(kubectl -n kube-system get deployment coredns -o jsonpath='{.spec.template.spec.containers[0].image}')
  kubectl create namespace "$space"
  kubectl -n "$space" create deployment web --image="$workload" --replicas=3 -- /coredns -dns.port=1053
  kubectl -n "$space" rollout status deployment/web --timeout=180s
  kubectl -n "$space" expose deployment web --port=1053 --protocol=UDP
  kubectl -n "$space" set env deployment/web TURN=2
  kubectl -n "$space" rollout status deployment/web --timeout=180s
  kubectl -n "$space" rollout undo deployment/web
  kubectl -n "$space" rollout status deployment/web --timeout=180s
  # The Service has the three pods behind it.
  until_true 60 sh -c "kubectl -n $space get endpointslices -l kubernetes.io/service-name=web \
    -o jsonpath='{.items[*].endpoints[*].addresses[*]}' | wc -w | grep -qx 3"
  kubectl wait --for=condition=Ready nodes --all --timeout=60s
}

step "a cluster by kubeadm, with kube-apiserver"
kind create cluster --name "$name" --config "$here/cluster.yaml" --image "$node_image" --wait 180s
kind load docker-image --name "$name" "$image"
nodes=$(kind get nodes --name "$name" | xargs -n1 | grep control-plane | sort)
smoke before

for node in $nodes; do
  step "Keelson on $node"
  swap_in "$node"
done
step "smoke"
# What kube-apiserver wrote is there.
kubectl -n before get deployment web
smoke during
kubectl delete namespace before --timeout=180s
if [ -n "$focus" ]; then
  step "conformance: $focus"
  e2e.test --kubeconfig "$KUBECONFIG" --provider skeleton --ginkgo.focus "$focus" --ginkgo.no-color
fi

for node in $nodes; do
  step "kube-apiserver on $node again"
  swap_back "$node"
done
# And it reads what Keelson wrote.
kubectl -n during get deployment web
smoke after
kubectl delete namespace during after --timeout=180s
step "passed"
