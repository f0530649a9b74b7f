#!/bin/sh
# Installs the Python services that bench.mjs measures beside this server, into a virtual environment.
# Usage: scripts/bench/peers/install.sh <folder>; then npm run bench -- --python <folder>/bin/python
set -eu
usage() { sed -n '2,3s/^# //p' "$0"; }
case "${1:-}" in --help) usage; exit ;; esac
[ $# -eq 1 ] || { usage >&2; exit 2; }
python3 -m venv "$1"
pip="$1/bin/python -m pip install --quiet --disable-pip-version-check"
# Triton's Python backend takes no arrays of numpy 2: it would read every element as the first.
$pip pillow 'numpy<2' onnxruntime fastapi 'uvicorn[standard]' python-multipart litserve mosec
# Of this only the server in it is wanted, not what its Python part depends on.
$pip --no-deps nvidia-pytriton==0.7.0
