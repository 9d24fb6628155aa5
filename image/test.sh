#!/usr/bin/env bash
# Holds the image to what it claims, by a Docker engine:
#   KEELSON_ETCD=$(e2e/tools/etcd.sh) KEELSON_KUBECTL=$(e2e/tools/kubectl.sh) image/test.sh IMAGE
# Containers have the host's network, so that an engine without a bridge is enough (image/engine.sh); everything listens
# on loopback.
set -euo pipefail

image=${1:?the image}
kubectl=${KEELSON_KUBECTL:?the path of kubectl}
etcd=${KEELSON_ETCD:?the path of etcd}
most=$((40 * 1000 * 1000))
# What anybody may take from a container.
hardened=(--read-only --user 65532:65532 --cap-drop ALL --security-opt no-new-privileges --network host)

work=$(mktemp -d)
containers=()
pids=()
end() {
  status=$?
  for container in "${containers[@]}"; do
    [ "$status" -eq 0 ] || docker logs --tail 20 "$container" >&2 || true
    docker rm --force --volumes "$container" >/dev/null 2>&1 || true
  done
  for pid in "${pids[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap end EXIT
trap 'exit 1' INT TERM

fail() { echo "FAILED: $*" >&2; exit 1; }
passed() { echo "ok: $*"; }

# Runs the command until it succeeds, for up to a minute.
wait_for() {
  local deadline=$((SECONDS + 60))
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || fail "not so within a minute: $*"
    sleep 0.1
  done
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Whether a path of the server answers 200, as a probe asks it: nobody is known, the certificate is not looked at.
probe() { curl --silent --insecure --fail --max-time 5 --output /dev/null "https://127.0.0.1:$port$1"; }

# Starts a container of the image in the background; says how it is called in $container.
start() {
  local flags=() arguments=()
  while [ "$1" != -- ]; do flags+=("$1"); shift; done
  shift
  arguments=("$@")
  container=$(docker run --detach "${hardened[@]}" "${flags[@]}" "$image" \
    --bind-address=127.0.0.1 --secure-port="$port" "${arguments[@]}")
  containers+=("$container")
  wait_for probe /readyz
}

# Asks the server to end; it has to, with 0.
stop() {
  docker stop --time 30 "$1" >/dev/null
  local code
  code=$(docker inspect --format '{{.State.ExitCode}}' "$1")
  [ "$code" = 0 ] || fail "SIGTERM ends the server with $code"
}

docker image inspect "$image" >/dev/null 2>&1 || fail "there is no image $image: make image"

size=$(docker image inspect --format '{{.Size}}' "$image")
[ "$size" -lt $most ] || fail "$size bytes are too many"
passed "$size bytes, fewer than $most"

user=$(docker image inspect --format '{{.Config.User}}' "$image")
[ "$user" = 65532:65532 ] || fail "runs as ${user:-root}"
passed "runs as $user where nothing else is said"

container=$(docker create "$image")
containers+=("$container")
# Docker itself puts the last few there.
docker export "$container" | tar -t --exclude=dev --exclude=proc --exclude=sys | grep -v '/$' | sort > "$work/files"
cat > "$work/wanted" <<'FILES'
.dockerenv
etc/group
etc/hostname
etc/hosts
etc/mtab
etc/nsswitch.conf
etc/passwd
etc/resolv.conf
etc/ssl/certs/ca-certificates.crt
usr/local/bin/kube-apiserver
FILES
diff "$work/wanted" "$work/files" >&2 || fail "the image holds other files"
passed "no shell, nothing but the server and what it reads"

[ "$(docker run --rm "${hardened[@]}" --entrypoint kube-apiserver "$image" --version | head -n1 | cut -c1-16)" = \
  "Kubernetes v1.36" ] || fail "the static pod's command is not found"
passed "found by its name, as in a static pod"

port=$(free_port)
start --tmpfs /var/lib/keelson:uid=65532,gid=65532,mode=0700 -- --v=2
for path in /livez /readyz /healthz; do
  probe "$path" || fail "$path"
done
stop "$container"
passed "answers probes with a read-only root and no privilege; SIGTERM ends it with 0"

volume=keelson-test-$$
docker volume create "$volume" >/dev/null
start --volume "$volume:/var/lib/keelson" --
docker cp "$container:/var/lib/keelson/admin.kubeconfig" "$work/kubeconfig" >/dev/null
kc() { "$kubectl" --kubeconfig "$work/kubeconfig" --cache-dir "$work/cache" --request-timeout 30s "$@"; }
kc create configmap kept --from-literal=turn=1 >/dev/null
stop "$container"
start --volume "$volume:/var/lib/keelson" --
[ "$(kc get configmap kept -o jsonpath='{.data.turn}')" = 1 ] || fail "the volume keeps no data"
stop "$container"
for container in "${containers[@]}"; do docker rm --force --volumes "$container" >/dev/null; done
containers=()
docker volume rm "$volume" >/dev/null
passed "a volume keeps the data from one container to the next"

client_port=$(free_port) peer_port=$(free_port)
"$etcd" --data-dir "$work/etcd" --listen-client-urls "http://127.0.0.1:$client_port" \
  --advertise-client-urls "http://127.0.0.1:$client_port" --listen-peer-urls "http://127.0.0.1:$peer_port" \
  --initial-advertise-peer-urls "http://127.0.0.1:$peer_port" --initial-cluster "default=http://127.0.0.1:$peer_port" \
  >"$work/etcd.log" 2>&1 &
pids+=($!)
wait_for curl --silent --fail "http://127.0.0.1:$client_port/health"
start --add-host objects.example:127.0.0.1 --tmpfs /var/lib/keelson:uid=65532,gid=65532,mode=0700 -- \
  --etcd-servers="http://objects.example:$client_port"
stop "$container"
passed "finds etcd by a name of the container's /etc/hosts"
echo "passed: $image"
