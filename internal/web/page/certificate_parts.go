package page

import (
	"context"
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// life is the lifetime as a bar, in thousandths from its begin to its end.
type life struct {
	Now, Renew, Safe int // Renew and Safe are negative where they play no part
	Ticks            []tick
}

type tick struct {
	At       int
	Severity string
	Label    string
}

func lifeOf(r reader, s workflows.Status) *life {
	v := s.State.Live
	if v.Fingerprint == "" || v.Lifetime() <= 0 {
		return nil
	}
	at := func(t time.Time) int {
		if t.IsZero() {
			return -1
		}
		return min(1000, max(0, int(1000*float64(t.Sub(v.NotBefore))/float64(v.Lifetime()))))
	}
	l := &life{Now: at(r.Now), Renew: -1, Safe: at(s.Plan.LastSafe)}
	if s.State.Spec.Managed {
		l.Renew = at(s.Plan.RenewAt)
	}
	for i, t := range s.Plan.Thresholds {
		if i < len(s.Plan.Thresholds)-1 {
			l.Ticks = append(l.Ticks, tick{at(t.At), string(t.Severity), string(t.Severity) + ", " + r.Plain(t.At)})
		}
	}
	return l
}

// place is what one place serves.
type place struct {
	Where, Short string
	Version      cert.Version
	Live, Seen   bool
	Trouble      []string
}

func places(r reader, s lifecycle.State) []place {
	var out []place
	for _, o := range s.Sight.Observations {
		p := place{Where: o.Where(), Seen: o.Seen(), Version: o.Version, Short: o.Version.Fingerprint.Short()}
		p.Live = o.Seen() && o.Version.Fingerprint == s.Live.Fingerprint
		if o.Err != "" {
			p.Trouble = append(p.Trouble, o.Err)
		}
		p.Trouble = append(p.Trouble, o.Problems...)
		out = append(out, p)
	}
	return out
}

// targetView is what one target has.
type targetView struct {
	Target, Short, Behind string
	At                    time.Time
}

func targets(r reader, s lifecycle.State) []targetView {
	var out []targetView
	for _, i := range s.Installed {
		t := targetView{Target: i.Where(), Short: i.Fingerprint.Short(), At: i.At}
		if i.Behind != "" {
			t.Behind = r.T("target.behind", "time", r.Plain(i.Since), "cause", alert.Clean(i.Behind))
			if !i.RetryAt.IsZero() {
				t.Behind += "; " + r.T("target.again", "time", r.Plain(i.RetryAt))
			}
		}
		out = append(out, t)
	}
	return out
}

// versionView is one issued version and what it is to the certificate.
type versionView struct {
	cert.Version
	Role, Word string
}

// versions are those that play a part, then the others that the store keeps,
// newest first.
func (p *Page) versions(ctx context.Context, r reader, s lifecycle.State) (out []versionView, troubles []string) {
	add := func(v cert.Version, role string) {
		known := slices.ContainsFunc(out, func(x versionView) bool { return x.Fingerprint == v.Fingerprint })
		if v.Fingerprint != "" && !known {
			out = append(out, versionView{v, role, r.T("versions." + role)})
		}
	}
	add(s.Live, "live")
	add(s.Renewal.Candidate, "candidate")
	add(s.Previous, "previous")
	stored, err := p.Records.Versions(ctx, s.Spec.Name)
	for _, v := range stored {
		if len(out) < 20 {
			add(v, "stored")
		}
	}
	if err != nil {
		troubles = append(troubles, r.T("versions.error", "cause", alert.Clean(err.Error())))
	}
	return out, troubles
}

// moveView is a command, and what it is for.
type moveView struct{ What, Command string }

func moves(r reader, s lifecycle.State) []moveView {
	out := []moveView{{r.T("move.explain"), "neverlapse explain " + s.Spec.Name}}
	for _, m := range lifecycle.Moves(r.Now, s) {
		out = append(out, moveView{r.or("move."+string(m.Code), "move.other", "code", string(m.Code)), m.Command})
	}
	return out
}
