#!/bin/sh
# exec target: the certificate of an https binding of IIS, by SSH. Never run against the
# real IIS: docs/recipes/iis.md. Everything goes through standard input to iis.ps1, so
# no value and no key is on a command line, here or on Windows.
#
#   IIS_SSH_HOST         user@host of the Windows machine
#   IIS_SSH_KEY          private key for it
#   IIS_SSH_KNOWN_HOSTS  its host key
#   IIS_SITE             name of the site
#   IIS_PORT             port of the binding; default 443
#   IIS_HOST             host name of the binding; empty: none
set -eu
umask 077
: "${IIS_SSH_HOST:?}" "${IIS_SSH_KEY:?}" "${IIS_SSH_KNOWN_HOSTS:?}" "${IIS_SITE:?}" "${NEVERLAPSE_KEYSTORE_PASSWORD_FILE:?}"

# there gives the standard input to iis.ps1, as lines of "name value".
there() {
	status=0
	ssh -T -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=15 -o IdentitiesOnly=yes \
		-o "UserKnownHostsFile=$IIS_SSH_KNOWN_HOSTS" -i "$IIS_SSH_KEY" -- "$IIS_SSH_HOST" \
		'powershell.exe -NoProfile -NonInteractive -ExecutionPolicy RemoteSigned -File C:\neverlapse\iis.ps1' || status=$?
	if [ "$status" = 255 ] && [ "$1" != install ]; then return 75; fi # ssh itself failed
	return "$status"
}

say() {
	printf 'verb %s\nsite %s\nport %s\nhost %s\n' "$1" "$IIS_SITE" "${IIS_PORT:-443}" "${IIS_HOST:-}"
	shift
	[ $# = 0 ] || printf '%s\n' "$@"
}

case ${1:-} in
check | current) say "$1" | there "$1" ;;
capture) say capture | there capture >"$NEVERLAPSE_CAPTURE/thumbprint" ;;
install)
	say install "password $(head -n 1 "$NEVERLAPSE_KEYSTORE_PASSWORD_FILE" | tr -d '\r\n' | base64 -w 0)" \
		"pfx $(base64 -w 0 "$NEVERLAPSE_DIR/bundle.p12")" | there install
	;;
restore) say restore "thumbprint $(tr -cd '0-9A-Fa-f' <"$NEVERLAPSE_CAPTURE/thumbprint")" | there restore ;;
*)
	echo "usage: $0 check|current|capture|install|restore" >&2
	exit 64
	;;
esac
