#!/usr/bin/env bash
# Builds the Kubernetes API server once per version and prints the path of the binary.
#
#   build-kube-apiserver.sh [--cached] [CACHE_DIR]
#
# CACHE_DIR is that of build-engine.sh. Progress goes to standard error. It takes five minutes or more the first time; with --cached
# nothing is compiled, and nothing printed where no earlier call has. Callers that come at the same time wait for the one that compiles.
set -euo pipefail

cached=
if [[ ${1:-} == --cached ]]; then
    cached=yes
    shift
fi
cache=${1:-${NEVERLAPSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/neverlapse}/servers}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/kube-apiserver"

key=$({ go env GOVERSION GOOS GOARCH; cat go.mod go.sum; } | sha256sum | cut -c1-16)
binary=$cache/kube-apiserver-$key/kube-apiserver

if [[ ! -x $binary && -n $cached ]]; then
    exit 0
fi
if [[ ! -x $binary ]]; then
    exec 9>"$cache/kube-apiserver.lock"
    flock 9
fi
if [[ ! -x $binary ]]; then
    draft=$(mktemp -d "$cache/building.XXXXXX")
    trap 'rm -rf "$draft"' EXIT
    echo "kube-apiserver: compiling; five minutes or more the first time" >&2
    started=$SECONDS
    version=$(go list -m -f "{{.Version}}" k8s.io/kubernetes)
    IFS=. read -r major minor _ <<<"${version#v}"
    stamp=k8s.io/component-base/version
    if ! CGO_ENABLED=0 nice -n 15 go build -trimpath \
        -ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=$major -X $stamp.gitMinor=$minor" \
        -o "$draft/kube-apiserver" k8s.io/kubernetes/cmd/kube-apiserver 2>"$draft/log"; then
        tail -n 40 "$draft/log" >&2
        echo "kube-apiserver: the build failed" >&2
        exit 1
    fi
    mkdir -p "$(dirname "$binary")"
    mv "$draft/kube-apiserver" "$binary"
    echo "kube-apiserver: built in $((SECONDS - started)) s" >&2
fi
echo "$binary"
