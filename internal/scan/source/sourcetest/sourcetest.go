// Package sourcetest is the contract of a source: what every kind of source.Source
// must do, against the real thing or a server that speaks its protocol. Tests of
// adapters call Run. It does not know how a kind finds its places, nor what is
// wrong with them: an adapter's own tests say that.
package sourcetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan/source"
)

// Harness is one source of a kind, and what is there.
type Harness struct {
	// Open makes the source as another process would. The world behind it is the
	// same each time, has more than one page if the kind has pages at all, and holds
	// at least one place that can be read and one that cannot.
	Open func(t *testing.T) source.Source
	// Want is the fingerprint at each place; empty: there is none, or Trouble.
	Want map[string]cert.Fingerprint
	// Pages is how many pages there are at least.
	Pages int
	// Secrets are texts that must never come out: passwords, tokens, keys in PEM or base64.
	Secrets []string
}

// Run holds a source to the contract.
func Run(t *testing.T, h Harness) {
	t.Run("it shows every place once, and what is there", func(t *testing.T) { complete(t, h) })
	t.Run("another process goes on where one died", func(t *testing.T) { resumes(t, h) })
	t.Run("the next run is told only what came since, if it can be", func(t *testing.T) { goesOn(t, h) })
	t.Run("it stops when it is told to", func(t *testing.T) { stops(t, h) })
	t.Run("a page token without a meaning ends the run", func(t *testing.T) { refuses(t, h) })
	t.Run("no secret comes out", func(t *testing.T) { tight(t, h) })
}

func complete(t *testing.T, h Harness) {
	pages := walk(t, h.Open(t), nil)
	if len(pages) < h.Pages {
		t.Errorf("%d pages, want %d or more, or nothing is shown about pages", len(pages), h.Pages)
	}
	got := map[string]cert.Fingerprint{}
	for _, p := range pages {
		for _, s := range p.Sightings {
			if _, twice := got[s.Place]; twice {
				t.Errorf("%s is there twice", s.Place)
			}
			got[s.Place] = s.Version.Fingerprint
		}
	}
	if diff := cmp.Diff(h.Want, got); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(pages, walk(t, h.Open(t), nil), steady...); diff != "" {
		t.Errorf("the same world, seen again, looks different:\n%s", diff)
	}
}

// steady leaves out what may differ between two looks at the same world. Tokens
// may hold what a server made of the moment.
var steady = []cmp.Option{cmpopts.IgnoreFields(source.Sighting{}, "At"), cmpopts.IgnoreFields(source.Page{}, "Next", "Resume"), cmpopts.EquateEmpty()}

func resumes(t *testing.T, h Harness) {
	s := h.Open(t)
	var page []byte
	whole := walk(t, s, nil)
	for i := range whole {
		if diff := cmp.Diff(whole[i:], walk(t, h.Open(t), page), steady...); diff != "" {
			t.Fatalf("from page %d on, another process sees something else:\n%s", i+1, diff)
		}
		page = whole[i].Next
	}
}

func goesOn(t *testing.T, h Harness) {
	pages := walk(t, h.Open(t), nil)
	resume := pages[len(pages)-1].Resume
	if resume == nil {
		return
	}
	next := walk(t, h.Open(t), resume)
	for i, p := range next {
		if !p.Since || len(p.Sightings) > 0 {
			t.Errorf("nothing came since, and page %d is %+v", i+1, p)
		}
	}
	if again := next[len(next)-1].Resume; !bytes.Equal(again, resume) {
		t.Errorf("nothing came since, and the run after that begins at %q, not at %q", again, resume)
	}
}

func stops(t *testing.T, h Harness) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	done := make(chan error, 1)
	s := h.Open(t)
	go func() {
		_, err := s.Look(ctx, nil, func(string) {})
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil {
			t.Error("a look that was called off says that it is complete")
		} else if !errors.Is(err, context.Canceled) && fault.KindOf(err) != fault.Transient && fault.KindOf(err) != fault.Unavailable {
			t.Errorf("a look that was called off is a %s fault: %v", fault.KindOf(err), err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it goes on")
	}
}

func refuses(t *testing.T, h Harness) {
	_, err := h.Open(t).Look(t.Context(), []byte("\x00 no token of ours"), func(string) {})
	if kind := fault.KindOf(err); kind != fault.Invalid && kind != fault.Configuration {
		t.Errorf("%v is a %q fault, want invalid or configuration", err, kind)
	}
}

func tight(t *testing.T, h Harness) {
	var said []string
	s := h.Open(t)
	for _, p := range walkTelling(t, s, nil, func(text string) { said = append(said, text) }) {
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, string(data), string(p.Next))
	}
	for _, text := range said {
		for _, secret := range append(slices.Clone(h.Secrets), "PRIVATE KEY") {
			if strings.Contains(text, secret) {
				t.Errorf("%.20q comes out in %.200q", secret, text)
			}
		}
	}
}

// Look goes through all pages of a source: what it saw, by place, and what failed.
func Look(t testing.TB, s source.Source) (seen map[string]source.Sighting, failed []source.Failure) {
	t.Helper()
	seen = map[string]source.Sighting{}
	for _, p := range walk(t, s, nil) {
		for _, x := range p.Sightings {
			seen[x.Place] = x
		}
		failed = append(failed, p.Failed...)
	}
	return seen, failed
}

func walk(t testing.TB, s source.Source, from []byte) []source.Page {
	t.Helper()
	return walkTelling(t, s, from, func(string) {})
}

// walkTelling looks at every page from one on.
func walkTelling(t testing.TB, s source.Source, from []byte, progress func(string)) []source.Page {
	t.Helper()
	var out []source.Page
	for page := from; ; {
		p, err := s.Look(t.Context(), page, progress)
		if err != nil {
			t.Fatalf("page %d: %v (%s)", len(out)+1, err, fault.KindOf(err))
		}
		if err := p.Validate(); err != nil {
			t.Fatalf("page %d: %v", len(out)+1, err)
		}
		if out = append(out, p); len(out) > 10_000 {
			t.Fatal("it never ends")
		}
		if page = p.Next; page == nil {
			return out
		}
	}
}
