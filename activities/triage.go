package activities

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Bounds of what one answer lists; what a workflow can carry has an end.
const (
	mostListed = 500
	mostNews   = 5000
	mostShown  = 20
	mostPlaces = 20 // of one certificate
	mostNames  = 3  // of one certificate
)

// records reads what all configured sources saw, and puts the records together.
func (a *Activities) records(ctx context.Context) ([]estate.Record, []estate.Enrolled, error) {
	enrolled, err := a.enrolled(ctx)
	if err != nil {
		return nil, nil, err
	}
	var all []estate.Seen
	if a.Sources != nil {
		for _, name := range slices.Sorted(maps.Keys(a.Sources())) {
			m, err := a.Store.Manifest(ctx, name)
			if err != nil {
				return nil, nil, ours(err)
			}
			st, err := a.Store.SourceStanding(ctx, name)
			if err != nil {
				return nil, nil, ours(err)
			}
			all = append(all, estate.Seen{Manifest: m, Standing: st})
		}
	}
	return estate.Records(all, enrolled), enrolled, nil
}

// Strays are certificates that nobody enrolled and of which people have to be told.
type Strays struct {
	Count int `json:"count"`
	Soon  int `json:"soon"` // of these, how many end within a month, or have ended
	// Issued is how many are known only to have been issued, and Unwanted how many of
	// those are of a CA that is not wanted.
	Issued   int           `json:"issued,omitempty"`
	Unwanted int           `json:"unwanted,omitempty"`
	Shown    []alert.Place `json:"shown,omitempty"`
	Keys     []estate.Key  `json:"keys,omitempty"`
}

// NewStrays finds them in what all sources saw.
func (a *Activities) NewStrays(ctx context.Context) (Strays, error) {
	var out Strays
	err := a.attended(ctx, func(ctx context.Context, _ func(string)) error {
		records, _, err := a.records(ctx)
		if err != nil {
			return err
		}
		t, err := a.Store.Triage(ctx)
		if err != nil {
			return ours(err)
		}
		now := a.Now()
		news := t.News(t.Strays(records, now), now)
		for _, s := range news[:min(len(news), mostNews)] {
			out.count(s, now)
			if len(out.Shown) < mostShown {
				out.Shown = append(out.Shown, placeOf(s))
			}
			out.Keys = append(out.Keys, s.Record.Key)
		}
		return nil
	})
	return out, err
}

func (out *Strays) count(s estate.Stray, now time.Time) {
	out.Count++
	switch r := s.Record; {
	case r.IssuedOnly():
		out.Issued++
		if slices.Contains(r.Faults(), cert.UnwantedCA) {
			out.Unwanted++
		}
	case r.Version.NotAfter.Sub(now) <= estate.Soon[0]:
		out.Soon++
	}
}

// placeOf is a stray in one line: what it is for, and where.
func placeOf(s estate.Stray) alert.Place {
	v := s.Record.Version
	text := "a certificate without a name"
	if len(v.Names) > 0 {
		text = v.Names[0]
	}
	by := v.Issuer
	if s.Record.IssuedOnly() {
		text = strings.Join(v.Names[:min(len(v.Names), mostNames)], ", ")
		by = "issued by " + by + ", valid from " + v.NotBefore.Format(time.DateOnly)
		if slices.Contains(s.Record.Faults(), cert.UnwantedCA) {
			by += "; this CA is not wanted"
		}
	}
	text += " (" + by + ") at " + s.Record.Places[0].Name
	if more := len(s.Record.Places) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more places", more)
	}
	return alert.Place{Where: text, Fingerprint: cert.Fingerprint(s.Record.Key.Short()), NotAfter: v.NotAfter}
}

// MarkStrays notes that people were told of strays.
func (a *Activities) MarkStrays(ctx context.Context, keys []estate.Key) error {
	return a.attended(ctx, func(ctx context.Context, _ func(string)) error {
		records, _, err := a.records(ctx)
		if err != nil {
			return err
		}
		told := map[estate.Key]bool{}
		for _, k := range keys {
			told[k] = true
		}
		return a.changeTriage(ctx, func(t *estate.Triage) error {
			now := a.Now()
			strays := slices.DeleteFunc(t.Strays(records, now), func(s estate.Stray) bool { return !told[s.Record.Key] })
			t.Mark(strays, now)
			t.Forget(records, now)
			return nil
		})
	})
}

// changeTriage changes what was decided, again if somebody else did meanwhile.
func (a *Activities) changeTriage(ctx context.Context, change func(t *estate.Triage) error) error {
	for {
		t, err := a.Store.Triage(ctx)
		if err != nil {
			return ours(err)
		}
		if err := change(&t); err != nil {
			return err
		}
		t.Revision++
		if err := a.Store.PutTriage(ctx, t); !fault.Is(err, fault.Conflict) || ctx.Err() != nil {
			return ours(err)
		}
	}
}

// ListTriage lists the certificates that nobody enrolled.
func (a *Activities) ListTriage(ctx context.Context, q estate.TriageQuery) (estate.TriageList, error) {
	out := estate.TriageList{Strays: []estate.Stray{}}
	err := a.attended(ctx, func(ctx context.Context, _ func(string)) error {
		all, err := a.strays(ctx, q.Of)
		for _, s := range all {
			switch {
			case s.State == estate.Ignored && !q.All && q.Of == "":
			case len(out.Strays) == mostListed:
				out.More++
			default:
				s.Record.Places = s.Record.Places[:min(len(s.Record.Places), mostPlaces)]
				out.Strays = append(out.Strays, s)
			}
		}
		return err
	})
	return out, err
}

func (a *Activities) strays(ctx context.Context, of string) ([]estate.Stray, error) {
	records, _, err := a.records(ctx)
	if err != nil {
		return nil, err
	}
	t, err := a.Store.Triage(ctx)
	if err != nil {
		return nil, ours(err)
	}
	out := slices.DeleteFunc(t.Strays(records, a.Now()), func(s estate.Stray) bool { return of != "" && !s.Record.Called(of) })
	d := a.Directory()
	for i := range out {
		out[i].Adoption = out[i].Adopt(d)
	}
	return out, nil
}

// Triage keeps a decision, and gives the stray that it is about. NotFound: there is
// none. Invalid: several, or the owner is nobody of the directory, or somebody of
// the directory may not.
func (a *Activities) Triage(ctx context.Context, in estate.TriageOrder) (estate.Stray, error) {
	out, err := a.triage(ctx, in)
	return out, toTemporal(err, a.Now())
}

func (a *Activities) triage(ctx context.Context, in estate.TriageOrder) (estate.Stray, error) {
	d := in.Decision
	d.At = a.Now().UTC()
	ignore := !d.Until.IsZero()
	switch {
	case ignore && !d.Until.After(d.At):
		return estate.Stray{}, fault.New(fault.Invalid, "until: %s is past", d.Until.Format(time.RFC3339))
	case ignore && strings.TrimSpace(d.Reason) == "":
		return estate.Stray{}, fault.New(fault.Invalid, "a certificate is ignored for a reason; say it")
	case !ignore:
		_, person := a.Directory().Person(d.Owner)
		_, team := a.Directory().Team(d.Owner)
		if !person && !team {
			return estate.Stray{}, fault.New(fault.Invalid, "owner: %q is neither a person nor a team of the directory", d.Owner)
		}
	}
	found, err := a.strays(ctx, in.Of)
	if err != nil {
		return estate.Stray{}, err
	}
	switch len(found) {
	case 0:
		return estate.Stray{}, fault.New(fault.NotFound, "no certificate in triage is called %q, or is at a place of that name; see: neverlapse triage --all", in.Of)
	case 1:
	default:
		return estate.Stray{}, fault.New(fault.Invalid, "%q means %d certificates in triage; write more of the fingerprint", in.Of, len(found))
	}
	s, full := found[0], false
	if err := a.mayDecide(d.By, s); err != nil {
		return estate.Stray{}, err
	}
	err = a.changeTriage(ctx, func(t *estate.Triage) error {
		take := t.Assign
		if ignore {
			take = t.Ignore
		}
		full = !take(s.Record.Key, d)
		return nil
	})
	if full {
		err = fault.New(fault.Unavailable, "triage keeps %d decisions and no more", estate.MostItems)
	}
	s.State, s.Item.Assigned = estate.Assigned, &d
	if ignore {
		s.State, s.Item.Ignored, s.Item.Assigned = estate.Ignored, &d, nil
	}
	s.Record.Places = s.Record.Places[:min(len(s.Record.Places), mostPlaces)]
	return s, err
}

// Where finds certificates and their places in what all sources saw.
func (a *Activities) Where(ctx context.Context, q estate.Ask) (estate.Found, error) {
	out := estate.Found{Records: []estate.Record{}}
	err := a.attended(ctx, func(ctx context.Context, _ func(string)) error {
		records, enrolled, err := a.records(ctx)
		if err != nil {
			return err
		}
		for _, r := range q.Among(records, enrolled, a.Directory().TeamFor) {
			if len(out.Records) == mostListed {
				out.More++
				continue
			}
			r.Places = r.Places[:min(len(r.Places), 10*mostPlaces)]
			out.Records = append(out.Records, r)
		}
		return nil
	})
	return out, err
}

// ListSources tells which sources this worker has, and how each stands.
func (a *Activities) ListSources(ctx context.Context, _ struct{}) ([]estate.Standing, error) {
	out := []estate.Standing{}
	if a.Sources == nil {
		return out, nil
	}
	all := a.Sources()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		st, err := a.Store.SourceStanding(ctx, name)
		if err != nil {
			return out, toTemporal(ours(err), a.Now())
		}
		st.Kind = all[name].Kind
		out = append(out, st)
	}
	return out, nil
}
