package activities

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/people"
)

// Renewer is the optional ability of a source to have what it sees renewed by
// whoever renews it there.
type Renewer interface {
	// Renew asks for it once; by is who wants it. Conflict: it is under way already.
	Renew(ctx context.Context, place, by string) error
}

// RenewAt has certificates renewed where they are renewed by something else: at
// one place, and then only there, or wherever the certificate called Of is.
type RenewAt struct {
	ID    string `json:"id,omitempty"` // what is asked for again by the same is on record once
	Place string `json:"place,omitempty"`
	Of    string `json:"of,omitempty"`
	By    string `json:"by"`
	Via   string `json:"via,omitempty"`
	Note  string `json:"note,omitempty"`
}

// AskedElsewhere is that somebody wanted a certificate renewed at a place where
// something else renews it.
type AskedElsewhere struct {
	ID    string `json:"id,omitempty"` // a message of the same is counted once
	Place string `json:"place"`
	By    string `json:"by"`
	Via   string `json:"via,omitempty"`
	Note  string `json:"note,omitempty"`
	// Refused is why it came to nothing; Forbidden: they may not ask for it.
	Refused   string `json:"refused,omitempty"`
	Forbidden bool   `json:"forbidden,omitempty"`
}

// RenewedAt are the places at which it was asked for.
type RenewedAt struct {
	Places []string `json:"places"`
}

// RenewAt asks. NotFound: no source saw such a place, or none of those can ask.
func (a *Activities) RenewAt(ctx context.Context, in RenewAt) (RenewedAt, error) {
	out, err := a.renewAt(ctx, in)
	return out, toTemporal(err, a.Now())
}

func (a *Activities) renewAt(ctx context.Context, in RenewAt) (out RenewedAt, err error) {
	if a.Sources == nil {
		return out, fault.New(fault.NotFound, "no source is configured")
	}
	enrolled, err := a.enrolled(ctx)
	if err != nil {
		return out, err
	}
	all := a.Sources()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m, err := a.Store.Manifest(ctx, name)
		if err != nil {
			return out, ours(err)
		}
		for _, p := range m.Places {
			if !p.Gone.IsZero() || p.Name != in.Place && (in.Of == "" || p.Of != in.Of) {
				continue
			}
			renewer, able := all[name].Source.(Renewer)
			if !able && in.Of != "" {
				continue
			}
			if !able {
				return out, fault.New(fault.Invalid, "source %s of the kind %s only looks; whoever renews what is at %s has to be asked there", name, all[name].Kind, p.Name)
			}
			if err := a.renewThere(ctx, in, renewer, p, owned(p, enrolled)); err != nil {
				return out, err
			}
			out.Places = append(out.Places, p.Name)
		}
	}
	if len(out.Places) == 0 {
		return out, fault.New(fault.NotFound, "no source that can ask for a renewal saw %s; see: neverlapse where", in.what())
	}
	return out, nil
}

// renewThere asks at one place. The certificate to which the place belongs has on
// record who wants it before it is asked for, and what came of it if that is nothing.
func (a *Activities) renewThere(ctx context.Context, in RenewAt, there Renewer, p estate.Place, asked people.Asked) error {
	word := AskedElsewhere{ID: in.ID, Place: p.Name, By: in.By, Via: in.Via, Note: in.Note}
	tell := func(about string, refused error) error {
		if p.Of == "" {
			return nil
		}
		w := word
		if w.ID != "" {
			w.ID += "/" + about + "/" + p.Name
		}
		if refused != nil {
			w.Refused, w.Forbidden = shorten(refused.Error()), about == "forbidden"
		}
		return a.Herald.Elsewhere(ctx, p.Of, w)
	}
	err := a.may(in.By, func(d people.Directory) error { return d.May(in.By, asked) }, func(people.Directory) string { return "ask one of them" })
	if err != nil {
		return errors.Join(err, tell("forbidden", err))
	}
	if err := tell("asked", nil); err != nil {
		return err
	}
	if err := there.Renew(ctx, p.Name, in.By); err != nil {
		return errors.Join(err, tell("refused", err))
	}
	return nil
}

func (in RenewAt) what() string {
	if in.Of != "" {
		return in.Of
	}
	return fmt.Sprintf("a place called %q", in.Place)
}

// owned is what somebody wants to do, of the certificate to which the place
// belongs. That of a place which belongs to none is nobody's: the operators may.
func owned(p estate.Place, enrolled []estate.Enrolled) people.Asked {
	out := people.Asked{Verb: people.Renew, Certificate: p.Name}
	for _, e := range enrolled {
		if e.Name == p.Of && p.Of != "" {
			out.Certificate, out.Owner, out.Team = e.Name, e.Owner, e.Team
		}
	}
	return out
}
