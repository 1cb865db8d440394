package activities

import (
	"context"
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
	Place string `json:"place,omitempty"`
	Of    string `json:"of,omitempty"`
	By    string `json:"by"`
	Note  string `json:"note,omitempty"` // stays in the history of the activity
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
			d := a.Directory()
			if _, known := d.Person(in.By); known { // whoever types has the engine at hand, so a stranger is trusted
				if err := d.May(in.By, owned(p, enrolled)); err != nil {
					return out, fault.New(fault.Invalid, "%w", err)
				}
			}
			if err := renewer.Renew(ctx, p.Name, in.By); err != nil {
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
