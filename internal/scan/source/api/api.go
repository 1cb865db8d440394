// Package api asks the HTTP APIs in which sources look: each request once, bounded
// in time and bytes, and led nowhere else. Sources digicert and ct call it; what an
// API means by its statuses, and which words help, is theirs.
package api

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/outgoing"
)

// maxTimeout bounds what may be configured for one request.
const maxTimeout = 2 * time.Minute

// API is one of them.
type API struct {
	Called  string        // what people call it
	Address string        // its URL
	Timeout time.Duration // of each request
	Most    int64         // bytes of an answer

	client *http.Client
}

// New makes one. It dials nobody.
func New(called, address string, timeout time.Duration, most int64) *API {
	return &API{called, strings.TrimSuffix(address, "/"), timeout, most, &http.Client{
		Transport: outgoing.Transport(nil),
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // credentials are for the address that was configured
		},
	}}
}

// Answer is what an API said.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Get asks for what is at a path below the address. It is an error, with its kind,
// if no whole answer came.
func (a *API) Get(ctx context.Context, doing, path string, header http.Header) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.Address+"/"+path, nil)
	if err != nil {
		return Answer{}, err
	}
	req.Header = header.Clone()
	req.Header.Set("User-Agent", "neverlapse")
	resp, err := a.client.Do(req)
	if err != nil {
		return Answer{}, a.unreached(err, doing)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, a.Most+1))
	switch {
	case err != nil:
		return Answer{}, a.unreached(err, doing)
	case int64(len(body)) > a.Most:
		return Answer{}, fault.New(fault.Configuration, "cannot %s: the answer has more than %d MiB, so it is not that of %s; correct address", doing, a.Most>>20, a.Called)
	}
	return Answer{resp.StatusCode, resp.Header, body}, nil
}

// Later is when the API wants to be asked again; after the usual time if it does
// not say.
func (a Answer) Later(usual time.Duration) time.Time {
	now := time.Now()
	wait, _ := outgoing.RetryAfter(a.Header.Get("Retry-After"), now)
	return now.Add(cmp.Or(wait, usual))
}

// unreached gives an error that the API did not send its kind.
func (a *API) unreached(err error, doing string) error {
	if asked, ok := errors.AsType[*url.Error](err); ok {
		err = asked.Err
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fault.New(fault.Configuration, "cannot %s: what answers is not the API that is trusted here: %w; correct address", doing, err)
	}
	return fault.New(fault.Unavailable, "cannot %s: %s cannot be reached: %w", doing, a.Called, err)
}

// ValidAddress tells what is wrong with a configured address; open is what follows
// from one that is not reached by https.
func ValidAddress(address, usual, open string) error {
	u, err := url.Parse(cmp.Or(address, usual))
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "":
		return fmt.Errorf("address: %q is not the URL of an API, such as %s", address, usual)
	case u.Scheme == "https":
		return nil
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("address: %q is not reached by https, %s", address, open)
	}
	return nil
}

// ValidTimeout tells what is wrong with a configured timeout.
func ValidTimeout(timeout time.Duration) error {
	if timeout < 0 || timeout > maxTimeout {
		return fmt.Errorf("timeout: %s is not between 0 and %s", timeout, maxTimeout)
	}
	return nil
}
