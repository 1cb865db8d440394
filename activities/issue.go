package activities

import (
	"context"
	"crypto/x509/pkix"
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// IssueInput says which version is replaced and what the next one shall be.
type IssueInput struct {
	Name     string           `json:"name"`
	Replaces cert.Fingerprint `json:"replaces,omitempty"`
	Names    []string         `json:"names"`
	CA       string           `json:"ca"`
	KeyType  cert.KeyType     `json:"keyType"`
	ReuseKey bool             `json:"reuseKey,omitempty"`
	Profile  string           `json:"profile,omitempty"`
	Discard  bool             `json:"discard,omitempty"` // never use a candidate issued so far, nor its key
	OrderURL string           `json:"orderURL,omitempty"`
	// CAs may all issue it, CA among them; the profile is the first one's. Empty: only CA may.
	CAs []string `json:"cas,omitempty"`
	// Supplied: people bring the version, so none is too old to be used and none is ordered.
	Supplied bool `json:"supplied,omitempty"`
	// Challenge and DNS are how the names are proven; empty: as is usual for the CA.
	Challenge string `json:"challenge,omitempty"`
	DNS       string `json:"dns,omitempty"`
	// CSR is the request that was given for a key which stays on its host: none is made.
	CSR *cert.CSR `json:"csr,omitempty"`
}

// order is what the CA is asked for.
func (in IssueInput) order() cert.Order {
	return cert.Order{Names: in.Names, Profile: in.profileAt(in.CA), KeyType: in.KeyType, Challenge: in.Challenge, DNS: in.DNS, URL: in.OrderURL}
}

// profileAt is what a CA is asked for: profiles are of one CA, and the others
// issue by the one that they are configured with.
func (in IssueInput) profileAt(ca string) string {
	if len(in.CAs) > 0 && ca != in.CAs[0] {
		return ""
	}
	return in.Profile
}

// may reports whether a CA may issue it.
func (in IssueInput) may(ca string) bool { return ca == in.CA || slices.Contains(in.CAs, ca) }

// Candidate looks for a version already issued for this replacement that is
// unharmed and fresh: then nothing is ordered. The empty version means none.
func (a *Activities) Candidate(ctx context.Context, in IssueInput) (Found, error) {
	v, at, err := a.candidate(ctx, in)
	return Found{Version: v, Terms: a.terms(in), Unsettled: at}, toTemporal(err, a.Now())
}

// Found is a candidate, and on which terms another would be ordered.
type Found struct {
	cert.Version
	Terms *Terms `json:"terms,omitempty"`
	// Unsettled is the CA at which an order may have led to a certificate; it has
	// to be settled before another CA is asked. Empty if there is none.
	Unsettled string `json:"unsettled,omitempty"`
}

func (a *Activities) candidate(ctx context.Context, in IssueInput) (v cert.Version, unsettled string, err error) {
	iss, err := a.Store.Issuance(ctx, in.Name, in.Replaces)
	switch {
	case fault.Is(err, fault.NotFound):
		return v, "", nil
	case err != nil:
		return v, "", ours(err)
	case unsettledAt(iss, in):
		return v, iss.CA, nil
	}
	v, err = a.usable(ctx, in, iss)
	return v, "", err
}

// usable gives the candidate of an issuance if it may be deployed; the empty
// version means that another one is to be ordered.
func (a *Activities) usable(ctx context.Context, in IssueInput, iss cert.Issuance) (v cert.Version, err error) {
	if iss.Candidate == "" && in.Discard && iss.KeyRef != "" { // the key of an order that led nowhere yet
		_, err = a.Store.PutIssuance(ctx, cleared(iss))
	}
	if err != nil || iss.Candidate == "" {
		return cert.Version{}, ours(err)
	}
	usable := !in.Discard && suits(iss, in) && !slices.Contains(iss.Rejected, iss.Candidate)
	v, err = a.issued(ctx, in, iss)
	if err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Validation) {
		return cert.Version{}, ours(err)
	}
	if usable && err == nil && (in.Supplied || v.NotAfter.Sub(a.Now()) > v.Lifetime()/3) {
		return v, nil
	}
	iss.Rejected = append(iss.Rejected, iss.Candidate)
	_, err = a.Store.PutIssuance(ctx, cleared(iss))
	return cert.Version{}, ours(err)
}

// issued gives the candidate if the store has it whole and it may be deployed.
func (a *Activities) issued(ctx context.Context, in IssueInput, iss cert.Issuance) (cert.Version, error) {
	pair, err := a.Store.Pair(ctx, in.Name, iss.Candidate)
	if err != nil {
		return cert.Version{}, err
	}
	if err := pair.Check(in.Names, a.Now()); err != nil {
		return cert.Version{}, fault.New(fault.Validation, "%w", err)
	}
	if err := a.unrevoked(ctx, in.Name, iss.Candidate); fault.Is(err, fault.Configuration) {
		return cert.Version{}, fault.New(fault.Validation, "%w", err)
	} else if err != nil {
		return cert.Version{}, err
	}
	v, err := pair.Version()
	v.CA = iss.CA
	return v, err
}

// suits reports whether the issuance was begun for what is asked now, names
// aside, by a CA that may issue it.
func suits(iss cert.Issuance, in IssueInput) bool {
	return in.may(iss.CA) && iss.KeyType == in.KeyType && iss.Profile == in.profileAt(iss.CA) && requestedBy(iss, in.CSR)
}

// goesOn reports whether the order of the issuance is the one to go on with.
func goesOn(iss cert.Issuance, in IssueInput) bool {
	return iss.CA == in.CA && suits(iss, in) && slices.Equal(iss.Names, in.Names)
}

// cleared forgets the order, its key and its candidate, so that the next order is a new one.
func cleared(iss cert.Issuance) cert.Issuance {
	iss.Candidate, iss.OrderURL, iss.KeyRef, iss.CSR, iss.KeptKey, iss.FinalizeAt = "", "", "", nil, false, time.Time{}
	return iss
}

// Order makes key and CSR durable, opens an order or finds the one that an
// earlier try opened, and records its URL.
func (a *Activities) Order(ctx context.Context, in IssueInput) (url string, err error) {
	err = a.attended(ctx, func(ctx context.Context, _ func(string)) (err error) {
		url, err = a.order(ctx, in)
		return err
	})
	return url, err
}

func (a *Activities) order(ctx context.Context, in IssueInput) (string, error) {
	ca, err := a.ca(in.CA)
	if err != nil {
		return "", err
	}
	iss, err := a.prepared(ctx, in)
	if err != nil {
		return "", err
	}
	want := in.order()
	want.URL = ""
	if iss.NoReplaces == "" {
		want.Replaces = a.replaces(ctx, ca, in)
	}
	if iss.OrderURL != "" {
		want.URL = iss.OrderURL
		url, err := ca.Order(ctx, want)
		if !fault.Is(err, fault.NotFound) {
			return url, err
		}
		want.URL, iss.OrderURL = "", ""
	}
	iss.OrderURL, err = ca.Order(ctx, want)
	if fault.Is(err, fault.Conflict) && want.Replaces != "" {
		if iss, err = a.withoutReplaces(ctx, iss, err); err == nil {
			want.Replaces = ""
			iss.OrderURL, err = ca.Order(ctx, want)
		}
	}
	if err != nil {
		return "", err
	}
	iss.OrderedAt, iss.FinalizeAt = a.Now(), time.Time{}
	_, err = a.Store.PutIssuance(ctx, iss)
	return iss.OrderURL, ours(err)
}

// prepared gives the issuance record with its key and CSR durable.
func (a *Activities) prepared(ctx context.Context, in IssueInput) (cert.Issuance, error) {
	iss, err := a.Store.Issuance(ctx, in.Name, in.Replaces)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return iss, ours(err)
	}
	if unsettledAt(iss, in) { // since the candidate was looked for
		return iss, ours(fault.New(fault.Conflict, "an order at CA %s was finalized meanwhile, and has to be settled first", iss.CA))
	}
	if !goesOn(iss, in) {
		iss = cleared(iss)
		if iss.CA != in.CA {
			iss.NoReplaces = ""
		}
		iss.Certificate, iss.Replaces, iss.CA, iss.Names, iss.KeyType, iss.Profile = in.Name, in.Replaces, in.CA, in.Names, in.KeyType, in.profileAt(in.CA)
	}
	if in.CSR != nil {
		return a.given(ctx, in, iss)
	}
	if iss.KeyRef != "" && len(iss.CSR) > 0 {
		return iss, nil
	}
	key, err := a.key(ctx, in)
	if err != nil {
		return iss, err
	}
	if iss.KeyRef, err = a.Store.PutKey(ctx, in.Name, key); err != nil {
		return iss, ours(err)
	}
	if iss.CSR, err = request(key, in.Names, pkix.Name{}); err != nil {
		return iss, err
	}
	iss, err = a.Store.PutIssuance(ctx, iss)
	return iss, ours(err)
}

// withoutReplaces records that the CA did not take the replaces of this
// replacement, so that it is dropped once and for all.
func (a *Activities) withoutReplaces(ctx context.Context, iss cert.Issuance, why error) (cert.Issuance, error) {
	iss.NoReplaces = shorten(why.Error())
	iss, err := a.Store.PutIssuance(ctx, iss)
	return iss, ours(err)
}

// replaces is the ARI ID of the version being replaced, if this CA issued it.
func (a *Activities) replaces(ctx context.Context, ca CA, in IssueInput) string {
	ider, ok := ca.(CertIDer)
	if !ok || in.Replaces == "" {
		return ""
	}
	versions, err := a.Store.Versions(ctx, in.Name)
	if err != nil || !slices.ContainsFunc(versions, func(v cert.Version) bool { return v.Fingerprint == in.Replaces && v.CA == in.CA }) {
		return ""
	}
	pair, err := a.Store.Pair(ctx, in.Name, in.Replaces)
	if err != nil {
		return ""
	}
	id, err := ider.CertID(pair.Chain)
	if err != nil {
		return ""
	}
	return id
}
