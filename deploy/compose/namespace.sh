#!/bin/sh
# Makes the namespace and adds the search attributes that it lacks, and waits
# until workflows can be found by them. Repeating it changes nothing. It runs in
# the image temporalio/admin-tools with TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE;
# TEMPORAL_API_KEY_FILE names a file with an API key, if there is one.
set -eu
if [ -n "${TEMPORAL_API_KEY_FILE:-}" ]; then
    TEMPORAL_API_KEY=$(cat "$TEMPORAL_API_KEY_FILE")
    export TEMPORAL_API_KEY
fi
attributes=$(dirname "$0")/search-attributes

# try COMMAND... repeats it, for a server that has just started knows little.
try() {
    n=0
    until "$@"; do
        n=$((n + 1))
        [ "$n" -lt 30 ] || return 1
        sleep 2
    done
}

try temporal operator cluster health
temporal operator namespace describe -n "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
    temporal operator namespace create -n "$TEMPORAL_NAMESPACE" --retention 9600h # 400 days

known=$(try temporal operator search-attribute list -n "$TEMPORAL_NAMESPACE" -o json)
while read -r name type; do
    case $known in
    *"\"$name\""*) ;;
    *) try temporal operator search-attribute create -n "$TEMPORAL_NAMESPACE" --name "$name" --type "$type" ;;
    esac
done <"$attributes"
try temporal workflow count -n "$TEMPORAL_NAMESPACE" --query "state = 'firing' AND notAfter > '2000-01-01T00:00:00Z'"
