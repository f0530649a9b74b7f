#!/usr/bin/env bash
# Installs the npm package as a stranger would, in an empty folder and without install scripts, and tries it.
#
#   bash scripts/prove-package.sh
#
# Only Node, npm and its registry are needed.
set -euo pipefail
cd "$(dirname "$0")/.."
work="$(mktemp -d)"
server=
trap '[ -z "$server" ] || kill -KILL "$server" 2> /dev/null; rm -rf "$work"' EXIT
say() { printf '\n== %s\n' "$1"; }
fail() { echo "$1" >&2; exit 1; }

say 'pack'
package="$(node scripts/pack.mjs --out "$work")"
# Nothing but what is needed, and no network that somebody pulled here.
unexpected="$(tar -tzf "$package" | sed 's|^package/||' | grep -vE '^(dist/|src/imaging/decoders/jpeg/wasm/jpeg\.wasm$|models/|samples/|scripts/menagerie\.mjs$|package\.json$|npm-shrinkwrap\.json$|README\.md$|LICENSE$|NOTICE$|CHANGELOG\.md$|SECURITY\.md$)' || true)"
[ -z "$unexpected" ] || fail "unexpected files: $unexpected"
git ls-files 'models/*.onnx' | sort > "$work/bundled"
tar -tzf "$package" | sed -n 's|^package/\(models/.*\.onnx\)$|\1|p' | sort > "$work/packed"
diff "$work/bundled" "$work/packed" || fail 'the package does not hold the bundled networks and no others'

say 'install'
mkdir "$work/elsewhere"
cd "$work/elsewhere"
npm init --yes > /dev/null
npm install --ignore-scripts --no-audit --no-fund --loglevel=error "$package"
# The locked versions, whatever is newest.
node -e "
  const { packages } = require('$work/elsewhere/node_modules/@menagerie-server/menagerie/npm-shrinkwrap.json');
  const { version } = require(require.resolve('fastify/package.json', { paths: ['$work/elsewhere/node_modules/@menagerie-server/menagerie'] }));
  if (version !== packages['node_modules/fastify'].version) throw new Error('fastify ' + version + ' is not the locked one');
"

say 'run'
npx --no-install menagerie --version
# Not through npx, which does not hand signals on.
menagerie=node_modules/.bin/menagerie
$menagerie doctor > doctor.txt || { cat doctor.txt; fail 'doctor found a fault'; }
picture=node_modules/@menagerie-server/menagerie/models/golden/digit-7.png
$menagerie classify --model lenet5 "$picture"
$menagerie bench lenet5 --duration 1 --connections 1,4
photograph=node_modules/@menagerie-server/menagerie/samples/coffee.jpg
$menagerie classify "$photograph" | grep -q espresso || fail 'a wrong answer about a photograph'
PORT=0 $menagerie serve > server.out 2> server.log &
server=$!
address=
for _ in $(seq 100); do
  address="$(sed -n 's/.*listens on \(http[^ ]*\).*/\1/p' server.log | head -1)"
  [ -n "$address" ] && curl --silent --fail "$address/readyz" > /dev/null && break
  sleep 0.2
done
[ -n "$address" ] || { cat server.log; fail 'the server does not start'; }
curl --silent --show-error --fail -F "image=@$picture" "$address/classify?model=lenet5" | grep -q '"label":"7"' || fail 'a wrong answer'
kill -TERM "$server"
wait "$server" || fail 'the server did not end well'
server=
say 'the package works'
