package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// Wards reaches many certificates for a change that is about all of them; app
// implements it. Every change can be repeated.
type Wards interface {
	// Page lists running certificates, of one owner if one is named, and gives the
	// token of the next page; none after the last. The index may lag by seconds.
	Page(ctx context.Context, owner string, token []byte) (page []Ward, next []byte, err error)
	// SetPolicy has a certificate carry a policy (JSON). Invalid: it refuses.
	SetPolicy(ctx context.Context, name, requestID string, policy json.RawMessage) (changed bool, err error)
	// Reassign gives one to others, if it still is whose the index says. Invalid: it refuses.
	Reassign(ctx context.Context, w Ward, requestID string, h Handing) (given bool, err error)
}

// Ward is a certificate as the index knows it.
type Ward struct {
	Name       string    `json:"name"`
	Owner      string    `json:"owner,omitempty"`
	Team       string    `json:"team,omitempty"`
	Severity   string    `json:"severity,omitempty"` // of its most urgent open alert
	NotAfter   time.Time `json:"notAfter,omitzero"`
	Policy     string    `json:"policy,omitempty"` // name; empty: the index does not say
	PolicyHash string    `json:"policyHash,omitempty"`
}

// SpreadInput is one page of the certificates that are to carry policies.
type SpreadInput struct {
	Run      string          `json:"run"` // of the workflow that asks; begins the IDs of requests
	Policies []ChangedPolicy `json:"policies"`
	Page     []byte          `json:"page,omitempty"`
}

// ChangedPolicy is a policy as the configuration has it.
type ChangedPolicy struct {
	Name string          `json:"name"`
	Hash string          `json:"hash"`
	JSON json.RawMessage `json:"json"`
}

// Spread is what became of a page.
type Spread struct {
	Next    []byte   `json:"next,omitempty"`
	Looked  int      `json:"looked"`
	Changed int      `json:"changed"`
	Missed  []string `json:"missed,omitempty"` // in words: what could not be changed
}

// SpreadPolicies has the certificates of a page carry the policies of their
// names. One that carries it already is left alone; one that refuses, or cannot
// be reached, is told in the result and holds up nobody.
func (a *Activities) SpreadPolicies(ctx context.Context, in SpreadInput) (Spread, error) {
	var out Spread
	err := a.attended(ctx, func(ctx context.Context, progress func(string)) (err error) {
		out, err = a.spread(ctx, in, progress)
		return err
	})
	return out, err
}

func (a *Activities) spread(ctx context.Context, in SpreadInput, progress func(string)) (Spread, error) {
	page, next, err := a.Wards.Page(ctx, "", in.Page)
	if err != nil {
		return Spread{}, err
	}
	out := Spread{Next: next, Looked: len(page)}
	for _, w := range page {
		for _, p := range in.Policies {
			if w.Policy != "" && (w.Policy != p.Name || w.PolicyHash == p.Hash) {
				continue
			}
			progress(w.Name)
			changed, err := a.Wards.SetPolicy(ctx, w.Name, in.Run+"/"+p.Hash, p.JSON)
			switch {
			case err != nil && ctx.Err() != nil:
				return out, err
			case err != nil && (w.Policy != "" || !fault.Is(err, fault.Invalid)): // what the index does not know may carry another
				out.Missed = append(out.Missed, shorten(fmt.Sprintf("%s: %v", w.Name, err)))
			case changed:
				out.Changed++
			}
		}
	}
	return out, nil
}
