#!/usr/bin/env bash
# Makes the secrets of docker-compose.yml that do not exist yet. The folder is
# for its owner alone; the files in it are readable because each container reads
# its own as another user.
set -euo pipefail
folder=${1:-$(dirname "${BASH_SOURCE[0]}")/secrets}
mkdir -p "$folder"
chmod 0700 "$folder"
file=$folder/postgres_password
if [[ -e $file ]]; then
    echo "$file exists; it is kept"
    exit 0
fi
draft=$(mktemp "$folder/.draft.XXXXXX")
head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$draft"
chmod 0444 "$draft"
mv "$draft" "$file"
echo "$file made"
