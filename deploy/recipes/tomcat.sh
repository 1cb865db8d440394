#!/bin/sh
# exec target: the PKCS#12 keystore of a Tomcat connector, taken up by the manager's
# sslReload without a restart. docs/recipes/tomcat.md explains it.
#
#   TOMCAT_KEYSTORE  the file that server.xml names as certificateKeystoreFile
#   TOMCAT_MANAGER   such as http://127.0.0.1:8080/manager/text
#   TOMCAT_NETRC     file with "machine HOST login NAME password WORD", mode 0600
#   TOMCAT_HOST      tlsHostName of an SSLHostConfig; empty: all of them
#   TOMCAT_ADDRESS   such as 127.0.0.1:8443, which verify looks at
#   TOMCAT_NAME      the name to ask for there
set -eu
umask 077
: "${TOMCAT_KEYSTORE:?}" "${TOMCAT_MANAGER:?}" "${TOMCAT_NETRC:?}" "${NEVERLAPSE_KEYSTORE_PASSWORD_FILE:?}"
later=75
new=$TOMCAT_KEYSTORE.new

# manager asks the manager for one thing; it answers 200 and "FAIL" when it could not.
manager() {
	answer=$(curl --silent --show-error --max-time 30 --netrc-file "$TOMCAT_NETRC" "$TOMCAT_MANAGER/$1" 2>&1) || {
		status=$?
		printf 'the manager at %s: %s\n' "$TOMCAT_MANAGER" "$answer" >&2
		case $status in 7 | 28 | 52 | 56) return $later ;; *) return 1 ;; esac
	}
	case $answer in
	OK*) ;;
	*)
		printf 'the manager at %s does not say OK to %s: %s\n' "$TOMCAT_MANAGER" "$1" "$answer" >&2
		return 1
		;;
	esac
}

reload() { manager "sslReload${TOMCAT_HOST:+?tlsHostName=$TOMCAT_HOST}"; }

# place puts a keystore where Tomcat reads it, by one rename, with owner and mode
# of the one that it replaces but never open to everybody.
place() {
	rm -f "$new"
	[ ! -e "$TOMCAT_KEYSTORE" ] || cp -p "$TOMCAT_KEYSTORE" "$new"
	cat "$1" >"$new"
	chmod o= "$new"
	sync "$new"
	mv -T "$new" "$TOMCAT_KEYSTORE"
}

case ${1:-} in
check)
	[ -w "$(dirname "$TOMCAT_KEYSTORE")" ] || { echo "$(dirname "$TOMCAT_KEYSTORE") cannot be written by $(id -un)" >&2; exit 1; }
	manager serverinfo
	;;
current)
	[ -e "$TOMCAT_KEYSTORE" ] || exit 0
	openssl pkcs12 -in "$TOMCAT_KEYSTORE" -clcerts -nokeys -passin "file:$NEVERLAPSE_KEYSTORE_PASSWORD_FILE" ||
		openssl pkcs12 -legacy -in "$TOMCAT_KEYSTORE" -clcerts -nokeys -passin "file:$NEVERLAPSE_KEYSTORE_PASSWORD_FILE"
	;;
capture)
	[ ! -e "$TOMCAT_KEYSTORE" ] || cp -p "$TOMCAT_KEYSTORE" "$NEVERLAPSE_CAPTURE/keystore"
	;;
install)
	place "$NEVERLAPSE_DIR/bundle.p12"
	reload
	;;
restore)
	rm -f "$new"
	if [ -e "$NEVERLAPSE_CAPTURE/keystore" ]; then
		cp -p "$NEVERLAPSE_CAPTURE/keystore" "$new"
		sync "$new"
		mv -T "$new" "$TOMCAT_KEYSTORE"
		reload
	else
		rm -f "$TOMCAT_KEYSTORE"
	fi
	;;
verify)
	[ -n "${TOMCAT_ADDRESS:-}" ] && [ -n "$NEVERLAPSE_FINGERPRINT" ] || exit 0
	served=$(openssl s_client -connect "$TOMCAT_ADDRESS" -servername "${TOMCAT_NAME:-localhost}" </dev/null 2>/dev/null |
		openssl x509 -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr A-F a-f)
	[ "$served" = "$NEVERLAPSE_FINGERPRINT" ] || { echo "$TOMCAT_ADDRESS serves ${served:-nothing}" >&2; exit 1; }
	;;
*)
	echo "usage: $0 check|current|capture|install|restore|verify" >&2
	exit 64
	;;
esac
