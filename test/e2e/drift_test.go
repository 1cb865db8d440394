package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// watchful looks often, and believes soon that a place does not settle by itself.
const watchful = `
  - name: watchful
    retry_every: 2s
    observe_every: 5s
    proof_timeout: 20s`

func TestATargetChangedBehindOurBackIsToldAndMendedByTheCommandThatIsNamed(t *testing.T) {
	t.Parallel()
	w := prepare(t, harness.Options{Policies: watchful, Nginx: sites(site(t, here, time.Hour)), Targets: `
  - name: folder
    kind: file
    options: {certificate: $DIR/drift-chain.pem, key: $DIR/drift-key.pem}`})
	w.start()
	w.cli(0, "enroll", "--cert-name", "shop", "-d", here, "--endpoint", w.Nginx.Addresses[0]+"#"+here+"@"+here,
		"--manage", "--ca", "pebble", "--target", here, "--target", "folder", "--owner", "minji", "--team", "platform", "--policy", "watchful")
	s := w.until("shop", "the first version to be proven", func(s workflows.Status) bool {
		return s.State.Live.CA != "" && w.served(0) == s.State.Live.Fingerprint && len(s.State.Flights) == 0
	})
	live := s.State.Live

	for _, c := range []struct {
		target string
		change func(targettest.NginxServer)
	}{
		{here, func(other targettest.NginxServer) { w.replaceByHand(0, other) }},
		{"folder", func(other targettest.NginxServer) {
			writeFile(t, filepath.Join(w.Dir, "drift-chain.pem"), other.Initial.Chain)
			writeFile(t, filepath.Join(w.Dir, "drift-key.pem"), other.Initial.Key)
		}},
	} {
		other := site(t, here, 30*24*time.Hour)
		theirs := targettest.FingerprintOf(other.Initial)
		told := len(w.pages(harness.OwnerSlack, alert.Drifted))
		c.change(other)
		w.until("shop", "the change of "+c.target+" to be told", func(s workflows.Status) bool { return open(s, string(alert.Drifted)) != nil })
		command := "neverlapse deploy shop --target " + c.target + " --wait"
		says(t, w.cli(0, "status", "shop"), theirs.Short(), c.target, live.Fingerprint.Short())
		says(t, w.cli(0, "explain", "shop"), theirs.Short(), c.target, command)
		w.eventually("the owner to be told", func() bool {
			pages := w.pages(harness.OwnerSlack, alert.Drifted)
			return told == 0 && len(pages) > 0 || told > 0 && strings.Contains(pages[0].Reading()+pages[len(pages)-1].Reading(), theirs.Short())
		})
		pages := w.pages(harness.OwnerSlack, alert.Drifted)
		says(t, pages[0].Reading()+pages[len(pages)-1].Reading(), theirs.Short(), c.target, "instead of "+live.Fingerprint.Short(), live.Serial, command)

		says(t, w.cli(0, "deploy", "shop", "--target", c.target, "--dry-run"), theirs.Short(), live.Fingerprint.Short())
		says(t, w.cli(0, "deploy", "shop", "--target", c.target, "--wait"), live.Fingerprint.Short()+" is proven on "+c.target)
		w.until("shop", "the alert to be resolved", func(s workflows.Status) bool { return open(s, string(alert.Drifted)) == nil })
	}
	if got := w.served(0); got != live.Fingerprint {
		t.Errorf("nginx serves %s, want %s", got, live.Fingerprint)
	}
	chain, err := os.ReadFile(filepath.Join(w.Dir, "drift-chain.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if certs, err := cert.DecodeChain(chain); err != nil || cert.FingerprintOf(certs[0]) != live.Fingerprint {
		t.Errorf("the folder does not have what was deployed: %v", err)
	}
}
