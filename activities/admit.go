package activities

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Admission knows what this installation can do; app implements it.
type Admission interface {
	// Admit checks names of CA, targets, people and policy, and gives the policy
	// whole. All complaints come at once; the error is a fault.Invalid.
	Admit(ctx context.Context, r AdmitRequest) (policy json.RawMessage, err error)
	// Enrolled reports whether the certificate has a running entity.
	Enrolled(ctx context.Context, name string) (bool, error)
	// Holding gives what an enrolled certificate has, as its entity knows it.
	Holding(ctx context.Context, name string) (Holding, error)
}

// Holding is whose an enrolled certificate is, and where it is deployed.
type Holding struct {
	Owner, Team string
	Targets     []string
}

// AdmitRequest is what somebody wants to enrol, or to change.
type AdmitRequest struct {
	Name        string          `json:"name"`
	Names       []string        `json:"names"`
	Managed     bool            `json:"managed"`
	Environment string          `json:"environment,omitempty"`
	Owner       string          `json:"owner,omitempty"`
	Team        string          `json:"team,omitempty"`
	Note        string          `json:"note,omitempty"`
	CA          string          `json:"ca,omitempty"`
	FallbackCAs []string        `json:"fallbackCAs,omitempty"` // tried in this order when CA keeps failing; empty: the policy's; "none": no other
	KeyType     cert.KeyType    `json:"keyType,omitempty"`
	ReuseKey    bool            `json:"reuseKey,omitempty"`
	Profile     string          `json:"profile,omitempty"`
	Challenge   string          `json:"challenge,omitempty"` // http-01, tls-alpn-01 or dns-01; empty: as is usual for the CA
	DNS         string          `json:"dns,omitempty"`       // the DNS provider of dns-01
	Targets     []string        `json:"targets,omitempty"`
	Endpoints   []cert.Endpoint `json:"endpoints,omitempty"`
	Policy      string          `json:"policy,omitempty"`
	// AcceptIrreversible: what targets have now need not come back, where it cannot.
	AcceptIrreversible bool `json:"acceptIrreversible,omitempty"`
	Change             bool `json:"change,omitempty"` // of one that is enrolled
	// CSR (DER) is a request for a key that stays on its host; none: keys are made here.
	CSR []byte `json:"csr,omitempty"`
	// Lifetime is that of the certificate that is served now, as far as it was seen.
	Lifetime time.Duration `json:"lifetime,omitempty"`
	// Adopts is the certificate of the triage that is enrolled; empty: none is.
	Adopts estate.Key `json:"adopts,omitempty"`
	By     string     `json:"by,omitempty"`
	Via    string     `json:"via,omitempty"`
}

// Admitted is a request that was found good; its places are claimed.
type Admitted struct {
	Policy json.RawMessage `json:"policy"`
	// KeyType is the one to use where none was asked for: the CA's usual one.
	KeyType cert.KeyType `json:"keyType,omitempty"`
	// Supplied tells that people bring the versions of its CA.
	Supplied bool `json:"supplied,omitempty"`
	// CSR is the request that was given.
	CSR *cert.CSR `json:"csr,omitempty"`
	// Sequence of the last journal entry of an earlier enrolment of the name; 0 if there was none.
	Sequence int64 `json:"sequence,omitempty"`
}

// Admit refuses what cannot work before anything is begun, and claims the
// places that the targets write.
func (a *Activities) Admit(ctx context.Context, r AdmitRequest) (Admitted, error) {
	out, err := a.admit(ctx, r)
	return out, toTemporal(err, a.Now())
}

func (a *Activities) admit(ctx context.Context, r AdmitRequest) (Admitted, error) {
	if err := admitName(r.Name); err != nil {
		return Admitted{}, err
	}
	enrolled, err := a.Admission.Enrolled(ctx, r.Name)
	switch {
	case err != nil:
		return Admitted{}, err
	case enrolled && !r.Change:
		return Admitted{}, fault.New(fault.Conflict, "%s is already enrolled; see it by: neverlapse status %s (to change it: enroll --update)", r.Name, r.Name)
	case !enrolled && r.Change:
		return Admitted{}, fault.New(fault.NotFound, "%s is not enrolled, so it cannot be changed", r.Name)
	}
	policy, err := a.Admission.Admit(ctx, r)
	if err != nil {
		return Admitted{}, err
	}
	now := Holding{Owner: r.Owner, Team: r.Team}
	if r.Change { // until the entity takes the change, it goes on with what it has
		if now, err = a.Admission.Holding(ctx, r.Name); err != nil {
			return Admitted{}, err
		}
	}
	if err := a.mayAdmit(ctx, r, now); err != nil {
		return Admitted{}, err
	}
	if err := a.accepted(r); err != nil {
		return Admitted{}, err
	}
	csr, err := a.admitKeys(ctx, r)
	if err != nil {
		return Admitted{}, err
	}
	if csr != nil {
		r.KeyType = cert.KeyType(csr.KeyAlgorithm)
	}
	kind, err := a.screen(r)
	if err != nil {
		return Admitted{}, err
	}
	identities, err := a.identities(ctx, r.Targets)
	if err != nil {
		return Admitted{}, fault.New(fault.Invalid, "%w", err)
	}
	held, _ := a.identities(ctx, now.Targets) // a target that is configured no more is not written any more
	identities = append(identities, held...)
	if err := a.Store.Claim(ctx, r.Name, identities); err != nil {
		return Admitted{}, err
	}
	last, err := a.lastEntry(ctx, r.Name)
	if err != nil {
		return Admitted{}, err
	}
	_, bySupply := a.CAs[r.CA].(Supplied)
	return Admitted{Policy: policy, Sequence: last, KeyType: kind, Supplied: bySupply, CSR: csr}, nil
}

// screen asks the CA whether it could ever issue what is asked for, and gives
// the kind of key.
func (a *Activities) screen(r AdmitRequest) (cert.KeyType, error) {
	s, ok := a.CAs[r.CA].(Screener)
	if !ok || !r.Managed {
		return r.KeyType, nil
	}
	names, err := cert.ParseNames(r.Names)
	if err != nil {
		return "", fault.New(fault.Invalid, "%w", err)
	}
	o, err := s.Screen(cert.Order{Names: names, Profile: r.Profile, KeyType: r.KeyType, Challenge: r.Challenge, DNS: r.DNS})
	if err != nil {
		return "", fault.New(fault.Invalid, "%w", err)
	}
	return o.KeyType, nil
}

// identities names what targets write; the error names those that are not configured.
func (a *Activities) identities(ctx context.Context, targets []string) ([]string, error) {
	var out []string
	var errs []error
	for _, name := range targets {
		if h, ok := a.Hosts[name]; ok {
			places, err := a.hostPlaces(ctx, name, h)
			out, errs = append(out, places...), append(errs, err)
			continue
		}
		t, err := a.target(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, t.Identity()...)
	}
	return out, errors.Join(errs...)
}

// ClaimInput names the targets of a certificate.
type ClaimInput struct {
	Name    string   `json:"name"`
	Targets []string `json:"targets,omitempty"`
}

// Claim makes the places of the targets those that the certificate holds, and no others.
func (a *Activities) Claim(ctx context.Context, in ClaimInput) error {
	identities, err := a.identities(ctx, in.Targets)
	if err == nil {
		err = a.Store.Claim(ctx, in.Name, identities)
	}
	return toTemporal(err, a.Now())
}

// Abandon gives up what a refused enrolment may have claimed. A certificate that
// is enrolled keeps its places: then the refusal was about another enrolment.
func (a *Activities) Abandon(ctx context.Context, name string) error {
	if admitName(name) != nil {
		return nil // nothing can have been claimed for it
	}
	enrolled, err := a.Admission.Enrolled(ctx, name)
	if err == nil && !enrolled {
		err = a.Store.Claim(ctx, name, nil)
	}
	return toTemporal(err, a.Now())
}

// Release gives up every place that a certificate claimed.
func (a *Activities) Release(ctx context.Context, name string) error {
	return toTemporal(a.Store.Claim(ctx, name, nil), a.Now())
}
