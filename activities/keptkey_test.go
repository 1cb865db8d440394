package activities_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509/pkix"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// hostKey is a key that was made elsewhere, and its request.
func hostKey(t *testing.T, names ...string) (crypto.Signer, *cert.CSR) {
	t.Helper()
	key, err := cert.GenerateKey(cert.EC256)
	if err != nil {
		t.Fatal(err)
	}
	der, err := cert.Request(key, names, pkix.Name{})
	if err != nil {
		t.Fatal(err)
	}
	csr, err := cert.ParseCSR(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, &csr
}

func wishBy(csr *cert.CSR) activities.IssueInput {
	in := wish()
	in.CSR = csr
	return in
}

func TestARequestThatIsGivenIsUsedAndNoKeyIsMade(t *testing.T) {
	w := begin(t)
	_, csr := hostKey(t, "shop.test")
	v := w.issue(wishBy(csr))
	if v.KeptKey != csr.Key {
		t.Errorf("issued for the key %q, want %q", v.KeptKey, csr.Key)
	}
	again := w.issue(wishBy(csr)) // as a worker does that was killed after each step
	if again.Fingerprint != v.Fingerprint || w.ca.issued != 1 {
		t.Errorf("%d certificates", w.ca.issued)
	}
	if found := must[activities.Found](w, w.Candidate, wishBy(csr)); found.Fingerprint != v.Fingerprint || found.KeptKey != csr.Key {
		t.Errorf("the candidate is %+v", found.Version)
	}
	pair, err := w.disk.Pair(t.Context(), "shop", v.Fingerprint)
	if err != nil || !pair.KeptKey || len(pair.Key) > 0 {
		t.Errorf("the store has %d bytes of key, %v", len(pair.Key), err)
	}
	iss, err := w.disk.Issuance(t.Context(), "shop", "")
	if err != nil || iss.KeyRef != "" {
		t.Errorf("the record names the key %q, %v", iss.KeyRef, err)
	}
}

func TestAnotherRequestAndNoneAreIssuedAnew(t *testing.T) {
	w := begin(t)
	_, one := hostKey(t, "shop.test")
	_, two := hostKey(t, "shop.test")
	first := w.issue(wishBy(one))
	for what, in := range map[string]activities.IssueInput{"another request": wishBy(two), "keys made here": wish()} {
		if v := must[activities.Found](w, w.Candidate, in); v.Fingerprint != "" {
			t.Errorf("%s: the candidate of another key is used: %s", what, v.Fingerprint.Short())
		}
	}
	if v := w.issue(wishBy(two)); v.KeptKey != two.Key || v.Fingerprint == first.Fingerprint {
		t.Errorf("issued %+v", v)
	}
	if v := w.issue(wish()); v.KeptKey != "" {
		t.Errorf("issued %+v", v)
	} else if pair, err := w.disk.Pair(t.Context(), "shop", v.Fingerprint); err != nil || len(pair.Key) == 0 {
		t.Errorf("keys are not made here again: %v", err)
	}
}

func TestACertificateForAnotherKeyThanRequestedIsNotKept(t *testing.T) {
	w := begin(t)
	w.ca.wrongKey = true
	_, csr := hostKey(t, "shop.test")
	in := wishBy(csr)
	in.OrderURL = must[string](w, w.Order, in)
	_, err := do[cert.Version](w, w.Finalize, in)
	if f, text := activities.FailureOf(err); f.Kind != activities.Validation || !strings.Contains(text, "for another key") {
		t.Errorf("%q: %v", f.Kind, err)
	}
	if all := must[[]cert.Version](w, w.Stored, "shop"); len(all) != 0 {
		t.Errorf("it was stored: %+v", all)
	}
}

func TestNothingIsIssuedForAKeyThatOthersMayKnow(t *testing.T) {
	w := begin(t)
	_, csr := hostKey(t, "shop.test")
	w.ca.keyless = true
	v := w.issue(wishBy(csr))
	must[any](w, w.Revoke, activities.RevokeInput{Name: "shop", Fingerprint: v.Fingerprint, Reason: cert.KeyCompromise, By: "minji"})
	in := wishBy(csr)
	in.Replaces = v.Fingerprint
	_, err := do[string](w, w.Order, in)
	if f, text := activities.FailureOf(err); f.Kind != activities.Configuration || !strings.Contains(text, "--update --csr FILE") || len(w.ca.orders) != 1 {
		t.Errorf("%q by %d orders: %v", f.Kind, len(w.ca.orders), err)
	}
	_, fresh := hostKey(t, "shop.test")
	in.CSR = fresh
	if v := w.issue(in); v.KeptKey != fresh.Key {
		t.Errorf("issued %+v", v)
	}
}

func TestWhatIsBoughtForAKeyThatStaysIsTakenWithoutIt(t *testing.T) {
	w, in := shop(t)
	w.CAs["bought"] = whole{}
	_, in.CSR = hostKey(t, "shop.test")
	printed := must[[]byte](w, w.Requested, in)
	if !bytes.Equal(printed, in.CSR.PEM()) {
		t.Errorf("another request is printed than the one that was given:\n%s", printed)
	}
	in.New = true
	if _, err := do[[]byte](w, w.Requested, in); err == nil || !strings.Contains(err.Error(), "can only be made there") {
		t.Errorf("another key was made: %v", err)
	}
	in.New = false
	in.Chain = w.sold(printed, "shop.test")
	v := must[cert.Version](w, w.Supply, in)
	if v.KeptKey != in.CSR.Key {
		t.Errorf("kept as %+v", v)
	}
	if c := must[activities.Found](w, w.Candidate, in.IssueInput); c.Fingerprint != v.Fingerprint {
		t.Errorf("the candidate is %+v", c.Version)
	}
	_, other := hostKey(t, "shop.test")
	in.Chain = w.sold(other.PEM(), "shop.test")
	_, err := do[cert.Version](w, w.Supply, in)
	if f, text := activities.FailureOf(err); f.Kind != activities.Invalid || !strings.Contains(text, "for another key") {
		t.Errorf("a chain for another key: %q %v", f.Kind, err)
	}
}

// keeper is a target with kept_key.
type keeper struct {
	activities.Target
	has  string // reference of the key that is there
	keep bool
}

func (k keeper) Identity() []string { return []string{"place"} }
func (k keeper) KeepsKey() bool     { return k.keep }
func (k keeper) HasKey(_ context.Context, public crypto.PublicKey) error {
	if ref, err := cert.KeyReference(public); err != nil || ref != k.has {
		return fault.New(fault.Configuration, "another key is there")
	}
	return nil
}

type admitAll struct{ activities.Admission }

func (admitAll) Admit(context.Context, activities.AdmitRequest) (json.RawMessage, error) {
	return json.RawMessage("{}"), nil
}
func (admitAll) Enrolled(context.Context, string) (bool, error) { return false, nil }

func TestARequestIsRefusedAtTheDoorWhereItCannotWork(t *testing.T) {
	_, csr := hostKey(t, "shop.test")
	_, other := hostKey(t, "shop.test", "www.shop.test")
	good := activities.AdmitRequest{Name: "shop", Names: []string{"shop.test"}, Managed: true, CA: "ca", Targets: []string{"web"}, CSR: csr.DER}
	for _, c := range []struct {
		what   string
		change func(r *activities.AdmitRequest)
		want   string
	}{
		{"as it should be", func(*activities.AdmitRequest) {}, ""},
		{"with a kind of key", func(r *activities.AdmitRequest) { r.KeyType = cert.EC384 }, "leave --key-type and --reuse-key out"},
		{"with keeping the key", func(r *activities.AdmitRequest) { r.ReuseKey = true }, "leave --key-type and --reuse-key out"},
		{"watched only", func(r *activities.AdmitRequest) { r.Managed = false }, "only a managed certificate"},
		{"other names", func(r *activities.AdmitRequest) { r.Names = []string{"else.test"} }, "does not ask for else.test"},
		{"more names", func(r *activities.AdmitRequest) { r.CSR = other.DER }, "asks for www.shop.test too"},
		{"no request", func(r *activities.AdmitRequest) { r.CSR = []byte("junk") }, "it is no certificate request"},
		{"a target that writes the key", func(r *activities.AdmitRequest) { r.Targets = []string{"file"} }, "file writes the private key, and that of a request stays on its host; set kept_key there to where it lies, or use one that has it: elsewhere, web"},
		{"a target of a kind that knows no such thing", func(r *activities.AdmitRequest) { r.Targets = []string{"secret"} }, "secret writes the private key, and that of a request stays on its host; a target of its kind cannot do without"},
		{"a host with another key", func(r *activities.AdmitRequest) { r.Targets = []string{"elsewhere"} }, "another key is there"},
		{"a key made here", func(r *activities.AdmitRequest) { r.CSR = nil }, "web has kept_key, so no private key is written there"},
	} {
		w := begin(t)
		w.Admission = admitAll{}
		w.Targets["web"] = keeper{has: csr.Key, keep: true}
		w.Targets["elsewhere"] = keeper{has: "another", keep: true}
		w.Targets["file"] = keeper{}
		w.Targets["secret"] = &slot{}
		r := good
		c.change(&r)
		out, err := do[activities.Admitted](w, w.Admit, r)
		switch {
		case c.want == "" && (err != nil || out.CSR == nil || out.CSR.Key != csr.Key || out.KeyType != "EC256"):
			t.Errorf("%s: %+v, %v", c.what, out, err)
		case c.want != "":
			if f, text := activities.FailureOf(err); f.Kind != activities.Invalid || !strings.Contains(text, c.want) {
				t.Errorf("%s: %q %v, want %q", c.what, f.Kind, err, c.want)
			}
		}
	}
}

// kept is a slot with kept_key.
type kept struct {
	*slot
	keeper
}

func (k kept) Identity() []string { return k.slot.Identity() }

func TestAHostIsHandedTheChainAloneAndComparesItWithItsKey(t *testing.T) {
	_, csr := hostKey(t, "shop.test")
	place := &slot{}
	w, host, part := apart(t, place)
	host.env.RegisterActivity(activities.NewOnHost(map[string]activities.Target{"web": kept{place, keeper{has: csr.Key, keep: true}}}, part, nil, time.Now))
	v := w.issue(wishBy(csr))
	in := activities.DeployInput{Name: "shop", Names: wish().Names, Fingerprint: v.Fingerprint, Target: "web", Deployment: "run"}
	must[activities.Prepared](w, w.Prepare, in)
	pair, err := part.Pair(t.Context(), "shop", v.Fingerprint)
	if err != nil || !pair.KeptKey || len(pair.Key) > 0 {
		t.Fatalf("handed over with %d bytes of key: %v", len(pair.Key), err)
	}
	must[activities.Prepared](host, "Prepare", in)

	_, other := hostKey(t, "shop.test")
	stranger := w.issue(wishBy(other))
	in.Fingerprint, in.Deployment = stranger.Fingerprint, "next"
	must[activities.Prepared](w, w.Prepare, in)
	_, err = do[activities.Prepared](host, "Prepare", in)
	if f, text := activities.FailureOf(err); f.Kind != activities.Configuration || !strings.Contains(text, "nothing was written: another key is there") {
		t.Errorf("a chain for another key: %q %v", f.Kind, err)
	}
	if len(place.chain) > 0 {
		t.Error("something was written")
	}
}

func TestAHostIsAskedAtTheDoorWhetherItKeepsKeys(t *testing.T) {
	w, _, part := apart(t, &slot{})
	w.Admission = admitAll{}
	_, csr := hostKey(t, "shop.test")
	r := activities.AdmitRequest{Name: "shop", Names: []string{"shop.test"}, Managed: true, CA: "ca", Targets: []string{"web"}, CSR: csr.DER}
	admit := func(keeps bool, r activities.AdmitRequest) string {
		report := cert.HostReport{At: time.Now(), Targets: []cert.HostTarget{{Name: "web", Places: []string{"file:w:/etc/tls"}, KeepsKey: keeps}}}
		if err := part.Report(t.Context(), report); err != nil {
			t.Fatal(err)
		}
		if _, err := do[activities.Admitted](w, w.Admit, r); err != nil {
			return err.Error()
		}
		return ""
	}
	if got := admit(false, r); !strings.Contains(got, "set kept_key in the configuration of host web7") {
		t.Errorf("a host that writes keys: %q", got)
	}
	if got := admit(true, r); got != "" {
		t.Errorf("refused: %s", got)
	}
	r.CSR = nil
	if got := admit(true, r); !strings.Contains(got, "web has kept_key, so no private key is written there") {
		t.Errorf("a key made here for a host that keeps its own: %q", got)
	}
}

func TestTheSameRequestGoesToTheNextCAAndNoKeyIsMade(t *testing.T) {
	w, first, atFirst, atSecond := two(t)
	_, csr := hostKey(t, "shop.test")
	atFirst.CSR, atSecond.CSR = csr, csr
	first.down = true
	if _, err := w.renew(atFirst); err == nil {
		t.Fatal("the first CA is down and issued")
	}
	first.down = false // and never finalized it
	v, err := w.renew(atSecond)
	if err != nil || v.KeptKey != csr.Key || v.CA != "second" {
		t.Fatalf("issued %+v, %v", v, err)
	}
	iss := w.record()
	if iss.CA != "second" || !iss.KeptKey || iss.KeyRef != "" || !bytes.Equal(iss.CSR, csr.DER) {
		t.Errorf("the record is of CA %s, with the key %q", iss.CA, iss.KeyRef)
	}
	if keys, err := filepath.Glob(filepath.Join(w.dir, "certificates/shop/keys/*")); err != nil || len(keys) > 0 {
		t.Errorf("keys were made: %v %v", keys, err)
	}
}

func TestWhatTheFormerCAIssuedForARequestIsTakenWithoutItsKey(t *testing.T) {
	w, first, atFirst, atSecond := two(t)
	_, csr := hostKey(t, "shop.test")
	atFirst.CSR, atSecond.CSR = csr, csr
	first.lost = true
	if _, err := w.renew(atFirst); err == nil {
		t.Fatal("the answer was not lost")
	}
	v, err := w.renew(atSecond)
	if err != nil || v.KeptKey != csr.Key || v.CA != "first" || w.ca.issued != 0 {
		t.Errorf("taken %+v with %d at the second CA, %v", v, w.ca.issued, err)
	}
}

func TestWhatTheFormerCAIssuedForARequestThatWasReplacedIsNotUsed(t *testing.T) {
	w, first, atFirst, atSecond := two(t)
	_, old := hostKey(t, "shop.test")
	atFirst.CSR = old
	first.lost = true
	if _, err := w.renew(atFirst); err == nil {
		t.Fatal("the answer was not lost")
	}
	v, err := w.renew(atSecond) // by which keys are made here again
	if err != nil || v.KeptKey != "" || v.CA != "second" || first.settled != 1 {
		t.Errorf("issued %+v, %v", v, err)
	}
}
