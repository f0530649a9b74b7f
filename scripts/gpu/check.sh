#!/usr/bin/env bash
# Tries CUDA on a machine that has a GPU and nothing else: no Node, no packages, no network. docs/tuning.md says how.
#
#   bash scripts/gpu/check.sh [parts] [work]     default: .gpu/parts, made by scripts/gpu/pack.mjs, and .gpu/work
#
# Needs bash, coreutils, diffutils, grep, sed, gzip and tar. CUDA 13 and cuDNN are taken from where the loader finds them, from the
# packages of a python3 on PATH, and from /usr/local/cuda. Prints as it goes, and ends after $CHECK_SECONDS (default 235) at the latest.
# Where there is no GPU it says so, and measures the CPU. The exit status is 1 if a step failed.
set -uo pipefail
parts="${1:-.gpu/parts}"
work="${2:-.gpu/work}"
limit="${CHECK_SECONDS:-235}"
summary=''
failed=no

say() { printf '\n== %3d s  %s\n' "$SECONDS" "$*"; }
note() { summary+="$(printf '%-8s %s' "$1" "$2")"$'\n'; }

# step <what> <seconds> <command ...>: its output as it comes; ended when its time, or that of all steps, is over.
step() {
  local what="$1" most="$2" left=$((limit - SECONDS)) status=0
  shift 2
  say "$what"
  if [ "$left" -lt 5 ]; then
    note 'no time' "$what"
    return 1
  fi
  timeout --kill-after=5 "$((most < left ? most : left))" "$@" || status=$?
  case "$status" in
    0) note ok "$what" ;;
    124 | 137) note 'too slow' "$what"; failed=yes ;;
    *) note FAILED "$what (status $status)"; failed=yes ;;
  esac
  return "$status"
}

finish() {
  say summary
  printf '%s' "$summary"
  [ "$failed" = no ]
  exit
}

# Joined into $work once; a second run finds it there.
join() {
  set -e
  (cd "$parts" && sha256sum --quiet -c sums)
  if cmp -s "$parts/sums" "$work/sums"; then echo 'joined already'; return; fi
  rm -rf "$work"
  mkdir -p "$work"
  cat "$parts"/part-* | tar -x -C "$work"
  tar -xzf "$work/node.tgz" -C "$work" --strip-components=2 package/bin/node
  unpack "$work/app.tar.zst" "$work"
  unpack "$work/provider.tar.zst" "$work/menagerie/node_modules/onnxruntime-node/bin/napi-v6/linux/x64"
  rm "$work"/*.zst "$work/node.tgz"
  cp "$parts/sums" "$work/sums"
  du -sh "$work"
}

unpack() { # unpack <archive> <folder>: there may be no zstd, so Node does it
  "$work/node" -e '
    const { createZstdDecompress } = require("node:zlib");
    require("node:stream").pipeline(process.stdin, createZstdDecompress(), process.stdout, (error) => {
      if (error) throw error;
    });' < "$1" | tar -x -C "$2"
}

# Folders with CUDA's libraries: NVIDIA's packages, PyTorch's, the toolkit's, the driver's.
library_folders() {
  local site
  site="$(python3 -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' 2> /dev/null)"
  local folder
  for folder in ${site:+"$site"/nvidia/*/lib "$site"/torch/lib} /usr/local/cuda/lib64 /usr/local/nvidia/lib64 /usr/local/nvidia/lib; do
    if [ -d "$folder" ]; then printf '%s:' "$folder"; fi
  done
}

versions() {
  node -p '`Node ${process.version}, ONNX Runtime ${require("onnxruntime-node/package.json").version}, ${os.availableParallelism()} cores of ${os.cpus()[0].model.trim()}`'
  nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader 2> /dev/null || echo 'no GPU: nvidia-smi does not answer'
  echo "LD_LIBRARY_PATH=$LD_LIBRARY_PATH"
}

doctor() { node dist/main.js doctor > "$1/doctor.txt"; cat "$1/doctor.txt"; }

bare() { set -o pipefail; node scripts/gpu/bare.mjs "$@" | tee "$work/bare.jsonl"; }

export -f join unpack versions doctor bare
parts="$(cd "$parts" && pwd)" || exit 1
mkdir -p "$work"
work="$(cd "$work" && pwd)"
export parts work

step 'join the parts' 90 bash -c join || finish
mkdir -p "$work/bin" "$work/tmp"
ln -sf ../node "$work/bin/node"
LD_LIBRARY_PATH="$(library_folders)${LD_LIBRARY_PATH:-}"
export LD_LIBRARY_PATH PATH="$work/bin:$PATH" ASSETS_DIR="$work/assets" TMPDIR="$work/tmp" HOME="${HOME:-$work}"
cd "$work/menagerie" || exit 1

step versions 10 bash -c versions
step 'menagerie doctor' 40 bash -c 'doctor "$work"'
provider=cuda device=cuda-required batches=1,8,32,64 connections=1,8,64,256
if ! grep -q '^ *cuda *usable' "$work/doctor.txt"; then
  provider=cpu device=cpu batches=1,8 connections=1,8
  reason="$(sed -n 's/^ *cuda *not usable *//p' "$work/doctor.txt")"
  note ABSENT "CUDA: ${reason:-the doctor says nothing of it}. What follows is the CPU's."
fi
step "bare ONNX Runtime on $provider" 60 bash -c 'bare "$@"' bash --provider "$provider" --batches "$batches"
step "the server on $provider" 110 node scripts/gpu/server.mjs --device "$device" --connections "$connections" \
  --bare "$work/bare.jsonl"
[ "$provider" = cuda ] || note ABSENT 'tests/golden/cuda.test.ts: all but one of its tests want a GPU'
step 'tests/golden/cuda.test.ts' 90 node node_modules/vitest/vitest.mjs run tests/golden/cuda.test.ts
finish
