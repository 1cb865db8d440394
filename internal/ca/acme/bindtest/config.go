package bindtest

import "fmt"

// common keeps a BIND to its folder and to one port of loopback.
const common = `
controls {};
options {
  directory "$DIR";
  pid-file none;
  session-keyfile none;
  lock-file none;
  listen-on port %d { 127.0.0.1; };
  listen-on-v6 { none; };
  notify no;
  empty-zones-enable no;
  %s
};
`

func authority(port int) map[string]string {
	return map[string]string{
		"named.conf": fmt.Sprintf(common, port, "recursion no; dnssec-validation no;") + fmt.Sprintf(`
key %[1]q { algorithm hmac-sha256; secret %[2]q; };
zone %[3]q { type primary; file "$DIR/zone"; update-policy { grant %[1]q zonesub TXT; }; };
zone %[4]q { type primary; file "$DIR/delegated"; update-policy { grant %[1]q zonesub TXT; }; };
zone %[5]q { type primary; file "$DIR/bogus"; };
`, KeyName, Secret, Zone, Delegated, Bogus),
		"zone": head(Zone) + `*   A 127.0.0.1
@   A 127.0.0.1
_acme-challenge.shop CNAME shop.challenges.test.
nowhere TXT "has no address"
loop CNAME loop2
loop2 CNAME loop
closed CAA 0 issue ";"
other CAA 0 issue "other.example"
ours CAA 0 issue "other.example"
ours CAA 0 issue "pebble.letsencrypt.org; accounturi=x"
wild CAA 0 issue "pebble.letsencrypt.org"
wild CAA 0 issuewild "other.example"
strange CAA 128 future "x"
both A 127.0.0.1
more A 127.0.0.1
closed A 127.0.0.1
other A 127.0.0.1
ours A 127.0.0.1
wild A 127.0.0.1
strange A 127.0.0.1
alias CNAME other
`,
		"delegated": head(Delegated),
		"bogus":     head(Bogus) + "* A 127.0.0.1\n@ A 127.0.0.1\n",
	}
}

func head(zone string) string {
	return fmt.Sprintf("$ORIGIN %s.\n$TTL 1\n@ SOA ns1 hostmaster 1 60 60 3600 1\n@ NS ns1\nns1 A 127.0.0.1\n", zone)
}

// resolver asks the authority for everything; it was told a key for Bogus that
// nothing there is signed with.
func resolver(port, authority int) string {
	return fmt.Sprintf(common, port, fmt.Sprintf(`recursion yes; forward only; forwarders { 127.0.0.1 port %d; };
  dnssec-validation yes; max-cache-ttl 0; max-ncache-ttl 0; synth-from-dnssec no; qname-minimization off;`, authority)) + fmt.Sprintf(`
trust-anchors { %q static-key 257 3 13 "mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ=="; };
`, Bogus+".")
}
