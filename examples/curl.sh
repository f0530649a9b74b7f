#!/bin/sh
# Every way to send a picture with curl. Usage: sh curl.sh picture.jpg
set -eu
url=${MENAGERIE_URL:-http://127.0.0.1:8080}
picture=$1

# --fail-with-body prints the reply and fails for an error.
ask() {
  echo "# $1"
  shift
  curl --silent --show-error --fail-with-body "$@"
  echo
}

ask 'a form' -F "image=@$picture" "$url/classify?top_k=1"
ask 'several pictures, parameters as fields' -F "image=@$picture" -F "image=@$picture" -F top_k=1 "$url/classify"
ask 'the picture as the body' --data-binary "@$picture" "$url/classify?top_k=1"
ask 'PUT' -T "$picture" "$url/classify?top_k=1"
base64 < "$picture" | tr -d '\n' | awk '{ printf "{\"image\": \"%s\", \"top_k\": 1}", $0 }' |
  ask 'JSON' -H 'Content-Type: application/json' --data-binary @- "$url/classify"
gzip -c "$picture" | ask 'gzip' -H 'Content-Encoding: gzip' --data-binary @- "$url/classify?top_k=1"
