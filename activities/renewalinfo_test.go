package activities_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// adviser is a CA that says when to renew.
type adviser struct {
	*fakeCA
	window cert.Window
	wait   time.Duration
	err    error
	asked  int
}

func (a *adviser) RenewalInfo(context.Context, []byte) (cert.Window, time.Duration, error) {
	a.asked++
	return a.window, a.wait, a.err
}

type members []activities.Member

func (m members) Managed(_ context.Context, token []byte) ([]activities.Member, []byte, error) {
	if len(token) > 0 {
		return m[1:], nil, nil
	}
	return m[:1], []byte("more"), nil
}

func polled(w *world) activities.Polled {
	w.t.Helper()
	return must[activities.Polled](w, w.PollRenewalInfo, activities.PollInput{})
}

func TestACAIsAskedOnceUntilItWantsToBeAskedAgain(t *testing.T) {
	w := begin(t)
	v := w.issue(wish())
	now := time.Now()
	w.Now = func() time.Time { return now }
	ca := &adviser{fakeCA: w.ca, wait: time.Hour, window: cert.Window{Start: now.Add(24 * time.Hour).UTC(), End: now.Add(48 * time.Hour).UTC()}}
	w.CAs["ca"] = ca
	seen := v
	seen.CA = "" // as an endpoint shows it
	fleet := members{{Name: "shop", Live: seen}, {Name: "elsewhere", Live: cert.Version{Fingerprint: cert.Fingerprint(strings.Repeat("b", 64))}}}
	w.Fleet = fleet

	p := polled(w)
	if ca.asked != 1 || len(p.Moved) != 1 || !p.Moved[0].Window.Equal(ca.window) || p.Moved[0].Fingerprint != v.Fingerprint || string(p.Next) != "more" {
		t.Fatalf("asked %d times: %+v", ca.asked, p)
	}
	if next := must[activities.Polled](w, w.PollRenewalInfo, activities.PollInput{Page: p.Next}); next.Asked != 0 || len(next.Next) != 0 || len(next.Moved) != 0 {
		t.Errorf("of what was not issued here: %+v", next)
	}
	now = now.Add(59 * time.Minute)
	if p = polled(w); ca.asked != 1 || len(p.Moved) != 1 {
		t.Errorf("the certificate was not told yet; asked %d times: %+v", ca.asked, p)
	}
	told := ca.window
	fleet[0].Window = &told
	if p = polled(w); ca.asked != 1 || len(p.Moved) != 0 {
		t.Errorf("nothing moved; asked %d times: %+v", ca.asked, p)
	}
	now = now.Add(2 * time.Minute)
	ca.window.End = ca.window.End.Add(time.Hour)
	if p = polled(w); ca.asked != 2 || len(p.Moved) != 1 || !p.Moved[0].Window.Equal(ca.window) {
		t.Errorf("it moved; asked %d times: %+v", ca.asked, p)
	}
}

func TestAnAnswerOfNoUseTakesNoWindowBackAndIsNotAskedForInACircle(t *testing.T) {
	for _, c := range []struct {
		what  string
		err   error
		least time.Duration
	}{
		{"garbage", fault.New(fault.Invalid, "no time"), time.Hour},
		{"unknown", fault.New(fault.NotFound, "HTTP 404"), time.Hour},
		{"down", fault.New(fault.Unavailable, "connection refused"), 9 * time.Minute},
		{"a reset", errors.New("reset"), 9 * time.Minute},
		{"come back in two hours", fault.After(time.Now().Add(2*time.Hour), "HTTP 429"), 117 * time.Minute},
	} {
		w := begin(t)
		v := w.issue(wish())
		now := time.Now()
		w.Now = func() time.Time { return now }
		ca := &adviser{fakeCA: w.ca, wait: time.Minute, window: cert.Window{Start: now.UTC(), End: now.Add(time.Hour).UTC()}}
		w.CAs["ca"], w.Fleet = ca, members{{Name: "shop", Live: v, Window: &ca.window}}
		polled(w)
		now = now.Add(2 * time.Minute)
		ca.wait, ca.err = 0, c.err
		if p := polled(w); len(p.Moved) != 0 || len(p.Refused) != 1 || !strings.Contains(p.Refused[0], "shop") {
			t.Errorf("%s: %+v", c.what, p)
		}
		now = now.Add(c.least - time.Second)
		polled(w)
		if ca.asked != 2 {
			t.Errorf("%s: asked %d times, want twice", c.what, ca.asked)
		}
	}
}

// picky refuses an order that names what it replaces.
type picky struct {
	*fakeCA
	replaces []string
}

func (p *picky) CertID([]byte) (string, error) { return "aki.serial", nil }

func (p *picky) Order(ctx context.Context, o cert.Order) (string, error) {
	if o.URL == "" {
		p.replaces = append(p.replaces, o.Replaces)
	}
	if o.Replaces != "" {
		return "", fault.New(fault.Conflict, "alreadyReplaced")
	}
	return p.fakeCA.Order(ctx, o)
}

func TestReplacesIsDroppedOnceAndSentOnlyToTheCAThatIssued(t *testing.T) {
	w := begin(t)
	ca := &picky{fakeCA: w.ca}
	w.CAs["ca"], w.CAs["other"] = ca, ca
	first := w.issue(wish())
	in := wish()
	in.Replaces = first.Fingerprint
	must[string](w, w.Order, in)
	if want := []string{"", "aki.serial", ""}; !slices.Equal(ca.replaces, want) {
		t.Fatalf("orders replace %q, want %q", ca.replaces, want)
	}
	iss, err := w.disk.Issuance(t.Context(), "shop", first.Fingerprint)
	if err != nil || iss.NoReplaces != "alreadyReplaced" {
		t.Errorf("recorded is %q, %v", iss.NoReplaces, err)
	}
	w.ca.gone = map[string]bool{iss.OrderURL: true} // another order is needed
	must[string](w, w.Order, in)
	if got := ca.replaces[3:]; !slices.Equal(got, []string{""}) {
		t.Errorf("the next order replaces %q, although the CA refused it", got)
	}
	in.CA = "other"
	must[string](w, w.Order, in)
	if got := ca.replaces[4:]; !slices.Equal(got, []string{""}) {
		t.Errorf("another CA is told %q", got)
	}
}
