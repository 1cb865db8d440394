package activities_test

import (
	"testing"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
)

func TestIssuingTwiceGivesOneCertificate(t *testing.T) {
	w := begin(t)
	first := w.issue(wish())
	again := w.issue(wish()) // as a worker does that was killed after each step
	if again.Fingerprint != first.Fingerprint || len(w.ca.orders) != 1 || w.ca.issued != 1 {
		t.Errorf("%d orders, %d certificates, %s and %s", len(w.ca.orders), w.ca.issued, first.Fingerprint.Short(), again.Fingerprint.Short())
	}
	if v := must[cert.Version](w, w.Candidate, wish()); v.Fingerprint != first.Fingerprint || v.CA != "ca" {
		t.Errorf("the candidate is %+v", v)
	}
}

func TestACutBetweenAnyTwoStepsGivesOneCertificate(t *testing.T) {
	for cut := 1; cut <= 5; cut++ {
		w := begin(t)
		w.disk.cut = cut
		in := wish()
		for range 3 {
			url, err := do[string](w, w.Order, in)
			if err != nil {
				continue
			}
			in.OrderURL = url
			if _, err := do[cert.Version](w, w.Finalize, in); err == nil {
				break
			}
		}
		v := must[cert.Version](w, w.Candidate, wish())
		if v.Fingerprint == "" || w.ca.issued != 1 {
			t.Errorf("cut at write %d: %d certificates, candidate %q", cut, w.ca.issued, v.Fingerprint.Short())
		}
	}
}

func TestTheKeyIsDurableBeforeTheOrder(t *testing.T) {
	w := begin(t)
	w.disk.cut = 1
	if _, err := do[string](w, w.Order, wish()); err == nil || len(w.ca.orders) != 0 {
		t.Errorf("the CA was asked before key and request were durable: %d orders, %v", len(w.ca.orders), err)
	} else if f, _ := activities.FailureOf(err); !f.Own {
		t.Errorf("our store's trouble is taken for the CA's: %+v", f)
	}
}

func TestACandidateIsDiscardedOnce(t *testing.T) {
	w := begin(t)
	first := w.issue(wish())
	discard := wish()
	discard.Discard = true
	for range 2 { // the second is the retry of one whose answer was lost
		if v := must[cert.Version](w, w.Candidate, discard); v.Fingerprint != "" {
			t.Errorf("a discarded candidate is used: %s", v.Fingerprint.Short())
		}
	}
	second := w.issue(discard)
	if second.Fingerprint == first.Fingerprint {
		t.Error("the discarded one was taken again")
	}
	if v := must[cert.Version](w, w.Candidate, wish()); v.Fingerprint != second.Fingerprint {
		t.Errorf("the next attempt would not use what was issued instead, but %q", v.Fingerprint.Short())
	}
	if w.ca.issued != 2 {
		t.Errorf("%d certificates were issued", w.ca.issued)
	}
}

func TestACandidateOfAnotherKindThanAskedForIsNotUsed(t *testing.T) {
	w := begin(t)
	w.issue(wish())
	other := wish()
	other.KeyType = cert.RSA2048
	if v := must[cert.Version](w, w.Candidate, other); v.Fingerprint != "" {
		t.Errorf("the candidate %s has another kind of key", v.Fingerprint.Short())
	}
	if v := w.issue(other); v.KeyAlgorithm != "RSA2048" {
		t.Errorf("issued with %s", v.KeyAlgorithm)
	}
}

func TestACertificateForAnotherKeyIsNeverACandidate(t *testing.T) {
	w := begin(t)
	w.ca.wrongKey = true
	in := wish()
	in.OrderURL = must[string](w, w.Order, in)
	_, err := do[cert.Version](w, w.Finalize, in)
	if f, _ := activities.FailureOf(err); f.Kind != activities.Validation {
		t.Errorf("it is said to be %q: %v", f.Kind, err)
	}
	if v := must[cert.Version](w, w.Candidate, wish()); v.Fingerprint != "" {
		t.Errorf("it is the candidate: %+v", v)
	}
	if all := must[[]cert.Version](w, w.Stored, "shop"); len(all) != 0 {
		t.Errorf("it was stored: %+v", all)
	}
	w.ca.wrongKey = false
	if v := w.issue(wish()); v.Fingerprint == "" || len(w.ca.orders) != 2 {
		t.Errorf("the next attempt gives %+v by %d orders", v, len(w.ca.orders))
	}
}

func TestAnOrderThatIsGoneIsFollowedByAnother(t *testing.T) {
	w := begin(t)
	in := wish()
	in.OrderURL = must[string](w, w.Order, in)
	w.ca.gone = map[string]bool{in.OrderURL: true}
	if _, err := do[cert.Version](w, w.Finalize, in); err == nil {
		t.Fatal("an order that is gone was finalized")
	}
	w.ca.gone = nil // as a CA whose order is there, but leads nowhere
	if v := w.issue(wish()); v.Fingerprint == "" || len(w.ca.orders) != 2 {
		t.Errorf("%+v by %d orders", v, len(w.ca.orders))
	}
}

func TestTheKeyIsKeptOnlyWhereAskedFor(t *testing.T) {
	w := begin(t)
	first := w.issue(wish())
	key := func(v cert.Version) string {
		pair, err := w.disk.Pair(t.Context(), "shop", v.Fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		return string(pair.Key)
	}
	for _, reuse := range []bool{true, false} {
		in := wish()
		in.Replaces, in.ReuseKey = first.Fingerprint, reuse
		in.Discard = !reuse
		must[cert.Version](w, w.Candidate, in)
		if same := key(w.issue(in)) == key(first); same != reuse {
			t.Errorf("reuse %t: same key %t", reuse, same)
		}
	}
}
