package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/ca/acme/bindtest"
	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// updatedByTSIG waits until the CA's own resolver shows the answer: for the rest of
// a second BIND remembers that there was none.
const updatedByTSIG = `
  - name: zones
    kind: rfc2136
    options:
      settings: {RFC2136_NAMESERVER: %[1]q, RFC2136_TSIG_ALGORITHM: hmac-sha256., RFC2136_TSIG_KEY: %[2]q, RFC2136_TSIG_SECRET_FILE: $DIR/tsig.secret}
      propagation: nameservers
      nameservers: [%[1]q, %[3]q]
      propagation_interval: 200ms
`

// A name and its wildcard, in two certificates, are proven at the same TXT name
// by updates that replace whatever is there; the worker holds them apart.
func TestANameAndItsWildcardAreProvenByDNSAtTheSameTime(t *testing.T) {
	t.Parallel()
	bind := bindtest.Start(t, bindtest.FreePort)
	w := prepare(t, harness.Options{
		CA: pebbletest.Options{Resolver: bind.Resolver}, DNS: fmt.Sprintf(updatedByTSIG, bind.Authority, bindtest.KeyName, bind.Resolver),
		Nginx: sites(site(t, "site.acme.test", 10*time.Minute), site(t, "www.site.acme.test", 10*time.Minute)),
	})
	if err := os.WriteFile(filepath.Join(w.Dir, "tsig.secret"), []byte(bindtest.Secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.start()

	said := w.cli(0, "ca", "check")
	for _, want := range []string{"pebble can be reached and the account works", "(made just now)", "CAA names     pebble.letsencrypt.org", "ARI           https://"} {
		if !strings.Contains(said, want) {
			t.Errorf("ca check does not say %q:\n%s", want, said)
		}
	}
	if said = w.cli(0, "ca", "list", "-o", "jsonl"); !strings.Contains(said, `"name":"pebble"`) || !strings.Contains(said, `"challenge":"http-01"`) {
		t.Errorf("ca list says %s", said)
	}
	if said = w.cli(3, "ca", "check", "letsencrypt"); !strings.Contains(said, "no CA is called letsencrypt in the worker's configuration; it has bought, pebble") {
		t.Errorf("ca check of an unknown one says %s", said)
	}
	if said = w.cli(4, w.managing("wild", 1, "-d", "*.site.acme.test")...); !strings.Contains(said, "a wildcard cannot be proven by http-01; use dns-01 (enroll --dns NAME)") {
		t.Errorf("a wildcard by http-01: %s", said)
	}
	if said = w.cli(4, w.managing("wild", 1, "-d", "*.site.acme.test", "--dns", "other")...); !strings.Contains(said, `no DNS provider is called "other"; configure it below dns, or use one of these: zones`) {
		t.Errorf("an unknown provider: %s", said)
	}

	before := []string{string(w.served(0)), string(w.served(1))}
	w.cli(0, w.managing("apex", 0, "-d", "site.acme.test", "--dns", "zones")...)
	w.cli(0, w.managing("wild", 1, "-d", "*.site.acme.test", "--dns", "zones")...)
	for i, name := range []string{"apex", "wild"} {
		s := w.until(name, "the certificate to be live", func(s workflows.Status) bool {
			return s.State.Live.Fingerprint != "" && string(s.State.Live.Fingerprint) != before[i]
		})
		if got := w.served(i); got != s.State.Live.Fingerprint {
			t.Errorf("%s: nginx serves %s, live is %s", name, got, s.State.Live.Fingerprint)
		}
	}
	if w.CA.IssuedFor("site.acme.test") != 1 || w.CA.IssuedFor("*.site.acme.test") != 1 {
		t.Errorf("the CA issued %d and %d certificates", w.CA.IssuedFor("site.acme.test"), w.CA.IssuedFor("*.site.acme.test"))
	}
	if left, err := bind.TXT(t.Context(), "_acme-challenge.site.acme.test"); err != nil || len(left) != 0 {
		t.Errorf("left in the zone: %q, %v", left, err)
	}
}
