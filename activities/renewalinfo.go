package activities

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// PollInput is one page of the fleet.
type PollInput struct {
	Page []byte `json:"page,omitempty"` // token; none for the first
}

// Polled is what the CAs said about the certificates of a page.
type Polled struct {
	Next    []byte   `json:"next,omitempty"` // token of the next page; none after the last
	Members int      `json:"members"`
	Asked   int      `json:"asked"`             // of how many a CA was asked; the others are not due
	Moved   []Moved  `json:"moved,omitempty"`   // what the certificates do not know yet
	Refused []string `json:"refused,omitempty"` // what went wrong, in words
	// Past counts, by CA, the certificates whose window is past: they are to be renewed at once.
	Past []Pulled `json:"past,omitempty"`
}

// Pulled is of how many certificates a CA's window is past.
type Pulled struct {
	CA    string `json:"ca"`
	Count int    `json:"count"`
	Why   string `json:"why,omitempty"` // a page on which the CA says why
}

// Add counts more into a list that has each CA once.
func Add(all []Pulled, more Pulled) []Pulled {
	for i := range all {
		if all[i].CA == more.CA {
			all[i].Count += more.Count
			all[i].Why = cmp.Or(all[i].Why, more.Why)
			return all
		}
	}
	return append(all, more)
}

// Moved is a window that its certificate was not told of.
type Moved struct {
	Name        string           `json:"name"`
	CA          string           `json:"ca"`
	Fingerprint cert.Fingerprint `json:"fingerprint"`
	Window      cert.Window      `json:"window"`
	NotAfter    time.Time        `json:"notAfter"`
}

// keepRefused bounds how many troubles of one page are told.
const keepRefused = 20

// PollRenewalInfo asks the CAs of a page of certificates for their renewal
// windows, each no sooner than its CA wants to be asked again. One at a time: a
// poll is no herd.
func (a *Activities) PollRenewalInfo(ctx context.Context, in PollInput) (Polled, error) {
	var out Polled
	err := a.attended(ctx, func(ctx context.Context, _ func(string)) (err error) {
		out, err = a.poll(ctx, in)
		return err
	})
	return out, err
}

func (a *Activities) poll(ctx context.Context, in PollInput) (Polled, error) {
	page, next, err := a.Fleet.Managed(ctx, in.Page)
	if err != nil {
		return Polled{}, err
	}
	p := &poll{Activities: a, out: Polled{Next: next, Members: len(page)}}
	for _, m := range page {
		if err := p.one(ctx, m); err != nil {
			p.refused(m.Name + ": " + err.Error())
		}
		if err := ctx.Err(); err != nil {
			return Polled{}, err
		}
	}
	return p.out, nil
}

// poll is the work on one page.
type poll struct {
	*Activities
	out  Polled
	away []string // CAs that do not answer: they are left alone for the rest of the page
}

func (p *poll) refused(text string) {
	if len(p.out.Refused) < keepRefused {
		p.out.Refused = append(p.out.Refused, shorten(text))
	}
}

func (p *poll) one(ctx context.Context, m Member) error {
	v, err := p.issuedHere(ctx, m)
	if err != nil || v.CA == "" {
		return err
	}
	informer, ok := p.CAs[v.CA].(RenewalInformer)
	if !ok {
		return nil
	}
	info, err := p.Store.RenewalInfo(ctx, m.Name)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	known := err == nil && info.Fingerprint == v.Fingerprint
	if !known {
		info = cert.RenewalInfo{Fingerprint: v.Fingerprint}
	}
	if !p.Now().Before(info.AskAt) && !slices.Contains(p.away, v.CA) {
		if err := p.ask(ctx, informer, m.Name, v, &info); err != nil {
			return err
		}
	}
	if info.Suggested() && info.Window.End.Before(p.Now()) && !info.Window.Start.Before(v.NotBefore) {
		p.out.Past = Add(p.out.Past, Pulled{v.CA, 1, info.Window.Explanation})
	}
	if info.Suggested() && (m.Window == nil || !m.Window.Equal(info.Window)) {
		p.out.Moved = append(p.out.Moved, Moved{Name: m.Name, CA: v.CA, Fingerprint: v.Fingerprint, Window: info.Window, NotAfter: v.NotAfter})
	}
	return nil
}

// issuedHere is the version as the store has it; the empty one if it was not issued here.
func (p *poll) issuedHere(ctx context.Context, m Member) (cert.Version, error) {
	if m.Live.CA != "" {
		return m.Live, nil
	}
	all, err := p.Store.Versions(ctx, m.Name)
	if err != nil {
		return cert.Version{}, err
	}
	if i := slices.IndexFunc(all, func(v cert.Version) bool { return v.Fingerprint == m.Live.Fingerprint }); i >= 0 {
		return all[i], nil
	}
	return cert.Version{}, nil
}

// ask asks the CA and keeps its answer. One that is of no use takes no window
// back, and is no reason to ask in a circle.
func (p *poll) ask(ctx context.Context, informer RenewalInformer, name string, v cert.Version, info *cert.RenewalInfo) error {
	pair, err := p.Store.Pair(ctx, name, v.Fingerprint)
	if err != nil {
		return err
	}
	p.out.Asked++
	window, wait, err := informer.RenewalInfo(ctx, pair.Chain)
	switch kind := fault.KindOf(err); {
	case err == nil:
		info.Window, info.Refused = window, ""
	case kind == fault.Unavailable || kind == fault.Transient:
		p.away = append(p.away, v.CA)
		if at := fault.RetryAt(err); !at.IsZero() {
			wait = at.Sub(p.Now())
		} else {
			wait = soon
		}
		fallthrough
	default:
		info.Refused = shorten(err.Error())
		p.refused(name + ": " + info.Refused)
	}
	info.AskAt = cert.AskAgain(p.Now(), wait, v.Lifetime()).UTC().Truncate(time.Second)
	return p.Store.PutRenewalInfo(ctx, name, *info)
}

// soon is when a CA that did not answer is asked again.
const soon = 10 * time.Minute

// ReportPulled tells the CA's account.
func (a *Activities) ReportPulled(ctx context.Context, in Pulled) error {
	ca, err := a.ca(in.CA)
	if err != nil || a.Broker == nil {
		return toTemporal(err, a.Now())
	}
	account := "default"
	if g, ok := ca.(Governed); ok {
		account = g.Account()
	}
	text := fmt.Sprintf("the renewal window of %d certificates is past: the CA wants them renewed at once", in.Count)
	if in.Why != "" {
		text += "; it says why at " + in.Why
	}
	return toTemporal(brokers(a.Broker.Report(ctx, in.CA, account, Report{Kind: MassRenewal, Count: in.Count, Cause: text, At: a.Now()})), a.Now())
}
