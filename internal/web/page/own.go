package page

import (
	"context"
	"net/http"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// ownership is whose a certificate is, and to whom it can be given.
type ownership struct {
	Owner, Team         string
	TakeID, GiveID, Now string
	Teams               []people.Team
}

func (p *Page) ownership(r reader, s lifecycle.Spec) ownership {
	now := s.Ownership().String()
	if s.Ownership() == (lifecycle.Ownership{}) {
		now = r.T("own.nobody")
	}
	return ownership{Owner: s.Owner, Team: s.Team, TakeID: newID(), GiveID: newID(), Now: now, Teams: p.Directory().Teams}
}

// asSeen is whose the certificate was when the reader looked: if it has passed to
// others since, they hear of it.
func asSeen(r *http.Request) *lifecycle.Ownership {
	return &lifecycle.Ownership{Owner: r.PostForm.Get("owned"), Team: r.PostForm.Get("ownedby")}
}

func (p *Page) takeOver(w http.ResponseWriter, r *http.Request, in session) {
	name, req, bad := p.request(r, in)
	req.Of = asSeen(r)
	said := "taken"
	p.act(w, r, in, name, bad, &said, func(ctx context.Context) error {
		return p.Certificates.TakeOver(ctx, name, workflows.TakeOverRequest{Request: req})
	})
}

func (p *Page) reassign(w http.ResponseWriter, r *http.Request, in session) {
	name, req, bad := p.request(r, in)
	req.Of = asSeen(r)
	owner, team := r.PostForm.Get("owner"), r.PostForm.Get("team")
	if bad == nil {
		bad = p.receives(owner, team)
	}
	said := "given"
	p.act(w, r, in, name, bad, &said, func(ctx context.Context) error {
		return p.Certificates.Reassign(ctx, name, workflows.ReassignRequest{Request: req, Owner: owner, Team: team})
	})
}

// receives tells why nothing can be given to an owner and a team; either may be empty.
func (p *Page) receives(owner, team string) *reply {
	if err := p.Directory().Receives(owner, team); err != nil || owner == "" && team == "" {
		return refusal(http.StatusUnprocessableEntity, "said.receiver")
	}
	return nil
}
