#!/usr/bin/env bash
# Checks the source without running it: gofmt, go vet, staticcheck, and
# workflowcheck, which finds what would break the replay of a workflow. Every
# check runs, whatever the others found; the exit code tells whether all passed.
# The tools are built once into NEVERLAPSE_CACHE (~/.cache/neverlapse).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

STATICCHECK=honnef.co/go/tools/cmd/staticcheck@v0.8.2
WORKFLOWCHECK=go.temporal.io/sdk/contrib/tools/workflowcheck@v0.6.0
FIXTURE=./test/lint/testdata/nondeterministic
TOOLS=${NEVERLAPSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/neverlapse}/tools
failed=()

# step NAME COMMAND... runs a check and prints its name, how it ended and how long it took.
step() {
    local name=$1 begin=$EPOCHREALTIME verdict=ok
    shift
    printf '== %s\n' "$name"
    "$@" || { verdict=FAILED; failed+=("$name"); }
    awk -v n="$name" -v v="$verdict" -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "== %s: %s, %.1f s\n", n, v, b - a }'
}

# tool MODULE@VERSION prints the path of the built tool. A tool is built anew for
# another Go: one that was built by an older Go cannot read newer export data.
tool() {
    local name=${1%@*} dir
    name=${name##*/}
    dir=$TOOLS/$name-${1##*@}-$(go env GOVERSION)
    if [[ ! -x $dir/$name ]]; then
        local fresh
        mkdir -p "$TOOLS" && fresh=$(mktemp -d "$TOOLS/.$name.XXXXXX") || return 1
        # Outside this module: the tools' dependencies are not the product's.
        (cd "$fresh" && GOFLAGS= GOBIN=$fresh go install "$1" >&2) ||
            { echo "$1 could not be built; it is downloaded through $(go env GOPROXY)" >&2; rm -rf "$fresh"; return 1; }
        mv -T "$fresh" "$dir" 2>/dev/null || rm -rf "$fresh" # another run was faster
    fi
    echo "$dir/$name"
}

formatted() {
    local unformatted
    unformatted=$(gofmt -l .) || return 1
    [[ -z $unformatted ]] || { printf 'not formatted; run gofmt -w on\n%s\n' "$unformatted"; return 1; }
}

static() { local t; t=$(tool "$STATICCHECK") && "$t" ./...; }

# replayable checks the workflows. That there are none to check is a failure too.
replayable() {
    local t
    t=$(tool "$WORKFLOWCHECK") || return 1
    [[ -n $(go list ./workflows/...) ]] || { echo "no package under ./workflows to check"; return 1; }
    "$t" -config test/lint/workflowcheck.yaml -test=false ./workflows/...
}

# reported proves that workflowcheck still finds what it is there for: it once
# found nothing after an upgrade of Go.
reported() {
    local t found name silent=0
    t=$(tool "$WORKFLOWCHECK") || return 1
    found=$("$t" -config test/lint/workflowcheck.yaml "$FIXTURE" 2>&1) && { echo "workflowcheck reports nothing in $FIXTURE"; return 1; }
    for name in $(sed -n 's/^func \([A-Z][A-Za-z]*\)(.*workflow\.Context.*/\1/p' "$FIXTURE"/*.go); do
        grep -q "nondeterministic\.$name is non-deterministic" <<<"$found" || { echo "workflowcheck does not report $name"; silent=1; }
    done
    ((silent == 0)) || { echo "$found"; return 1; }
}

step "gofmt -l ." formatted
step "go vet ./..." go vet ./...
step "${STATICCHECK##*/} ./..." static
step "${WORKFLOWCHECK##*/} ./workflows/..." replayable
step "${WORKFLOWCHECK##*/} $FIXTURE, which must fail" reported

((${#failed[@]} == 0)) && exit 0
printf 'lint: failed: %s\n' "${failed[@]}"
exit 1
