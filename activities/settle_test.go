package activities_test

import (
	"context"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// former is the CA that is asked first. It may be down, fail to issue, or issue
// and lose its answer.
type former struct {
	*fakeCA
	down, lost, stuck bool
	settled           int
}

func (f *former) Finalize(ctx context.Context, url string, csr []byte, progress func(string)) ([]byte, error) {
	if f.down {
		return nil, fault.New(fault.Configuration, "down") // not retried by the test's environment
	}
	chain, err := f.fakeCA.Finalize(ctx, url, csr, progress)
	if f.lost {
		return nil, fault.New(fault.Configuration, "the answer was lost")
	}
	return chain, err
}

func (f *former) Settle(_ context.Context, url string, _ []byte, _ func(string)) ([]byte, error) {
	f.settled++
	o := f.orders[url]
	switch {
	case f.down, f.stuck:
		return nil, fault.After(time.Now().Add(time.Hour), "still processing, or down")
	case o == nil || f.gone[url] || o.chain == nil:
		return nil, fault.New(fault.NotFound, "never finalized")
	}
	return o.chain, nil
}

// two gives a world with two CAs, and what is asked of each.
func two(t *testing.T) (w *world, first *former, atFirst, atSecond activities.IssueInput) {
	w = begin(t)
	first = &former{fakeCA: &fakeCA{orders: map[string]*order{}}}
	w.CAs = map[string]activities.CA{"first": first, "second": w.ca}
	atFirst = wish()
	atFirst.CA, atFirst.CAs, atFirst.Profile = "first", []string{"first", "second"}, "short"
	atSecond = atFirst
	atSecond.CA = "second"
	return w, first, atFirst, atSecond
}

// renew is an attempt at the second CA, as the workflow goes through it.
func (w *world) renew(in activities.IssueInput) (v cert.Version, err error) {
	found, err := do[activities.Found](w, w.Candidate, in)
	if err != nil || found.Fingerprint != "" {
		return found.Version, err
	}
	if found.Unsettled != "" {
		if v, err = do[cert.Version](w, w.Settle, in); err != nil || v.Fingerprint != "" {
			return v, err
		}
	}
	if in.OrderURL, err = do[string](w, w.Order, in); err != nil {
		return v, err
	}
	if _, err = do[any](w, w.Authorize, in); err != nil {
		return v, err
	}
	return do[cert.Version](w, w.Finalize, in)
}

func (w *world) record() cert.Issuance {
	w.t.Helper()
	iss, err := w.disk.Issuance(w.t.Context(), "shop", "")
	if err != nil {
		w.t.Fatal(err)
	}
	return iss
}

func TestAnOrderThatWasNeverFinalizedIsLeftWithoutAsking(t *testing.T) {
	w, first, atFirst, atSecond := two(t)
	atFirst.OrderURL = must[string](w, w.Order, atFirst)
	before := w.record()
	first.down = true
	must[string](w, w.Order, atSecond)
	first.down = false
	// Whoever still works on the former order, frozen and thawed, sends nothing.
	if _, err := do[cert.Version](w, w.Finalize, atFirst); err == nil || first.issued != 0 {
		t.Errorf("the former order was finalized all the same: %d certificates, %v", first.issued, err)
	}
	v, err := w.renew(atSecond)
	after := w.record()
	if err != nil || v.CA != "second" || first.settled != 0 || w.ca.issued != 1 {
		t.Errorf("%+v, %v; the former CA was asked %d times", v, err, first.settled)
	}
	if after.KeyRef == before.KeyRef || after.CA != "second" || after.Profile != "" || before.Profile != "short" {
		t.Errorf("key, CA or profile of the former order were kept: %+v then %+v", before, after)
	}
}

func TestACertificateWhoseAnswerWasLostIsUsedAndNoSecondOrdered(t *testing.T) {
	w, first, atFirst, atSecond := two(t)
	first.lost = true
	atFirst.OrderURL = must[string](w, w.Order, atFirst)
	if _, err := do[cert.Version](w, w.Finalize, atFirst); err == nil {
		t.Fatal("nothing was lost")
	}
	for range 2 { // the second as after a crash that lost what became of the first
		v, err := w.renew(atSecond)
		if err != nil || v.CA != "first" || len(w.ca.orders) != 0 || first.issued != 1 {
			t.Fatalf("%+v, %v; %d certificates at the first, %d orders at the second", v, err, first.issued, len(w.ca.orders))
		}
	}
}

func TestAsLongAsNobodyKnowsNothingIsOrdered(t *testing.T) {
	w, first, atFirst, atSecond := two(t)
	first.down = true
	atFirst.OrderURL = must[string](w, w.Order, atFirst)
	if _, err := do[cert.Version](w, w.Finalize, atFirst); err == nil {
		t.Fatal("it is not down")
	}
	if _, err := w.renew(atSecond); err == nil || len(w.ca.orders) != 0 {
		t.Errorf("%d orders at the second, %v", len(w.ca.orders), err)
	} else if f, _ := activities.FailureOf(err); f.Kind != activities.Unavailable || f.RetryAt.IsZero() {
		t.Errorf("%+v", f)
	}
	anyway := atSecond
	anyway.Discard = true
	if v, err := w.renew(anyway); err != nil || v.CA != "second" {
		t.Errorf("a human cannot order all the same: %+v, %v", v, err)
	}
}

func TestOnceTheOrderIsKnownToLeadNowhereTheOtherCAIsAsked(t *testing.T) {
	w, first, atFirst, atSecond := two(t)
	first.down = true
	atFirst.OrderURL = must[string](w, w.Order, atFirst)
	_, _ = do[cert.Version](w, w.Finalize, atFirst)
	first.down = false
	v, err := w.renew(atSecond)
	if err != nil || v.CA != "second" || first.settled != 1 || first.issued != 0 {
		t.Errorf("%+v, %v; asked %d times, %d certificates at the first", v, err, first.settled, first.issued)
	}
}

// A cut of power at every write to the store, before, while and after the CA is
// changed, whatever became of the first order: one certificate is used, and never
// is a second one issued.
func TestPowerCutAtEveryWriteGivesOneCertificateOfTwoCAs(t *testing.T) {
	for _, fate := range []string{"never finalized", "answer lost", "refused"} {
		for cut := 1; cut <= 9; cut++ {
			w, first, atFirst, atSecond := two(t)
			first.lost, first.down = fate == "answer lost", fate == "refused"
			w.disk.cut = cut
			for range 2 { // a second time, as after the cut
				if url, err := do[string](w, w.Order, atFirst); err == nil && fate != "never finalized" {
					in := atFirst
					in.OrderURL = url
					_, _ = do[cert.Version](w, w.Finalize, in)
				}
			}
			first.down = false
			var v cert.Version
			for range 3 {
				if got, err := w.renew(atSecond); err == nil {
					v = got
					break
				}
			}
			if n := first.issued + w.ca.issued; n != 1 || v.Fingerprint == "" {
				t.Errorf("%s, cut at write %d: %d certificates at the first, %d at the second; used is %q of %s",
					fate, cut, first.issued, w.ca.issued, v.Fingerprint.Short(), v.CA)
			}
			if again, err := w.renew(atSecond); err != nil || again.Fingerprint != v.Fingerprint {
				t.Errorf("%s, cut at write %d: the next attempt has %q, %v", fate, cut, again.Fingerprint.Short(), err)
			}
		}
	}
}
