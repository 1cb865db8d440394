// Package digicert is the source of that kind: what was bought from DigiCert, by
// the Services API of CertCentral (https://dev.digicert.com/en/certcentral-apis/services-api.html).
// app builds it from the options.
//
// It lists orders and downloads the certificate of each. It orders, renews and
// revokes nothing; duplicates of an order and what it was before a reissue are
// not looked at.
package digicert

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/source/api"
	"github.com/neverlapse/neverlapse/internal/scan/source/chains"
)

// Kind is the name of the kind in configurations.
const Kind = "digicert"

// Source is an account of CertCentral.
type Source struct {
	name    string
	options Options
	judge   *scan.Scanner
	api     *api.API
	perPage int
}

// New makes a source of the kind digicert. It reads the key and dials nobody.
func New(name string, o Options, judge *scan.Scanner) (*Source, error) {
	err := o.Validate()
	if err == nil {
		_, err = o.key()
	}
	if err != nil {
		return nil, fault.New(fault.Configuration, "source %q: %w", name, err)
	}
	return &Source{name: name, options: o, judge: judge, api: api.New("DigiCert", o.address(), o.timeout(), maxAnswer), perPage: 100}, nil
}

// token says where a run goes on.
type token struct {
	Offset int `json:"offset"`
}

// order is what the list says of one ("List orders").
type order struct {
	ID          int    `json:"id"`
	Status      string `json:"status"`
	Certificate struct {
		ID         int    `json:"id"`
		CommonName string `json:"common_name"`
		ValidTill  string `json:"valid_till"` // yyyy-MM-dd; empty: not issued
	} `json:"certificate"`
	Organization struct {
		Name string `json:"name"`
	} `json:"organization"`
	Container struct { // a division
		Name string `json:"name"`
	} `json:"container"`
}

type orders struct {
	Orders []order `json:"orders"`
	Page   struct {
		Total int `json:"total"`
	} `json:"page"`
}

// Look looks at up to a hundred orders.
func (s *Source) Look(ctx context.Context, page []byte, progress func(string)) (source.Page, error) {
	out, err := s.look(ctx, page, progress)
	if err != nil {
		return source.Page{}, fmt.Errorf("source %q: %w", s.name, err)
	}
	return out, nil
}

func (s *Source) look(ctx context.Context, page []byte, progress func(string)) (out source.Page, err error) {
	var t token
	if page != nil {
		if err := json.Unmarshal(page, &t); err != nil || t.Offset < 0 {
			return out, fault.New(fault.Invalid, "the page %.80q means nothing any more; begin anew", page)
		}
	}
	var listed orders
	if err := s.get(ctx, "list orders", fmt.Sprintf("order/certificate?limit=%d&offset=%d", s.perPage, t.Offset), &listed); err != nil {
		return out, err
	}
	out.About = fmt.Sprintf("orders from %d on, of %d", t.Offset+1, listed.Page.Total)
	for i, o := range listed.Orders {
		progress(fmt.Sprintf("order %d of %d", t.Offset+i+1, listed.Page.Total))
		seen, err := s.sightings(ctx, o)
		if err != nil {
			return out, err
		}
		out.Sightings = append(out.Sightings, seen...)
	}
	t.Offset += len(listed.Orders)
	if len(listed.Orders) > 0 && t.Offset < listed.Page.Total {
		out.Next, err = json.Marshal(t)
	}
	return out, err
}

// The states of an order in which it has a certificate that may be in use
// (Glossary, "Order status").
const (
	issued         = "issued"
	reissuePending = "reissue_pending"
	revoked        = "revoked"
)

// sightings are none where an order has no certificate, or one that has ended.
func (s *Source) sightings(ctx context.Context, o order) ([]source.Sighting, error) {
	switch o.Status {
	case issued, reissuePending, revoked:
	default:
		return nil, nil
	}
	at := source.Sighting{
		Place: fmt.Sprintf("ca:%s/%d", s.name, o.ID), Host: scan.Clean(o.Organization.Name), Team: scan.Clean(o.Container.Name),
	}
	pem, err := s.download(ctx, o.Certificate.ID)
	switch {
	case fault.Is(err, fault.NotFound) && o.Status == revoked: // what was taken back may be gone
		return nil, nil
	case fault.Is(err, fault.NotFound):
		return []source.Sighting{chains.Troubled(at, err.Error())}, nil
	case err != nil:
		return nil, err
	}
	certs, err := chains.Public(pem)
	if err != nil || len(certs) == 0 {
		return []source.Sighting{chains.Troubled(at, fmt.Sprintf("what was downloaded is no certificate: %v", err))}, nil
	}
	out := certs.Sightings(s.judge, at)[:1]
	if o.Status == revoked {
		out[0].Findings = append(out[0].Findings, cert.Find(cert.Revoked, "DigiCert says that it was revoked"))
	}
	return out, nil
}
