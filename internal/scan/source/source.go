// Package source says what a source of the inventory is: something that knows
// places where certificates are, and can be asked about all of them page by page
// (endpoints, files, the Secrets of a cluster, what a cloud or a CA keeps, a list).
// Each kind implements Source; package app makes one of each section of the
// configuration, an activity asks it as its schedule says, and package estate
// compares what it saw with what was seen before and with what is enrolled.
//
// A source only reads. It keeps nothing, tells nobody, does not know what was seen
// the last time, and never gives away a key. It says of every place that it knows
// what is there now, each time; that nothing changed is found out by its caller.
// One that is told only what came since (a log) says where the next run may begin
// (Page.Resume), and its caller knows the rest.
//
// A run begins with a nil page and goes on with Page.Next until that is nil. A
// process may die between two pages: then another one, with another Source of
// the same configuration, is asked for the same page once more. So a page token
// says all there is to know (a continue token, an offset, the last key), and
// pages come in the same order each time as far as the source has one.
//
// What goes wrong with one place is in its Sighting (Trouble, and a finding where
// one fits). What goes wrong with a part of the source (one region, one namespace,
// one host) is in Page.Failed, and the others go on. Only what makes the whole
// page impossible is an error, with its kind of package fault: Transient and
// Unavailable are tried again, with the date that was asked for; Configuration
// and Invalid (a refused credential, a page token that has no meaning any more)
// end the run. Texts of strangers are cleaned by scan.Clean.
package source

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Source knows places.
type Source interface {
	// Look looks at one page of the places. It is safe to call it again, and from
	// two processes at a time. It returns within the context, and within ten
	// minutes: a page is a few hundred places, MostSightings at most. progress may
	// be called as often as it likes, with what is being done, for people who wait.
	Look(ctx context.Context, page []byte, progress func(string)) (Page, error)
}

// Bounds that a Page keeps.
const (
	MostSightings = 1000
	MostFailed    = 20
	MaxNext       = 4 << 10 // bytes; of Resume as well
	MaxPlace      = 1 << 10 // bytes
)

// Page is what was seen at some of the places.
type Page struct {
	Sightings []Sighting
	// Next is the token of the page after this one; nil after the last.
	Next []byte
	// Resume is the token with which the next run may begin in place of nil, to be
	// told only what came since. It is on the last page, if anywhere. A source that
	// cannot make use of it any more begins anew by itself.
	Resume []byte
	// Since: the run began with a Resume. What it does not show is as it was, but for
	// certificates that were issued and have ended.
	Since bool
	// Failed are parts of which nothing is known this time. What was seen in them
	// before does not count as gone, and the run does not count as complete.
	Failed []Failure
	// About says where the run is, for people: "namespace shop, 12 of 40". Optional.
	About string
}

// Bound leaves out what is above MostSightings, and says so of the places that
// begin as given.
func (p *Page) Bound(places string) {
	n := len(p.Sightings) - MostSightings
	if n <= 0 {
		return
	}
	p.Sightings = p.Sightings[:MostSightings]
	p.Failed = append(p.Failed[:min(len(p.Failed), MostFailed-1)], Failure{
		Places: places, Why: fmt.Sprintf("%d certificates more than the %d that are kept of one page; divide this source into several, or leave keystores of CAs out of it", n, MostSightings),
	})
}

// Failure is a part that could not be looked at.
type Failure struct {
	// Places begins the Place of everything in the part: "secret:prod/shop/".
	Places string `json:"places"`
	Why    string `json:"why"` // in words, with what mends it
}

// Sighting is what one place shows now. Either there is a certificate, readable or
// not, or Trouble says why nothing is known.
type Sighting struct {
	// Place names the place, the same each time, and no other: the kind, a colon, and
	// the rest from the large to the small.
	//
	//	endpoint:www.shop.test:443#shop.test    as cert.Endpoint.String writes it
	//	endpoint:www.shop.test:443@10.0.0.7     one address of several behind a name
	//	file:web1:/etc/ssl/shop.pem             host, path; "!alias" of a keystore's entry behind it
	//	secret:prod/shop/web-tls                cluster, namespace, name; "!key" unless tls.crt
	//	acm:ap-northeast-2/arn:aws:acm:...      region, ARN
	//	ca:digicert/0a1b2c                      name of the source, serial or order
	//	list:platform/www.shop.test             name of the source, what the list calls it
	//	ct:watch/shop.test/8741020538           name of the source, domain, number of the issuance
	Place string `json:"place"`
	// Host is what people would ask for to find it: a DNS name or an address, the
	// name of a machine, a cluster, an account. Empty: nowhere in particular.
	Host string `json:"host,omitempty"`
	// Endpoint is where the place serves it by TLS, if it does: an enrolled
	// certificate with that endpoint is told what was seen there.
	Endpoint cert.Endpoint `json:"endpoint,omitzero"`

	// Issued: the place says that the certificate was issued, and not that it is in use
	// there, so that a later one elsewhere is no drift. It is known by its serial, since
	// what was logged before it was signed has another fingerprint.
	Issued bool `json:"issued,omitempty"`

	// Version is what is there. Fingerprint is empty only if the certificate itself
	// cannot be had (a CA that lists serials); Serial and NotAfter then are not. Of one
	// that cannot be parsed it is what scan.OutlineOf says, with the finding
	// certificate-unreadable.
	Version cert.Version `json:"version,omitzero"`
	// Findings are what is wrong with it there, as scan.Scanner.Judge finds; ends that
	// are near are left out, since the caller knows them from the version.
	Findings []cert.Finding `json:"findings,omitempty"`
	// Trouble is why nothing is known of the place this time. Empty: Version counts.
	// What was there the last time then is taken to be there still.
	Trouble string `json:"trouble,omitempty"`
	// At is when it was looked at; the time of the page if zero.
	At time.Time `json:"at,omitzero"`

	// RenewedBy is who is said to renew it there ("cert-manager", "AWS"); empty: nobody
	// said. It is shown, and keeps nobody from being told of its end.
	RenewedBy string `json:"renewedBy,omitempty"`
	// Owner and Team are who is said to own it (a label, a tag, a column), as it is
	// written there: a hint for people, not checked against the directory.
	Owner string `json:"owner,omitempty"`
	Team  string `json:"team,omitempty"`
	// Environment is that of a label or tag, like "dev"; a hint likewise.
	Environment string `json:"environment,omitempty"`
}

// Seen reports whether there is a certificate, readable or not.
func (s Sighting) Seen() bool { return s.Trouble == "" }

// Validate tells how a page breaks the contract; a page that does is not recorded.
func (p Page) Validate() error {
	switch {
	case len(p.Sightings) > MostSightings:
		return fmt.Errorf("a page of %d places; %d is the most", len(p.Sightings), MostSightings)
	case len(p.Failed) > MostFailed:
		return fmt.Errorf("a page with %d failed parts; %d is the most", len(p.Failed), MostFailed)
	case max(len(p.Next), len(p.Resume)) > MaxNext:
		return fmt.Errorf("a page token of %d bytes; %d is the most", max(len(p.Next), len(p.Resume)), MaxNext)
	case p.Next != nil && p.Resume != nil:
		return fmt.Errorf("it is not the last page, and says where the next run begins")
	}
	for _, s := range p.Sightings {
		if err := s.Validate(); err != nil {
			return fmt.Errorf("place %.80q: %w", s.Place, err)
		}
	}
	for _, f := range p.Failed {
		if f.Places == "" || f.Why == "" {
			return fmt.Errorf("a failed part without its places or its reason: %q", f)
		}
	}
	return nil
}

// Validate tells how a sighting breaks the contract.
func (s Sighting) Validate() error {
	kind, rest, ok := strings.Cut(s.Place, ":")
	switch {
	case !ok || kind == "" || rest == "":
		return fmt.Errorf("it is not written as KIND:WHERE")
	case len(s.Place) > MaxPlace:
		return fmt.Errorf("its name has %d bytes; %d is the most", len(s.Place), MaxPlace)
	case strings.ContainsFunc(s.Place, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }):
		return fmt.Errorf("its name has characters that cannot be printed")
	case s.Issued && s.Version.Fingerprint != "":
		return fmt.Errorf("it was only issued, and has the fingerprint of what is in use")
	case s.Trouble != "" && s.Version.Fingerprint != "":
		return fmt.Errorf("it has both a version and trouble")
	case s.Trouble == "" && s.Version.Fingerprint == "" && (s.Version.Serial == "" || s.Version.NotAfter.IsZero()):
		return fmt.Errorf("it has neither a fingerprint, nor a serial with an end, nor trouble")
	}
	return nil
}
