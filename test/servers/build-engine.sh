#!/usr/bin/env bash
# Builds the embedded Temporal server (deploy/engine) once per version of its sources and prints the path of the binary.
#
#   build-engine.sh [CACHE_DIR]
#
# CACHE_DIR defaults to ${NEVERLAPSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/neverlapse}/servers. Progress goes to standard error, so
# `NEVERLAPSE_ENGINE=$(test/servers/build-engine.sh)` works. Callers that come at the same time wait for the one that compiles.
set -euo pipefail

cache=${1:-${NEVERLAPSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/neverlapse}/servers}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../../deploy/engine"

sources=$(ls go.mod go.sum ./*.go | grep -v _test.go)
key=$({ go env GOVERSION GOOS GOARCH CGO_ENABLED; cat $sources; } | sha256sum | cut -c1-16)
binary=$cache/neverlapse-engine-$key/neverlapse-engine

if [[ ! -x $binary ]]; then
    exec 9>"$cache/engine.lock"
    flock 9
fi
if [[ ! -x $binary ]]; then
    draft=$(mktemp -d "$cache/building.XXXXXX")
    build=
    trap '[[ -z $build ]] || kill "$build" 2>/dev/null || true; rm -rf "$draft"' EXIT
    echo "engine: compiling the Temporal server; minutes the first time, seconds later" >&2
    started=$SECONDS
    nice -n 5 go build -v -trimpath -ldflags "-s -w" -o "$draft/neverlapse-engine" . 2>"$draft/log" &
    build=$!
    said=$SECONDS
    while kill -0 "$build" 2>/dev/null; do
        sleep 0.5
        if ((SECONDS - said >= 10)); then
            said=$SECONDS
            echo "engine: $(grep -c / "$draft/log" || true) packages compiled after $((SECONDS - started)) s" >&2
        fi
    done
    if ! wait "$build"; then
        build=
        tail -n 40 "$draft/log" >&2
        echo "engine: the build failed" >&2
        exit 1
    fi
    build=
    mkdir -p "$(dirname "$binary")"
    mv "$draft/neverlapse-engine" "$binary"
    echo "engine: built in $((SECONDS - started)) s" >&2
fi
echo "$binary"
