#!/usr/bin/env bash
# Builds step-ca, a CA of another make than Pebble, once per version and prints the path of the binary.
#
#   build-step-ca.sh [CACHE_DIR]
#
# CACHE_DIR is that of build-engine.sh. Progress goes to standard error. Callers that come at the same time wait for the one that
# compiles. Without cgo it needs no smart card library.
set -euo pipefail

cache=${1:-${NEVERLAPSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/neverlapse}/servers}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/step-ca"

key=$({ go env GOVERSION GOOS GOARCH; cat go.mod go.sum; } | sha256sum | cut -c1-16)
binary=$cache/step-ca-$key/step-ca

if [[ ! -x $binary ]]; then
    exec 9>"$cache/step-ca.lock"
    flock 9
fi
if [[ ! -x $binary ]]; then
    draft=$(mktemp -d "$cache/building.XXXXXX")
    trap 'rm -rf "$draft"' EXIT
    echo "step-ca: compiling; a minute or more the first time" >&2
    started=$SECONDS
    version=$(go list -m -f "{{.Version}}" github.com/smallstep/certificates)
    if ! CGO_ENABLED=0 nice -n 5 go build -trimpath -ldflags "-s -w -X main.Version=$version" -o "$draft/step-ca" github.com/smallstep/certificates/cmd/step-ca 2>"$draft/log"; then
        tail -n 40 "$draft/log" >&2
        echo "step-ca: the build failed" >&2
        exit 1
    fi
    mkdir -p "$(dirname "$binary")"
    mv "$draft/step-ca" "$binary"
    echo "step-ca: built in $((SECONDS - started)) s" >&2
fi
echo "$binary"
