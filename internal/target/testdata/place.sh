#!/bin/sh
# The place of the contract suite: one file that holds key and chain. It is sound
# while $FLAGS/check exists, and used while $FLAGS/reload does.
set -eu
umask 077
file=$FOLDER/all.pem
new=$FOLDER/.new.pem

case $1 in
check)
	ls "$FLAGS/check"
	;;
current)
	[ ! -e "$file" ] || sed -n '/^-----BEGIN CERTIFICATE-----$/,/^-----END CERTIFICATE-----$/p' "$file"
	;;
capture)
	[ ! -e "$file" ] && [ ! -L "$file" ] || cp -pP "$file" "$NEVERLAPSE_CAPTURE/all.pem"
	;;
install)
	cat "$NEVERLAPSE_DIR/key.pem" "$NEVERLAPSE_DIR/fullchain.pem" >"$new"
	ls "$FLAGS/check" || { rm "$new"; exit 1; }
	mv -T "$new" "$file"
	;;
restore)
	rm -f "$new"
	if [ -e "$NEVERLAPSE_CAPTURE/all.pem" ] || [ -L "$NEVERLAPSE_CAPTURE/all.pem" ]; then
		cp -pP "$NEVERLAPSE_CAPTURE/all.pem" "$new"
		mv -T "$new" "$file"
	else
		rm -f "$file"
	fi
	ls "$FLAGS/check"
	;;
verify)
	ls "$FLAGS/reload"
	;;
*)
	exit 64
	;;
esac
