package activities

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/people"
)

// LeavingInput asks what somebody leaves behind.
type LeavingInput struct {
	Person string   `json:"person"`
	To     string   `json:"to,omitempty"`    // whom somebody named
	Teams  []string `json:"teams,omitempty"` // that the person was in
}

// Leaving is what somebody leaves behind, and who could look after it.
type Leaving struct {
	Here  bool `json:"here,omitempty"`  // the person stands in the directory
	Reach bool `json:"reach,omitempty"` // and can be told
	// Successors, the first first; the one that somebody named is not among them unless they are.
	Successors   []string  `json:"successors,omitempty"`
	To           bool      `json:"to,omitempty"` // whom somebody named can be told
	CatchAll     string    `json:"catchAll"`
	Certificates int       `json:"certificates"`
	First        []string  `json:"first,omitempty"`  // some of them
	Ends         time.Time `json:"ends,omitzero"`    // of the first to end
	Paging       bool      `json:"paging,omitempty"` // one of them has an alert that pages
	NoTeam       bool      `json:"noTeam,omitempty"` // one of them names no team
}

// shownWards is how many certificates are named.
const shownWards = 12

// WhatIsLeft finds what somebody leaves behind.
func (a *Activities) WhatIsLeft(ctx context.Context, in LeavingInput) (Leaving, error) {
	d := a.Directory()
	out := Leaving{Successors: d.Successors(in.Person, in.Teams), CatchAll: d.CatchAll}
	_, out.Here = d.Person(in.Person)
	var err error
	if out.Reach, err = a.Reach(ctx, in.Person); err != nil {
		return out, toTemporal(err, a.Now())
	}
	out.To = in.To != "" && in.To != in.Person && len(d.Resolve(people.Question{Roles: []people.Role{people.Owner}, Owner: in.To})) > 0
	for token, more := []byte(nil), true; more; {
		page, next, err := a.Wards.Page(ctx, in.Person, token)
		if err != nil {
			return out, toTemporal(err, a.Now())
		}
		for _, w := range page {
			out.Certificates++
			if len(out.First) < shownWards {
				out.First = append(out.First, w.Name)
			}
			if out.Ends.IsZero() || !w.NotAfter.IsZero() && w.NotAfter.Before(out.Ends) {
				out.Ends = w.NotAfter
			}
			out.Paging = out.Paging || w.Severity == string(alert.P1)
			out.NoTeam = out.NoTeam || w.Team == ""
		}
		token, more = next, len(next) > 0
	}
	return out, nil
}

// Reach reports whether somebody of the directory can be told by any channel
// whose address is not known to lead nowhere.
func (a *Activities) Reach(ctx context.Context, person string) (bool, error) {
	broken, err := a.Store.Broken(ctx)
	if err != nil {
		return false, err
	}
	b := Book{Directory: a.Directory(), Channels: a.Channels()}
	for _, c := range b.Directory.Resolve(people.Question{Roles: []people.Role{people.Owner}, Owner: person}) {
		for _, w := range b.ways(c, AddressInput{}) {
			if dead, ok := delivery.BrokenIn(broken, w.Kind, w.Address); (!ok || !dead.Avoid(a.Now())) && !a.lastResort(w.Channel) {
				return true, nil
			}
		}
	}
	return false, nil
}

func (a *Activities) lastResort(channel string) bool {
	return slices.ContainsFunc(a.Channels(), func(c Channeled) bool { return c.Name == channel && c.LastResort })
}

// Handing is to whom a certificate is given, by whom and why.
type Handing struct {
	Person string `json:"person"` // whose it is; one that is another's by now is left alone
	Owner  string `json:"owner,omitempty"`
	Team   string `json:"team,omitempty"`
	// TeamAlone: no person owns it from then on.
	TeamAlone bool   `json:"teamAlone,omitempty"`
	By        string `json:"by"`
	Via       string `json:"via"`
	Note      string `json:"note,omitempty"`
}

// HandInput gives what somebody owns to others.
type HandInput struct {
	Handing
	Run    string `json:"run"`              // begins the IDs of requests
	NoTeam bool   `json:"noTeam,omitempty"` // only what names no team
}

// Handed is what became of it.
type Handed struct {
	Given  int      `json:"given"`
	Left   int      `json:"left"`             // the index still shows them as the person's
	Missed []string `json:"missed,omitempty"` // in words
}

// HandOver gives every certificate that the index shows as somebody's to others.
// One that cannot be given is told in the result and holds up nobody.
func (a *Activities) HandOver(ctx context.Context, in HandInput) (Handed, error) {
	var out Handed
	err := a.attended(ctx, func(ctx context.Context, progress func(string)) error {
		for token, more := []byte(nil), true; more; {
			page, next, err := a.Wards.Page(ctx, in.Person, token)
			if err != nil {
				return err
			}
			for _, w := range page {
				if in.NoTeam && w.Team != "" {
					continue
				}
				progress(w.Name)
				out.Left++
				given, err := a.Wards.Reassign(ctx, w, in.Run+"/"+w.Name, in.Handing)
				switch {
				case err != nil && ctx.Err() != nil:
					return err
				case fault.Is(err, fault.Invalid): // it is another's by now, or is being retired
				case err != nil:
					out.Missed = append(out.Missed, shorten(fmt.Sprintf("%s: %v", w.Name, err)))
				case given:
					out.Given++
				}
			}
			token, more = next, len(next) > 0
		}
		return nil
	})
	return out, err
}
