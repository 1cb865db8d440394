package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/kube/kubetest"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/target/acm/mototest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/internal/vaultapi/vaulttest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// cluster is a real API server where one was built, and a stand-in elsewhere.
func cluster(t *testing.T) *kubetest.Cluster {
	t.Helper()
	c := kubetest.StandIn()
	if os.Getenv(kubetest.BinaryEnv) != "" {
		var err error
		if c, err = kubetest.Start(t.Context(), t.TempDir()); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func vaultServer(t *testing.T) *vaulttest.Vault {
	t.Helper()
	vaulttest.Need(t)
	v, err := vaulttest.Start(t.Context(), t.TempDir(), vaulttest.World{
		Roles:  map[string]vaulttest.Role{"role": {SecretID: "id-of-the-role", TTL: 3600, Policy: vaulttest.Everything}},
		Tokens: map[string]vaulttest.Policy{vaulttest.Root: vaulttest.Everything}, Mounts: map[string]string{"secret": "2", "transit": "transit"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Stop(); err != nil {
			t.Error(err)
		}
	})
	return v
}

// depots are the two places of a certificate that are reached by an API.
type depots struct {
	t     *testing.T
	kube  *kubetest.Cluster
	vault *vaulttest.Vault
}

const secretsOfShop = "/api/v1/namespaces/shop/secrets"

func (d depots) targets(kubeconfig, secretID string) string {
	return fmt.Sprintf(`
  - {name: ingress, kind: kubernetes, options: {namespace: shop, secret: shop-tls, kubeconfig: %s}}
  - {name: vault, kind: vault, options: {address: "%s", root_file: %s, path: tls/shop, role_id: role, secret_id_file: %s}}
`, kubeconfig, d.vault.URL, d.vault.RootFile, secretID)
}

// inSecret gives what the ingress would serve, and the label that somebody set.
func (d depots) inSecret() (cert.Fingerprint, string) {
	d.t.Helper()
	var s struct {
		Metadata struct{ Labels map[string]string }
		Data     map[string][]byte
	}
	if err := json.Unmarshal(d.kube.Do(d.t, http.MethodGet, secretsOfShop+"/shop-tls", nil), &s); err != nil {
		d.t.Fatal(err)
	}
	return d.matching(cert.Pair{Chain: s.Data["tls.crt"], Key: s.Data["tls.key"]}), s.Metadata.Labels["team"]
}

func (d depots) inVault() (cert.Fingerprint, string) {
	d.t.Helper()
	fields, _ := d.vault.Read(d.t, "", "secret", "tls/shop")
	chain, _ := fields["certificate"].(string)
	key, _ := fields["private_key"].(string)
	note, _ := fields["note"].(string)
	return d.matching(cert.Pair{Chain: []byte(chain), Key: []byte(key)}), note
}

func (d depots) matching(pair cert.Pair) cert.Fingerprint {
	d.t.Helper()
	if err := pair.Check(nil, time.Now()); err != nil {
		d.t.Errorf("what is there is no pair: %v", err)
	}
	return targettest.FingerprintOf(pair)
}

// expect holds that both have a version, and what others keep beside it.
func (d depots) expect(f cert.Fingerprint) {
	d.t.Helper()
	if got, label := d.inSecret(); got != f || label != "web" {
		d.t.Errorf("the Secret has %s and label %q, want %s and web", got.Short(), label, f.Short())
	}
	if got, note := d.inVault(); got != f || note != "kept" {
		d.t.Errorf("Vault has %s and note %q, want %s and kept", got.Short(), note, f.Short())
	}
}

func TestACertificateGoesToKubernetesAndVaultAndComesBackByHand(t *testing.T) {
	t.Parallel()
	d := depots{t, cluster(t), vaultServer(t)}
	d.kube.Namespace(t, "shop")
	d.kube.Do(t, http.MethodPost, secretsOfShop, map[string]any{
		"metadata": map[string]any{"name": "shop-tls", "labels": map[string]string{"team": "web"}}, "type": "kubernetes.io/tls",
		"data": map[string][]byte{"tls.crt": {}, "tls.key": {}},
	})
	d.vault.Write(t, "", "secret", "tls/shop", map[string]any{"note": "kept"})
	kubeconfig, err := d.kube.Kubeconfig(t.TempDir(), "admin")
	if err != nil {
		t.Fatal(err)
	}
	secretID := filepath.Join(t.TempDir(), "secret-id")
	writeFile(t, secretID, []byte("id-of-the-role"))
	w := enter(t, harness.Options{NoNginx: true, Targets: d.targets(kubeconfig, secretID)})

	w.cli(0, "enroll", "--cert-name", "shop", "-d", "www.shop.test", "--manage", "--ca", "pebble", "--target", "ingress", "--target", "vault", "--owner", "minji", "--team", "platform")
	first := w.live("shop", "")
	d.expect(first)
	w.cli(0, "renew", "shop", "--new", "--wait")
	second := w.live("shop", first)
	d.expect(second)
	w.cli(0, "rollback", "shop", "--to", "previous", "--wait")
	w.until("shop", "the first version to be live again", func(s workflows.Status) bool { return s.State.Live.Fingerprint == first })
	d.expect(first)
	for _, secret := range []string{vaulttest.Root, "hvs.login", "id-of-the-role", "BEGIN EC PRIVATE KEY", "BEGIN PRIVATE KEY"} {
		if strings.Contains(w.Worker.Output(), secret) {
			t.Errorf("the worker's log holds %q", secret)
		}
	}
}

// live waits for another version than the one before, and for the end of its rollout.
func (w *world) live(name string, before cert.Fingerprint) cert.Fingerprint {
	w.t.Helper()
	s := w.until(name, "another version to be live", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != "" && s.State.Live.Fingerprint != before &&
			!slices.ContainsFunc(s.State.Flights, func(f lifecycle.Flight) bool { return f.Kind == lifecycle.FlyRenewal })
	})
	return s.State.Live.Fingerprint
}

// What follows is not shown here: moto fails on a certificate without a common
// name, as Pebble's are.
func TestOverACertificateThatCannotComeBackSomebodyHasToAcceptIt(t *testing.T) {
	t.Parallel()
	mototest.Need(t)
	moto, err := mototest.Start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := moto.Stop(); err != nil {
			t.Error(err)
		}
	})
	theirs := site(t, "www.shop.test", time.Hour).Initial
	arn, err := moto.Import(t.Context(), theirs)
	if err != nil {
		t.Fatal(err)
	}
	w := prepare(t, harness.Options{NoNginx: true, Targets: fmt.Sprintf("\n  - {name: lb, kind: aws-acm, options: {arn: \"%s\", endpoint: \"%s\"}}\n", arn, moto.URL)})
	if err := os.Mkdir(filepath.Join(w.Dir, ".aws"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(w.Dir, ".aws", "credentials"), []byte("[default]\naws_access_key_id = test\naws_secret_access_key = test\n"))
	w.start()

	enroll := []string{"enroll", "--cert-name", "shop", "-d", "www.shop.test", "--manage", "--ca", "pebble", "--target", "lb", "--owner", "minji", "--team", "platform"}
	says(t, w.cli(4, enroll...), "lb is not reversible", "AWS Certificate Manager never gives a private key back", "--accept-irreversible")
	w.absent("shop")
	if moto.Leaf(arn).Fingerprint != targettest.FingerprintOf(theirs) {
		t.Fatal("a refused enrolment changed the load balancer's certificate")
	}

	w.cli(0, append(enroll, "--accept-irreversible")...)
	says(t, w.cli(0, "status", "shop"), "accepted", "--accept-irreversible")
	w.eventually("the journal to tell who accepted it", func() bool {
		e := w.journal("shop", "enrolled")
		return len(e) == 1 && e[0].By == "tester" && strings.Contains(e[0].Text, "accepted: what a target has now need not come back")
	})
}
