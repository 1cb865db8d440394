#!/usr/bin/env bash
# Builds Temporal's server, its schema tool and its Web UI, of the versions of deploy/engine, once per version, and prints the folder
# with the programs `temporal-server`, `temporal-sql-tool` and `ui-server`, the server's `entrypoint.sh` and the UI's `config`: what their
# images have, for the tests of docker-compose.yml.
#
#   build-temporal.sh [CACHE_DIR]
#
# CACHE_DIR is that of build-engine.sh, which compiles most of it already. Progress goes to standard error. Callers that come at the same
# time wait for the one that compiles.
set -euo pipefail

cache=${1:-${NEVERLAPSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/neverlapse}/servers}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../../deploy/engine"

key=$({ go env GOVERSION GOOS GOARCH CGO_ENABLED; cat go.mod go.sum ../../test/servers/build-temporal.sh; } | sha256sum | cut -c1-16)
folder=$cache/temporal-$key

if [[ ! -d $folder ]]; then
    exec 9>"$cache/temporal.lock"
    flock 9
fi
if [[ ! -d $folder ]]; then
    draft=$(mktemp -d "$cache/building.XXXXXX")
    trap 'rm -rf "$draft"' EXIT
    echo "temporal: compiling the server, its schema tool and its UI" >&2
    started=$SECONDS
    # A copy of the module's files, which may name what only these programs need.
    cp go.mod "$draft/tools.mod" && cp go.sum "$draft/tools.sum"
    build() { nice -n 5 go build -mod=mod -modfile="$draft/tools.mod" -trimpath -ldflags "-s -w" -o "$draft/image/$1" "$2" 2>>"$draft/log"; }
    where() { go list -mod=mod -modfile="$draft/tools.mod" -m -f '{{.Dir}}' "$1"; }
    if ! { build temporal-server go.temporal.io/server/cmd/server && build temporal-sql-tool go.temporal.io/server/cmd/tools/sql &&
        build ui-server github.com/temporalio/ui-server/v2/cmd/server; }; then
        tail -n 40 "$draft/log" >&2
        echo "temporal: the build failed" >&2
        exit 1
    fi
    # The sh of its image knows pipefail; that of Debian does not.
    sed '1s|.*|#!/usr/bin/env bash|' "$(where go.temporal.io/server)/docker/scripts/sh/entrypoint.sh" >"$draft/image/entrypoint.sh"
    chmod 0755 "$draft/image/entrypoint.sh"
    mkdir "$draft/image/config"
    install -m 0644 "$(where github.com/temporalio/ui-server/v2)"/config/{base,docker}.yaml "$draft/image/config/"
    mv "$draft/image" "$folder"
    echo "temporal: built in $((SECONDS - started)) s" >&2
fi
echo "$folder"
