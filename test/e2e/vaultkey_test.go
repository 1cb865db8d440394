package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/doctor"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/vaultapi/vaulttest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// The key of the store never leaves Vault. Without Vault nobody is renewed, and
// nobody goes unwarned, even by a worker that starts meanwhile.
func TestWithoutTheKeyServiceOfTheStorePeopleAreToldAndRenewalsWait(t *testing.T) {
	t.Parallel()
	v := vaultServer(t)
	v.Do(t, http.MethodPost, "", "transit/keys/neverlapse", map[string]any{})
	token := filepath.Join(t.TempDir(), "token")
	writeFile(t, token, []byte(vaulttest.Root))
	vault := v.Line(t)
	query := url.Values{"address": {vault.URL}, "root_file": {v.RootFile}, "token_file": {token}}
	w := prepare(t, harness.Options{
		Policies: early + stepsPolicy, StoreKey: fmt.Sprintf("key_period: 1m, key_url: %q", "hashivault://neverlapse?"+query.Encode()),
		Nginx: sites(site(t, "www.shop.test", time.Hour), site(t, "old.shop.test", time.Hour)),
	})
	w.start()
	before := w.served(0)

	v.Do(t, http.MethodPost, "", "sys/seal", nil)
	w.Worker.Kill()
	w.start()
	says(t, w.Worker.Output(), "the key service of the store is away")
	const up = `neverlapse_store_key_up{service="hashivault"} `
	w.eventually("the metrics to tell that the key is not to be had", w.tells(up+"0"))
	w.says(w.doctor("--only", "store"), doctor.Fail, symptom{doctor.StoreKey, "", "Vault is sealed", "vault operator unseal"})
	w.watch("old", 1, "--policy", "steps")
	w.manage("shop", 0, "--policy", "early")
	w.settled("old", alert.Expiring, "the owner and then the team to be told", func(a lifecycle.Alert) bool { return a.Told == 2 && len(a.Receipts) == 2 })
	w.until("shop", "an attempt to end", func(s workflows.Status) bool { return len(s.State.Renewal.Attempts) > 0 })
	s := w.until("shop", "the failure to be told", func(s workflows.Status) bool {
		a := open(s, string(alert.RenewalFailing))
		return a != nil && len(a.Receipts) > 0 && strings.Contains(a.Cause, "Vault is sealed")
	})
	for _, a := range s.State.Renewal.Attempts {
		if a.Counts || a.Outcome != lifecycle.StoreUnavailable || !strings.Contains(a.Cause, "the CA is not to blame") {
			t.Errorf("an attempt that nobody could make: %+v", a)
		}
	}
	if n := w.CA.Issued(); n != 0 {
		t.Errorf("%d certificates were issued without a key to seal theirs", n)
	}

	v.Do(t, http.MethodPost, "", "sys/unseal", nil)
	if got := w.live("shop", before); w.served(0) != got {
		t.Errorf("nginx serves %s, live is %s", w.served(0), got)
	}
	if n := w.CA.Issued(); n != 1 {
		t.Errorf("%d certificates were issued, want 1", n)
	}
	w.eventually("the metrics to tell that the key is to be had", w.tells(up+"1"))

	vault.Cut()
	w.eventually("the metrics to tell that nobody reaches Vault", w.tells(up+"0"))
	vault.Mend()
	w.eventually("the metrics to tell that Vault is back", w.tells(up+"1"))
}

// tells looks for a line among the metrics.
func (w *world) tells(line string) func() bool {
	return func() bool {
		page, _ := get("http://" + w.HTTP + "/metrics")
		return strings.Contains(page, line+"\n")
	}
}
