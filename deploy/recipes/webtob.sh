#!/bin/sh
# exec target: the PEM files that a *SSL section of WebtoB's http.m names, taken up by
# wsdown and wsboot. Never run against the real WebtoB: docs/recipes/webtob.md.
#
#   WEBTOBDIR           where WebtoB is installed
#   WEBTOB_CONFIG       the environment file, such as $WEBTOBDIR/config/http.m
#   WEBTOB_CERTIFICATE  the file of CertificateFile
#   WEBTOB_KEY          the file of CertificateKeyFile
#   WEBTOB_CHAIN        the file of CertificateChainFile
set -eu
umask 077
: "${WEBTOBDIR:?}" "${WEBTOB_CONFIG:?}" "${WEBTOB_CERTIFICATE:?}" "${WEBTOB_KEY:?}" "${WEBTOB_CHAIN:?}"
export WEBTOBDIR PATH="$WEBTOBDIR/bin:$PATH" LD_LIBRARY_PATH="$WEBTOBDIR/lib"

# sound compiles the environment file to somewhere else, which changes nothing.
sound() { wscfl -i "$WEBTOB_CONFIG" -o "$TMPDIR/wsconfig"; }

restart() {
	wsdown -i || echo "wsdown failed; it may not have run" >&2
	wsboot -c "$WEBTOB_CONFIG"
}

# place replaces a file by one rename, with owner and mode of what it replaces.
place() {
	rm -f "$2.new"
	[ ! -e "$2" ] || cp -p "$2" "$2.new"
	cat "$1" >"$2.new"
	sync "$2.new"
	mv -T "$2.new" "$2"
}

# back puts a captured file back, or removes what was not there.
back() {
	rm -f "$2.new"
	if [ -e "$1" ]; then
		cp -p "$1" "$2.new"
		sync "$2.new"
		mv -T "$2.new" "$2"
	else
		rm -f "$2"
	fi
}

case ${1:-} in
check) sound ;;
current) [ ! -e "$WEBTOB_CERTIFICATE" ] || cat "$WEBTOB_CERTIFICATE" ;;
capture)
	[ ! -e "$WEBTOB_CERTIFICATE" ] || cp -p "$WEBTOB_CERTIFICATE" "$NEVERLAPSE_CAPTURE/certificate"
	[ ! -e "$WEBTOB_KEY" ] || cp -p "$WEBTOB_KEY" "$NEVERLAPSE_CAPTURE/key"
	[ ! -e "$WEBTOB_CHAIN" ] || cp -p "$WEBTOB_CHAIN" "$NEVERLAPSE_CAPTURE/chain"
	;;
install)
	place "$NEVERLAPSE_DIR/key.pem" "$WEBTOB_KEY"
	chmod o= "$WEBTOB_KEY"
	place "$NEVERLAPSE_DIR/chain.pem" "$WEBTOB_CHAIN"
	place "$NEVERLAPSE_DIR/cert.pem" "$WEBTOB_CERTIFICATE"
	sound
	restart
	;;
restore)
	back "$NEVERLAPSE_CAPTURE/key" "$WEBTOB_KEY"
	back "$NEVERLAPSE_CAPTURE/chain" "$WEBTOB_CHAIN"
	back "$NEVERLAPSE_CAPTURE/certificate" "$WEBTOB_CERTIFICATE"
	restart
	;;
*)
	echo "usage: $0 check|current|capture|install|restore" >&2
	exit 64
	;;
esac
