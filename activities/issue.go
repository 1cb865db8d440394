package activities

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"slices"

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
	Discard  bool             `json:"discard,omitempty"` // never use a candidate issued so far
	OrderURL string           `json:"orderURL,omitempty"`
}

// Candidate looks for a version already issued for this replacement that is
// unharmed and fresh: then nothing is ordered. The empty version means none.
func (a *Activities) Candidate(ctx context.Context, in IssueInput) (cert.Version, error) {
	v, err := a.candidate(ctx, in)
	return v, toTemporal(err, a.Now())
}

func (a *Activities) candidate(ctx context.Context, in IssueInput) (cert.Version, error) {
	iss, err := a.Store.Issuance(ctx, in.Name, in.Replaces)
	if fault.Is(err, fault.NotFound) {
		return cert.Version{}, nil
	}
	if err != nil || iss.Candidate == "" {
		return cert.Version{}, err
	}
	usable := !in.Discard && !slices.Contains(iss.Rejected, iss.Candidate)
	pair, err := a.Store.Pair(ctx, in.Name, iss.Candidate)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return cert.Version{}, err
	}
	if usable && err == nil && pair.Check(in.Names, a.Now()) == nil {
		v, err := pair.Version()
		v.CA = iss.CA
		if err == nil && v.NotAfter.Sub(a.Now()) > v.Lifetime()/3 {
			return v, nil
		}
	}
	iss.Rejected = append(iss.Rejected, iss.Candidate)
	_, err = a.Store.PutIssuance(ctx, cleared(iss))
	return cert.Version{}, err
}

// cleared forgets the order, its key and its candidate, so that the next order is a new one.
func cleared(iss cert.Issuance) cert.Issuance {
	iss.Candidate, iss.OrderURL, iss.KeyRef, iss.CSR = "", "", "", nil
	return iss
}

// Order makes key and CSR durable, opens an order or finds the one that an
// earlier try opened, and records its URL.
func (a *Activities) Order(ctx context.Context, in IssueInput) (url string, err error) {
	_, stop := beat(ctx)
	defer stop()
	url, err = a.order(ctx, in)
	return url, toTemporal(err, a.Now())
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
	want := cert.Order{Names: in.Names, Profile: in.Profile, Replaces: a.replaces(ctx, ca, in)}
	if iss.OrderURL != "" {
		want.URL = iss.OrderURL
		url, err := ca.Order(ctx, want)
		if !fault.Is(err, fault.NotFound) {
			return url, err
		}
		want.URL, iss.OrderURL = "", ""
	}
	iss.OrderURL, err = ca.Order(ctx, want)
	if err != nil {
		return "", err
	}
	iss.OrderedAt = a.Now()
	_, err = a.Store.PutIssuance(ctx, iss)
	return iss.OrderURL, err
}

// prepared gives the issuance record with its key and CSR durable.
func (a *Activities) prepared(ctx context.Context, in IssueInput) (cert.Issuance, error) {
	iss, err := a.Store.Issuance(ctx, in.Name, in.Replaces)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return iss, err
	}
	same := iss.CA == in.CA && iss.KeyType == in.KeyType && iss.Profile == in.Profile && slices.Equal(iss.Names, in.Names)
	if !same {
		iss = cleared(iss)
		iss.Certificate, iss.Replaces, iss.CA, iss.Names, iss.KeyType, iss.Profile = in.Name, in.Replaces, in.CA, in.Names, in.KeyType, in.Profile
	}
	if iss.KeyRef != "" && len(iss.CSR) > 0 {
		return iss, nil
	}
	key, err := a.key(ctx, in)
	if err != nil {
		return iss, err
	}
	if iss.KeyRef, err = a.Store.PutKey(ctx, in.Name, key); err != nil {
		return iss, err
	}
	if iss.CSR, err = request(key, in.Names); err != nil {
		return iss, err
	}
	return a.Store.PutIssuance(ctx, iss)
}

// key is a new one, unless the spec says to keep the key of the version being replaced.
func (a *Activities) key(ctx context.Context, in IssueInput) ([]byte, error) {
	if in.ReuseKey && in.Replaces != "" {
		pair, err := a.Store.Pair(ctx, in.Name, in.Replaces)
		if err == nil || !fault.Is(err, fault.NotFound) {
			return pair.Key, err
		}
	}
	key, err := cert.GenerateKey(in.KeyType)
	if err != nil {
		return nil, fault.New(fault.Configuration, "%w", err)
	}
	return cert.EncodeKey(key)
}

func request(keyPEM []byte, names []string) ([]byte, error) {
	key, err := cert.DecodeKey(keyPEM)
	if err != nil {
		return nil, err
	}
	tmpl := &x509.CertificateRequest{Subject: pkix.Name{}}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, n)
		}
	}
	return x509.CreateCertificateRequest(rand.Reader, tmpl, key)
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

// Authorize answers the order's challenges and waits for the CA's word.
func (a *Activities) Authorize(ctx context.Context, in IssueInput) error {
	progress, stop := beat(ctx)
	defer stop()
	ca, err := a.ca(in.CA)
	if err == nil {
		err = ca.Authorize(ctx, in.OrderURL, progress)
	}
	return toTemporal(err, a.Now())
}

// Finalize obtains the certificate, checks it against the key and stores it as
// the candidate. Done again after a crash it fetches the same one.
func (a *Activities) Finalize(ctx context.Context, in IssueInput) (cert.Version, error) {
	progress, stop := beat(ctx)
	defer stop()
	v, err := a.finalize(ctx, in, progress)
	return v, toTemporal(err, a.Now())
}

func (a *Activities) finalize(ctx context.Context, in IssueInput, progress func(string)) (cert.Version, error) {
	ca, err := a.ca(in.CA)
	if err != nil {
		return cert.Version{}, err
	}
	iss, err := a.Store.Issuance(ctx, in.Name, in.Replaces)
	if err != nil {
		return cert.Version{}, err
	}
	key, err := a.Store.Key(ctx, in.Name, iss.KeyRef)
	if err != nil {
		return cert.Version{}, err
	}
	chain, err := ca.Finalize(ctx, iss.OrderURL, iss.CSR, progress)
	if err != nil {
		return cert.Version{}, err
	}
	pair := cert.Pair{Chain: chain, Key: key}
	if err := pair.Check(in.Names, a.Now()); err != nil {
		_, put := a.Store.PutIssuance(ctx, cleared(iss))
		return cert.Version{}, fault.New(fault.Validation, "the CA %s issued what cannot be used: %w", in.CA, errors.Join(err, put))
	}
	v, err := a.Store.PutVersion(ctx, in.Name, in.CA, pair)
	if err != nil {
		return cert.Version{}, err
	}
	iss.Candidate = v.Fingerprint
	_, err = a.Store.PutIssuance(ctx, iss)
	return v, err
}
