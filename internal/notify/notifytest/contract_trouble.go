package notifytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

func troubles(t *testing.T, h Harness) {
	for trouble, kinds := range expected {
		t.Run(string(trouble), func(t *testing.T) {
			b := h(t)
			bring := b.Trouble[trouble]
			if bring == nil {
				t.Skip("cannot happen to this channel")
			}
			bring()
			r, err := b.Channel.Send(t.Context(), b.message(Sample(), "en"), false)
			if err == nil {
				t.Fatalf("no error but %+v", r)
			}
			if !slices.Contains(kinds, fault.KindOf(err)) {
				t.Errorf("%v is %s, want one of %v", err, fault.KindOf(err), kinds)
			}
			if trouble == SlowDown && !fault.RetryAt(err).After(time.Now()) {
				t.Errorf("%v carries no date", err)
			}
			b.harmless(t, err)
		})
	}
}

// harmless holds that an error shows no secret and no raw text of a server.
func (b Bench) harmless(t *testing.T, err error) {
	t.Helper()
	shown := fmt.Sprintf("%v %+v", err, err)
	for _, s := range b.Secrets {
		if s != "" && strings.Contains(shown, s) {
			t.Errorf("the error shows a secret: %q", shown)
		}
	}
	if bad := raw(err.Error()); bad != "" {
		t.Errorf("the error has %s in it: %q", bad, err)
	}
}

// raw names the first character that must not reach a reader; empty if none.
func raw(s string) string {
	for _, r := range s {
		if r != '\n' && !unicode.IsPrint(r) {
			return fmt.Sprintf("%U", r)
		}
	}
	return ""
}

const poison = "<!channel> <@U0VICTIM> <b>bold</b><script>alert(1)</script> `x` ```y``` *z*\x1b[2J\u202e\u2066\r\nBcc: victim@example.com\r\n\r\nbody\x00"

func hostile(t *testing.T, b Bench) {
	n := Sample()
	n.Names = []string{poison}
	n.Owner, n.Team, n.Environment, n.Cause, n.Evidence, n.Link = poison, poison, poison, poison, poison, poison
	n.Version.Issuer = poison
	n.Places = []alert.Place{{Where: poison, Err: poison}}
	n.Tried = []alert.Try{{At: n.At, Outcome: poison, Cause: poison}}
	n.Commands = []string{poison}
	n.Answer = &alert.Answer{By: poison, Via: poison, At: n.At, Note: poison}
	m := b.message(n, "en")
	m.To.Name, m.To.ID = poison, "minji\r\nBcc: victim@example.com"
	b.send(t, m, false)
	if len(b.ids()) != 1 {
		t.Fatalf("delivered %v", b.ids())
	}
	got := b.last(t)
	if bad := raw(got.Reading); bad != "" {
		t.Errorf("%s reaches the reader in\n%q", bad, got.Reading)
	}
	for _, line := range strings.Split(got.Reading, "\n") {
		if strings.HasPrefix(line, "Bcc:") {
			t.Errorf("a line of the hostile text passes for ours: %q", got.Reading)
		}
	}
	for _, s := range got.Markup {
		for _, live := range []string{"<!channel", "<@U0VICTIM", "<b>", "<script"} {
			if strings.Contains(s, live) {
				t.Errorf("%s is alive in %q", live, s)
			}
		}
	}
}

func contextEnds(t *testing.T, h Harness) {
	t.Run("before", func(t *testing.T) {
		b := h(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.Channel.Send(ctx, b.message(Sample(), "en"), false); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		} else {
			b.harmless(t, err)
		}
	})
	t.Run("while the other side hangs", func(t *testing.T) {
		b := h(t)
		hang := b.Trouble[Hangs]
		if hang == nil {
			t.Skip("cannot happen to this channel")
		}
		hang()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		begun := time.Now()
		_, err := b.Channel.Send(ctx, b.message(Sample(), "en"), false)
		if !errors.Is(err, context.DeadlineExceeded) || fault.KindOf(err) != fault.Transient {
			t.Errorf("%s error %v", fault.KindOf(err), err)
		}
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
