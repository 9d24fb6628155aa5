#!/usr/bin/env bash
# Runs a command with a Docker engine:
#   image/engine.sh COMMAND [ARGUMENT…]
# That is the engine that answers. Where none does and dockerd is installed, root gets one of its own, below a temporary
# directory and without a bridge, for as long as the command runs.
set -euo pipefail

docker info >/dev/null 2>&1 && exec "$@"
if [ "$(id -u)" -ne 0 ] || ! command -v dockerd >/dev/null; then
  echo "engine.sh: needs a Docker engine that answers, or root and dockerd" >&2
  exit 1
fi
home=$(mktemp -d)
pid=
end() {
  if [ -n "$pid" ]; then
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  fi
  umount "$home"/exec/netns/* 2>/dev/null || true
  rm -rf "$home"
}
trap end EXIT
trap 'exit 1' INT TERM
dockerd --bridge none --iptables=false --ip6tables=false --data-root "$home/data" --exec-root "$home/exec" \
  --pidfile "$home/pid" --host "unix://$home/socket" >"$home/log" 2>&1 &
pid=$!
export DOCKER_HOST=unix://$home/socket
deadline=$((SECONDS + 60))
until docker info >/dev/null 2>&1; do
  if [ $SECONDS -ge $deadline ] || ! kill -0 "$pid" 2>/dev/null; then
    echo "engine.sh: dockerd does not answer:" >&2
    tail -n 20 "$home/log" >&2
    exit 1
  fi
  sleep 0.1
done
"$@"
