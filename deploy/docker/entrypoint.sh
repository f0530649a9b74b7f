#!/bin/sh
# Gives a volume over /app/models the manifests, labels and weights of this image, then becomes menagerie. A volume that
# was first used with an older image gets what has changed; weights that were pulled stay. Each file is put in place
# whole, because another container may be reading the volume. Where the folder cannot be written nothing is to be done:
# it is the image's own, or a volume that another container fills.
set -eu
if [ -w /app/models ]; then
  cd /app/models.image
  new="$(mktemp -d /app/models/.new-XXXXXX)"
  find . -type f | while read -r file; do
    if ! cmp -s "$file" "/app/models/$file"; then
      mkdir -p "/app/models/$(dirname "$file")"
      cp "$file" "$new/file"
      mv "$new/file" "/app/models/$file"
    fi
  done
  rmdir "$new"
  cd /app
fi
exec node /app/dist/main.js "$@"
