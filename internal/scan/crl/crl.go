// Package crl asks whether a CA took a certificate back, by the lists that the
// certificate names (RFC 5280, 5). app hooks it into a scanner where somebody
// asked for it, since it fetches what strangers' certificates point to: by HTTP
// alone, without redirects, only from networks that may be asked, no further than
// a bound, each list once. What was fetched is shown to nobody.
//
// It asks no OCSP server, and gives no opinion on certificates without a list.
package crl

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan"
)

// Bounds of what is fetched.
const (
	maxList  = 16 << 20 // bytes
	maxLists = 1000     // in a run
	maxURLs  = 3        // of one certificate
	within   = 15 * time.Second
)

// Lists fetches and remembers lists for one run. It is safe for concurrent use.
type Lists struct {
	client *http.Client
	now    func() time.Time
	mu     sync.Mutex
	known  map[string]*list
}

type list struct {
	ready  chan struct{}
	parsed *x509.RevocationList
	serial map[string]int // index in the parsed one, by the serial's bytes
	err    error
}

// here is refused unless an address of it is allowed by name: a certificate must
// not be able to have this machine's own services asked.
var here = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// New makes one that connects only where the networks allow it.
func New(n scan.Networks, now func() time.Time) *Lists {
	if !slices.ContainsFunc(n.Allow, func(p netip.Prefix) bool { return slices.ContainsFunc(here, p.Overlaps) }) {
		n.Deny = slices.Concat(n.Deny, here)
	}
	dialer := &net.Dialer{Timeout: within, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return n.Refuse(to.Addr())
	}}
	return &Lists{now: now, known: map[string]*list{}, client: &http.Client{
		Timeout:       within,
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, MaxIdleConnsPerHost: 2, IdleConnTimeout: within},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Check looks up every certificate of a chain whose issuer is in it, too.
func (l *Lists) Check(ctx context.Context, chain []*x509.Certificate) (out []cert.Finding) {
	for i, c := range chain[:max(0, len(chain)-1)] {
		if len(c.CRLDistributionPoints) == 0 || c.CheckSignatureFrom(chain[i+1]) != nil {
			continue
		}
		if f, ok := l.one(ctx, c, chain[i+1], i); ok {
			out = append(out, f)
		}
	}
	return out
}

// one asks the lists of a certificate in turn until one answers.
func (l *Lists) one(ctx context.Context, c, issuer *x509.Certificate, i int) (cert.Finding, bool) {
	what := "it"
	if i > 0 {
		what = fmt.Sprintf("certificate %d of the chain", i+1)
	}
	var failed error
	for _, u := range c.CRLDistributionPoints[:min(len(c.CRLDistributionPoints), maxURLs)] {
		got := l.get(ctx, u)
		if failed = got.trusted(issuer, l.now()); failed != nil {
			continue
		}
		at, revoked := got.serial[string(c.SerialNumber.Bytes())]
		if !revoked {
			return cert.Finding{}, false
		}
		e := got.parsed.RevokedCertificateEntries[at]
		return cert.Find(cert.Revoked, fmt.Sprintf("the CA revoked %s at %s%s", what, e.RevocationTime.UTC().Format(time.RFC3339), reasons[e.ReasonCode])), true
	}
	return cert.Find(cert.RevocationUnknown, fmt.Sprintf("whether %s was revoked is not known: %s", what, scan.Clean(failed.Error()))), true
}

// reasons are those of RFC 5280, 5.3.1.
var reasons = map[int]string{
	1: " (the key was compromised)", 2: " (the CA was compromised)", 3: " (the affiliation changed)", 4: " (it was superseded)",
	5: " (it is no longer used)", 6: " (it is on hold)", 9: " (a privilege was withdrawn)",
}

// get fetches a list, or waits for who does.
func (l *Lists) get(ctx context.Context, from string) *list {
	l.mu.Lock()
	got, asked := l.known[from]
	if !asked {
		got = &list{ready: make(chan struct{})}
		if len(l.known) >= maxLists {
			got.err = fmt.Errorf("more than %d lists in one run", maxLists)
			close(got.ready)
			l.mu.Unlock()
			return got
		}
		l.known[from] = got
	}
	l.mu.Unlock()
	if !asked {
		got.err = l.fetch(ctx, from, got)
		close(got.ready)
	}
	select {
	case <-got.ready:
		return got
	case <-ctx.Done():
		return &list{err: ctx.Err()}
	}
}

func (l *Lists) fetch(ctx context.Context, from string, into *list) error {
	u, err := url.Parse(from)
	if err != nil || u.Scheme != "http" || u.Host == "" || u.User != nil {
		return errors.New("its list is not at an address that begins with http://")
	}
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	answer, err := l.client.Do(ask)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err
		}
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the server of its list answered with status %d", answer.StatusCode)
	}
	der, err := io.ReadAll(io.LimitReader(answer.Body, maxList+1))
	switch {
	case err != nil:
		return err
	case len(der) > maxList:
		return fmt.Errorf("its list is longer than %d MB", maxList>>20)
	}
	if into.parsed, err = x509.ParseRevocationList(der); err != nil {
		return fmt.Errorf("its list cannot be read: %s", strings.TrimPrefix(err.Error(), "x509: "))
	}
	into.serial = make(map[string]int, len(into.parsed.RevokedCertificateEntries))
	for i, e := range into.parsed.RevokedCertificateEntries {
		into.serial[string(e.SerialNumber.Bytes())] = i
	}
	return nil
}

// trusted says why a list says nothing about the certificates of an issuer.
func (l *list) trusted(issuer *x509.Certificate, now time.Time) error {
	switch {
	case l.err != nil:
		return l.err
	case l.parsed.CheckSignatureFrom(issuer) != nil:
		return errors.New("its list is not signed by its issuer")
	case !l.parsed.NextUpdate.IsZero() && now.After(l.parsed.NextUpdate):
		return fmt.Errorf("its list is out of date since %s", l.parsed.NextUpdate.UTC().Format(time.RFC3339))
	}
	return nil
}
