package acme

import "strings"

// WellKnown is a public CA whose directory has a short name. docs/cas.md lists them.
type WellKnown struct {
	Name      string
	Directory string
	EAB       bool   // accounts must be bound to one of the CA's customers (RFC 8555, 7.3.4)
	Note      string // limits and conditions that the CA states
}

// WellKnownCAs are the directories that have a short name, as the CAs (and
// lego's list of them) state them.
var WellKnownCAs = []WellKnown{
	{"letsencrypt", "https://acme-v02.api.letsencrypt.org/directory", false, "per account 300 orders in 3 h; per registered domain 50 certificates in 7 d; 5 in 7 d for the same names"},
	{"letsencrypt-staging", "https://acme-staging-v02.api.letsencrypt.org/directory", false, "for tests: nobody trusts its certificates, and its limits are wide"},
	{"zerossl", "https://acme.zerossl.com/v2/DV90", true, "90 days"},
	{"googletrust", "https://dv.acme-v02.api.pki.goog/directory", true, "the key of a binding is good for one account, made within 7 days"},
	{"googletrust-staging", "https://dv.acme-v02.test-api.pki.goog/directory", true, "for tests"},
	{"sslcom-ecc", "https://acme.ssl.com/sslcom-dv-ecc", true, "keys EC256 and EC384"},
	{"sslcom-rsa", "https://acme.ssl.com/sslcom-dv-rsa", true, "keys RSA2048 and RSA4096"},
	{"actalis", "https://acme-api.actalis.com/acme/directory", true, ""},
	{"digicert", "https://one.digicert.com/mpki/api/v1/acme/v2/directory", true, ""},
	{"globalsign", "https://emea.acme.atlas.globalsign.com/directory", true, ""},
	{"sectigo", "https://acme.sectigo.com/v2/DV", true, "domain validated"},
	{"sectigo-ov", "https://acme.sectigo.com/v2/OV", true, "organisation validated"},
	{"sectigo-ev", "https://acme.sectigo.com/v2/EV", true, "extended validation"},
}

func wellKnown(name string) (WellKnown, bool) {
	for _, w := range WellKnownCAs {
		if w.Name == name {
			return w, true
		}
	}
	return WellKnown{}, false
}

func wellKnownNames() string {
	var names []string
	for _, w := range WellKnownCAs {
		names = append(names, w.Name)
	}
	return strings.Join(names, ", ")
}

// Trusted tells whether the certificates that a directory issues are trusted, by
// its URL or short name; listed is false where that is not known.
func Trusted(directory string) (trusted, listed bool) {
	for _, w := range WellKnownCAs {
		if directory == w.Name || directory == w.Directory {
			return !strings.HasSuffix(w.Name, "-staging"), true
		}
	}
	return false, false
}
