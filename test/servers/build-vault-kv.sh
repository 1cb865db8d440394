#!/usr/bin/env bash
# Builds vault-kv, Vault's own KV and transit engines behind a stand-in of their core, once per version and prints the path of the binary.
#
#   build-vault-kv.sh [CACHE_DIR]
#
# CACHE_DIR is that of build-engine.sh. Progress goes to standard error. Callers that come at the same time wait for the one that
# compiles.
set -euo pipefail

cache=${1:-${NEVERLAPSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/neverlapse}/servers}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/vault-kv"

key=$({ go env GOVERSION GOOS GOARCH; cat go.mod go.sum *.go; } | sha256sum | cut -c1-16)
binary=$cache/vault-kv-$key/vault-kv

if [[ ! -x $binary ]]; then
    exec 9>"$cache/vault-kv.lock"
    flock 9
fi
if [[ ! -x $binary ]]; then
    draft=$(mktemp -d "$cache/building.XXXXXX")
    trap 'rm -rf "$draft"' EXIT
    echo "vault-kv: compiling; a minute or more the first time" >&2
    started=$SECONDS
    if ! CGO_ENABLED=0 nice -n 5 go build -trimpath -ldflags "-s -w" -o "$draft/vault-kv" . 2>"$draft/log"; then
        tail -n 40 "$draft/log" >&2
        echo "vault-kv: the build failed" >&2
        exit 1
    fi
    mkdir -p "$(dirname "$binary")"
    mv "$draft/vault-kv" "$binary"
    echo "vault-kv: built in $((SECONDS - started)) s" >&2
fi
echo "$binary"
