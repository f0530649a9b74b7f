#!/bin/sh
# Gives a volume over /app/models the manifests, labels and weights of this image, then becomes menagerie. A volume that
# was first used with an older image gets what has changed; weights that were pulled stay. Each file is put in place
# whole, because another container may be reading the volume. Where the folder cannot be written nothing is to be done:
# it is the image's own, or a volume that another container fills. Where it is full, menagerie starts with what is there.
set -u
app="$(cd "$(dirname "$0")" && pwd)"
models="$app/models"
# The host's name is the container's own and stays when it is restarted: what it left when it was killed is found again.
new="$models/.new-$(uname -n)"

# put <file>: gives the volume one of the image's files, unless it has it.
put() {
  cmp -s "$app/models.image/$1" "$models/$1" && return
  mkdir -p "$models/$(dirname "$1")" && cp "$app/models.image/$1" "$new" && mv "$new" "$models/$1" && return
  rm -f "$new"
  return 1
}

if [ -w "$models" ]; then
  trap 'rm -rf "$new"; exit 143' TERM INT HUP
  rm -rf "$new"
  # What others left, a day ago at least: they may be at work now.
  find "$models" -maxdepth 1 -name '.new-*' -mtime +0 -exec rm -rf {} +
  failed=0
  IFS='
'
  for file in $(cd "$app/models.image" && find . -type f); do
    put "$file" 2> /dev/null || failed=$((failed + 1))
  done
  if [ "$failed" -gt 0 ]; then
    echo "menagerie: $failed files of this image could not be put into $models (is it full?); starting with what is there" >&2
  fi
  trap - TERM INT HUP
fi
cd "$app" || exit
# Without the flag SIGUSR1 would open a port for debuggers until the program is there to hear it.
exec node --disable-sigusr1 "$app/dist/main.js" "$@"
