package activities_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/worker"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// slot is a target of one chain.
type slot struct {
	chain []byte
	wait  bool // the lock is held by somebody who does not let go
}

func (s *slot) Identity() []string              { return []string{"slot"} }
func (s *slot) Preflight(context.Context) error { return nil }

func (s *slot) Capture(ctx context.Context) ([]byte, error) {
	if s.wait {
		<-ctx.Done()
		return nil, fault.New(fault.Unavailable, "another process holds the lock")
	}
	return append([]byte("held:\n"), s.chain...), nil
}

func (s *slot) Install(_ context.Context, p cert.Pair, _ []byte) error {
	s.chain = p.Chain
	return nil
}

func (s *slot) Restore(_ context.Context, before []byte) error {
	s.chain = bytes.TrimPrefix(before, []byte("held:\n"))
	return nil
}

func (s *slot) Installed(context.Context) (cert.Version, error) { return s.CapturedVersion(s.chain) }

func (s *slot) CapturedVersion(before []byte) (cert.Version, error) {
	chain, err := cert.DecodeChain(before)
	if err != nil {
		return cert.Version{}, fault.New(fault.NotFound, "nothing is there")
	}
	return cert.VersionOf(chain[0]), nil
}

func TestWhatAnAttemptThatWasCutShortLeftIsNotTakenForWhatWasThere(t *testing.T) {
	w := begin(t)
	was := []byte("the certificate of somebody else\n")
	place := &slot{chain: was}
	w.Targets["web"] = place
	v := w.issue(wish())
	attempt := func(run string) activities.DeployInput {
		return activities.DeployInput{Name: "shop", Names: wish().Names, Fingerprint: v.Fingerprint, Target: "web", Deployment: run, Replacement: "renewal/shop/first"}
	}
	for _, run := range []string{"cut short", "the next"} {
		if before := must[activities.Prepared](w, w.Prepare, attempt(run)); before.Fingerprint != "" {
			t.Errorf("%s: before, there was %s", run, before.Fingerprint.Short())
		}
		must[any](w, w.Install, attempt(run))
	}
	must[any](w, w.RollBack, attempt("the next"))
	if !bytes.Equal(place.chain, was) {
		t.Errorf("what was there came back as %q", place.chain)
	}
}

func TestAnAdapterHasItsLastWordBeforeTheTimeIsUp(t *testing.T) {
	w := begin(t)
	w.Targets["web"] = &slot{wait: true}
	v := w.issue(wish())
	ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
	defer cancel()
	w.env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
	_, err := do[cert.Version](w, w.Prepare, activities.DeployInput{Name: "shop", Names: wish().Names, Fingerprint: v.Fingerprint, Target: "web", Deployment: "run"})
	if f, text := activities.FailureOf(err); f.Kind != activities.Unavailable || f.Silent || !strings.Contains(text, "holds the lock") {
		t.Errorf("it is %+v: %s", f, text)
	}
	if ctx.Err() != nil {
		t.Error("the time was up before")
	}
}

func TestAStoreThatHasNoSuchVersionChangesNothing(t *testing.T) {
	w := begin(t)
	place := &slot{chain: []byte("old")}
	w.Targets["web"] = place
	in := activities.DeployInput{Name: "shop", Names: wish().Names, Fingerprint: cert.Fingerprint(strings.Repeat("ab", 32)), Target: "web", Deployment: "run"}
	_, err := do[cert.Version](w, w.Prepare, in)
	if f, _ := activities.FailureOf(err); f.Kind != activities.Configuration || string(place.chain) != "old" {
		t.Errorf("%+v, %s", f, place.chain)
	}
}

func TestEachTargetMustShowItsOwnVersion(t *testing.T) {
	in := activities.VerifyInput{Want: []cert.Fingerprint{"old", "new"}, Of: map[string]cert.Fingerprint{"web1": "old"}}
	for _, c := range []struct {
		seen cert.Observation
		want []cert.Fingerprint
	}{
		{cert.Observation{Target: "web1"}, []cert.Fingerprint{"old"}},
		{cert.Observation{Endpoint: cert.Endpoint{Host: "a", Target: "web1"}}, []cert.Fingerprint{"old"}},
		{cert.Observation{Endpoint: cert.Endpoint{Host: "a"}}, []cert.Fingerprint{"old", "new"}},
		{cert.Observation{Target: "web2"}, []cert.Fingerprint{"old", "new"}},
	} {
		if got := in.Wanted(c.seen); len(got) != len(c.want) || got[0] != c.want[0] {
			t.Errorf("%+v may show %v; want %v", c.seen, got, c.want)
		}
	}
}

func TestWhatIsKeptOfAPlaceIsBounded(t *testing.T) {
	o := cert.Observation{Err: strings.Repeat("x", 1<<20)}
	for range 5000 {
		o.Version.Names = append(o.Version.Names, "a.test")
	}
	o.Version.Names = append(o.Version.Names, "*.shop.test")
	b := o.Brief([]string{"www.shop.test"})
	if len(b.Err) > 1000 || len(b.Version.Names) > 200 || len(cert.Covers(b.Version.Names, []string{"www.shop.test"})) > 0 {
		t.Errorf("%d bytes, %d names", len(b.Err), len(b.Version.Names))
	}
}
