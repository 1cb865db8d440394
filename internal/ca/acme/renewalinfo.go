package acme

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-acme/lego/v4/certificate"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// renewalInfo is the resource of RFC 9773, 4.2. Times are read apart, so that
// one which is no time is told as such.
type renewalInfo struct {
	SuggestedWindow struct{ Start, End string }
	ExplanationURL  string
}

// RenewalInfo asks when the CA would have the leaf of a chain (PEM) renewed, and
// how long it shall not be asked again; zero if it does not say. An error of
// kind Invalid is an answer that makes no sense, NotFound one about a leaf that
// the CA does not know or of a CA that suggests nothing (ErrUnsupported).
func (c *CA) RenewalInfo(ctx context.Context, chain []byte) (cert.Window, time.Duration, error) {
	id, at, err := c.renewalInfoURL(ctx, chain)
	if err != nil {
		return cert.Window{}, 0, err
	}
	if shut := c.gate.until("", time.Now()); !shut.IsZero() {
		return cert.Window{}, 0, fault.After(shut, "ca %s: the CA asked not to be called before %s", c.name, shut.UTC().Format(time.RFC3339))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return cert.Window{}, 0, fault.New(fault.Configuration, "ca %s: renewal information: %w", c.name, err)
	}
	req.Header.Set("User-Agent", userAgent)
	resp, body, err := c.send(ctx, req)
	if err != nil {
		return cert.Window{}, 0, c.fault("renewal information", err)
	}
	now := time.Now()
	again := retryAfter(resp.Header, now)
	if resp.StatusCode != http.StatusOK {
		// It says nothing about orders: the gate stays open.
		r := &refusal{status: resp.StatusCode, retryAt: again}
		if json.Unmarshal(body, &r.problem) != nil {
			r.problem.Detail = string(body)
		}
		kind := kindOfStatus(r.status)
		if kind == fault.Configuration { // malformed, to a CA that does not know the issuer
			kind = fault.NotFound
		}
		return cert.Window{}, wait(again, now), &fault.Error{Kind: kind, RetryAt: again, Err: &said{text: clean(fmt.Sprintf("ca %s: renewal information of %s: %s", c.name, id, r)), err: r}}
	}
	w, err := windowOf(body)
	if err != nil {
		return cert.Window{}, wait(again, now), fault.New(fault.Invalid, "ca %s: renewal information of %s: %s", c.name, id, clean(err.Error()))
	}
	return w, wait(again, now), nil
}

func wait(until, now time.Time) time.Duration {
	if until.IsZero() {
		return 0
	}
	return until.Sub(now)
}

// ErrUnsupported is the cause of a fault.NotFound of a CA that suggests nothing.
var ErrUnsupported = errors.New("the CA has no renewal information")

func (c *CA) renewalInfoURL(ctx context.Context, chain []byte) (id, at string, err error) {
	certs, err := cert.DecodeChain(chain)
	if err != nil {
		return "", "", fault.New(fault.Invalid, "ca %s: %w", c.name, err)
	}
	d, err := c.readDirectory(ctx)
	if err != nil {
		return "", "", err
	}
	if d.RenewalInfo == "" || len(certs[0].AuthorityKeyId) == 0 {
		return "", "", fault.New(fault.NotFound, "ca %s: %w", c.name, ErrUnsupported)
	}
	if err := secure(d.RenewalInfo); err != nil {
		return "", "", err
	}
	id, err = certificate.MakeARICertID(certs[0])
	if err != nil {
		return "", "", fault.New(fault.Invalid, "ca %s: %w", c.name, err)
	}
	return id, strings.TrimRight(d.RenewalInfo, "/") + "/" + id, nil
}

// windowOf reads the answer. What the window means is not judged here.
func windowOf(body []byte) (cert.Window, error) {
	var info renewalInfo
	if err := json.Unmarshal(body, &info); err != nil {
		return cert.Window{}, fmt.Errorf("the answer is no renewal information: %w", err)
	}
	var w cert.Window
	for _, f := range []struct {
		name, text string
		into       *time.Time
	}{{"start", info.SuggestedWindow.Start, &w.Start}, {"end", info.SuggestedWindow.End, &w.End}} {
		t, err := time.Parse(time.RFC3339, f.text)
		if err != nil {
			return cert.Window{}, fmt.Errorf("the %s of the suggested window, %q, is no time", f.name, f.text)
		}
		*f.into = t.UTC()
	}
	w.Explanation = link(info.ExplanationURL)
	return w, nil
}

// longestLink bounds the CA's URL; it becomes state of the certificate.
const longestLink = 500

// link is a URL that people may open; "" for anything else.
func link(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || len(raw) > longestLink || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || clean(raw) != raw {
		return ""
	}
	return u.String()
}
