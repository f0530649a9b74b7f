#!/usr/bin/env bash
# Tries what surrounds the server: a real Prometheus with the configuration, rules and dashboard of this folder, and a real
# nginx with the balancer's, against real servers. docs/deployment.md says what that proves.
# On Debian 12, as root: apt-get install prometheus nginx-light dnsmasq-base curl; the checkout compiled (npm run build).
#
# Containers find each other by name. Here dnsmasq knows the names, at the address where Docker's name server would be, and
# two servers stand at two loopback addresses. All of it lives in a mount namespace, in which /etc/resolv.conf names
# dnsmasq; the machine's own stays as it is. Takes about two minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" != inside ]; then exec unshare --mount --propagation private "$0" inside; fi

work="$(mktemp -d)"
pids=()
cleanup() { for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done; wait; rm -rf "$work"; }
trap cleanup EXIT
say() { printf '\n== %s\n' "$1"; }
expect() { # expect <what> <command ...>
  if "${@:2}"; then echo "ok       $1"; else echo "NOT OK   $1"; exit 1; fi
}
ready() { for _ in $(seq 100); do curl -sf -o "$work/out" "$1" && return; sleep 0.2; done; return 1; }

say 'files'
promtool check config deploy/prometheus/prometheus.yml
promtool test rules deploy/prometheus/rules.test.yml

say 'names'
echo 'nameserver 127.0.0.11' > "$work/resolv.conf"
mount --bind "$work/resolv.conf" /etc/resolv.conf
dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --no-daemon --pid-file= --bind-interfaces \
  --listen-address=127.0.0.11 --log-facility="$work/dnsmasq.log" --local-ttl=0 \
  --host-record=menagerie,127.0.0.20 --host-record=replica,127.0.0.21 --host-record=replica,127.0.0.22 \
  --address=/gpu/ 2> "$work/dnsmasq.err" &
pids+=($!)

say 'three servers'
declare -A server
for address in 127.0.0.20 127.0.0.21 127.0.0.22; do
  HOST=$address PORT=8080 MENAGERIE_MODELS=lenet5 MENAGERIE_WORKERS=1 MENAGERIE_LOG_LEVEL=error \
    node dist/main.js serve 2> "$work/server-$address.log" &
  server[$address]=$!
  pids+=($!)
done
for address in "${!server[@]}"; do expect "$address is ready" ready "http://$address:8080/readyz"; done

say 'nginx'
# Before 1.27.3 nginx looks names up once, at start.
sed 's/ resolve;/;/' deploy/nginx/nginx.conf > "$work/nginx.conf"
expect 'nginx -t' nginx -t -q -c "$work/nginx.conf"
nginx -c "$work/nginx.conf" -g 'daemon off;' 2> "$work/nginx.log" &
pids+=($!)
expect 'answers through the balancer' ready http://127.0.0.1:8000/readyz
picture=models/golden/digit-7.png
ask() { curl -s -o "$work/out" -w '%{http_code}' -F "image=@$picture" "http://127.0.0.1:8000/classify?model=lenet5"; }
answered() { curl -s "http://$1:8080/metrics" | sed -n 's/^menagerie_images_total{.*outcome="ok"} //p'; }
for _ in $(seq 20); do expect '' test "$(ask)" = 200 > "$work/out"; done
echo "answers of the two replicas: $(answered 127.0.0.21) and $(answered 127.0.0.22)"
expect 'both replicas answer' test "$(answered 127.0.0.21)" -gt 0 -a "$(answered 127.0.0.22)" -gt 0
expect 'a large upload passes' bash -c "head -c 15000000 /dev/zero | curl -s -H 'content-type: image/png' --data-binary @- 'http://127.0.0.1:8000/classify?model=lenet5' | grep -q not_an_image"
# nginx sends all of it before it looks for the reply.
for _ in $(seq 20); do
  expect '' test "$(head -c 6000000 /dev/zero | curl -s -o "$work/out" -w '%{http_code}' -H 'content-type: image/png' --data-binary @- 'http://127.0.0.1:8000/classify?model=nobody')" = 404 > "$work/out"
done
echo 'ok       20 of 20 large uploads that are refused early see why'
expect 'no loading through the balancer' test "$(curl -s -o "$work/out" -w '%{http_code}' -X POST http://127.0.0.1:8000/models/lenet5/load)" = 404

say 'Prometheus'
prometheus --config.file="$PWD/deploy/prometheus/prometheus.yml" --storage.tsdb.path="$work/data" \
  --web.listen-address=127.0.0.1:19090 --log.level=warn 2> "$work/prometheus.log" &
pids+=($!)
expect 'Prometheus is ready' ready http://127.0.0.1:19090/-/ready
end=$((SECONDS + 60))
while [ "$SECONDS" -lt "$end" ]; do
  ask > "$work/code"
  curl -s -o "$work/out" -F "image=@$picture" 'http://127.0.0.20:8080/classify?model=lenet5'
  # Errors to be counted: a model that is not there, loading without an admin key, and what is no request.
  curl -s -o "$work/out" -F "image=@$picture" 'http://127.0.0.20:8080/classify?model=none'
  curl -s -o "$work/out" -X POST 'http://127.0.0.20:8080/models/lenet5/load'
  curl -s -m 2 -o "$work/out" 'telnet://127.0.0.20:8080' <<< 'hello' || true
  sleep 0.2
done
node deploy/evaluate-queries.mjs http://127.0.0.1:19090

say 'one replica stops while requests go on'
kill "${server[127.0.0.21]}"
for _ in $(seq 20); do expect '' test "$(ask)" = 200 > "$work/out"; sleep 0.05; done
echo 'ok       20 of 20 requests were answered'
wait "${server[127.0.0.21]}" && echo 'ok       the replica drained and ended with 0'
# An alert that has to come: its target is still in the name server, and does not answer.
down() { curl -s 'http://127.0.0.1:19090/api/v1/alerts' | grep -q 'MenagerieDown'; }
for _ in $(seq 60); do down && break; sleep 1; done
expect 'MenagerieDown is pending or firing' down
