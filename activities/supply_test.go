package activities_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/ca/supplied"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// shop is a world whose certificate is ordered by hand; the fake CA signs for it.
func shop(t *testing.T) (*world, activities.SupplyInput) {
	t.Helper()
	w := begin(t)
	ca, err := supplied.New("bought", supplied.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.CAs["bought"] = ca
	in := activities.SupplyInput{IssueInput: wish()}
	in.CA, in.Supplied = "bought", true
	return w, in
}

// sold is what the CA sends for a request (PEM), with an issuer that signed nothing.
func (w *world) sold(request []byte, names ...string) []byte {
	w.t.Helper()
	block, _ := pem.Decode(request)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		w.t.Fatalf("no request: %s", request)
	}
	chain, err := w.ca.sign(names, block.Bytes)
	if err != nil {
		w.t.Fatal(err)
	}
	return chain
}

func TestARequestIsPrintedAgainUntilAnotherIsWanted(t *testing.T) {
	w, in := shop(t)
	first := must[[]byte](w, w.Requested, in)
	if again := must[[]byte](w, w.Requested, in); string(again) != string(first) {
		t.Error("the second request is another one")
	}
	in.Subject = `O=Example\, Inc,L=Seoul,C=kr`
	named := must[[]byte](w, w.Requested, in)
	block, _ := pem.Decode(named)
	r, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || r.Subject.String() != `O=Example\, Inc,L=Seoul,C=KR` || r.DNSNames[0] != "shop.test" {
		t.Errorf("%v %v", r.Subject, err)
	}
	block, _ = pem.Decode(first)
	old, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || !bytes.Equal(old.RawSubjectPublicKeyInfo, r.RawSubjectPublicKeyInfo) {
		t.Error("the subject came with another key")
	}
	in.New, in.Subject = true, ""
	if fresh := must[[]byte](w, w.Requested, in); string(fresh) == string(first) || string(fresh) == string(named) {
		t.Error("no new request")
	}
	for want, bad := range map[string]string{"not KEY=VALUE": "Example Inc", "two letters": "C=Korea", "no value": "O="} {
		in.Subject = bad
		_, err := do[[]byte](w, w.Requested, in)
		if f, text := activities.FailureOf(err); f.Kind != activities.Invalid || !strings.Contains(text, want) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestOnlyWhatFitsIsTaken(t *testing.T) {
	w, in := shop(t)
	own, err := supplied.New("bought", supplied.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := own.Complete(w.sold(must[[]byte](w, w.Requested, in), "shop.test")); !fault.Is(err, fault.Invalid) {
		t.Errorf("a leaf alone: %v", err)
	}
	w.CAs["bought"] = whole{own}
	request := must[[]byte](w, w.Requested, in)
	other := in
	other.Name = "other"
	for want, chain := range map[string][]byte{
		"no certificate found":   []byte("x"),
		"does not cover":         w.sold(request, "other.test"),
		"no key of shop belongs": w.sold(must[[]byte](w, w.Requested, other), "shop.test"),
	} {
		in.Chain = chain
		_, err := do[cert.Version](w, w.Supply, in)
		if f, text := activities.FailureOf(err); f.Kind != activities.Invalid || !strings.Contains(text, want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	in.Chain = w.sold(request, "shop.test")
	v := must[cert.Version](w, w.Supply, in)
	if again := must[cert.Version](w, w.Supply, in); again.Fingerprint != v.Fingerprint || v.CA != "bought" {
		t.Errorf("%+v %+v", v, again)
	}
	if c := must[cert.Version](w, w.Candidate, in.IssueInput); c.Fingerprint != v.Fingerprint {
		t.Errorf("the candidate is %q", c.Fingerprint.Short())
	}
	in.CA = "ca"
	if _, err := do[cert.Version](w, w.Supply, in); err == nil {
		t.Error("a CA that issues by itself is supplied for")
	}
}

// whole takes every chain for one that clients can follow.
type whole struct{ *supplied.CA }

func (whole) Complete([]byte) error { return nil }
