package acme

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	legoacme "github.com/go-acme/lego/v4/acme"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// directory remembers the CA's directory (RFC 8555, 7.1.1) until a request fails.
type directory struct {
	mu     sync.Mutex
	body   []byte
	parsed legoacme.Directory

	// date is the CA's clock (its Date header) at asked of ours; zero: it did not say.
	date, asked time.Time
}

func (d *directory) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.body = nil
}

func (d *directory) get() ([]byte, legoacme.Directory, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.body, d.parsed, d.body != nil
}

func (d *directory) told(date, asked time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.date, d.asked = date, asked
}

func (d *directory) clock() (date, asked time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.date, d.asked
}

func (d *directory) set(body []byte, parsed legoacme.Directory) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.body, d.parsed = body, parsed
}

func (c *CA) directoryBody(ctx context.Context) ([]byte, error) {
	if body, _, ok := c.directory.get(); ok {
		return body, nil
	}
	return share(ctx, c, "directory", func(ctx context.Context) ([]byte, error) {
		if body, _, ok := c.directory.get(); ok {
			return body, nil
		}
		body, parsed, err := c.fetchDirectory(ctx)
		if err != nil {
			return nil, err
		}
		c.directory.set(body, parsed)
		return body, nil
	})
}

// readDirectory gives the directory, fetched if need be.
func (c *CA) readDirectory(ctx context.Context) (legoacme.Directory, error) {
	body, err := c.directoryBody(ctx)
	if err != nil {
		return legoacme.Directory{}, c.fault("directory", err)
	}
	return parseDirectory(body)
}

func (c *CA) fetchDirectory(ctx context.Context) ([]byte, legoacme.Directory, error) {
	where := c.options.directoryURL()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, legoacme.Directory{}, err
	}
	req.Header.Set("User-Agent", userAgent)
	begun := time.Now()
	resp, err := c.exchange(ctx, req, "")
	if err != nil {
		return nil, legoacme.Directory{}, &url.Error{Op: http.MethodGet, URL: where, Err: err}
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		c.directory.told(date.UTC(), begun.Add(time.Since(begun)/2).UTC())
	}
	body, err := readAll(resp)
	if err != nil {
		return nil, legoacme.Directory{}, err
	}
	parsed, err := parseDirectory(body)
	return body, parsed, err
}

func parseDirectory(body []byte) (legoacme.Directory, error) {
	var d legoacme.Directory
	if err := json.Unmarshal(body, &d); err != nil {
		return d, ownTrouble("this is no ACME directory: %w", err)
	}
	for field, u := range map[string]string{"newNonce": d.NewNonceURL, "newAccount": d.NewAccountURL, "newOrder": d.NewOrderURL} {
		if err := secure(u); err != nil {
			return d, ownTrouble("the ACME directory's %s: %w", field, err)
		}
	}
	return d, nil
}

// secure refuses what is no https URL (RFC 8555, 6.1).
func secure(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return ownTrouble("the CA gave %q where an https URL belongs", raw)
	}
	return nil
}

func sameHost(a, b string) bool {
	x, errX := url.Parse(a)
	y, errY := url.Parse(b)
	return errX == nil && errY == nil && x.Host == y.Host
}

// profile picks the profile of a new order: the wanted one, else the preferred
// one where the CA has it, else its usual one. A CA that has profiles is always sent one: what it does without is its
// own choice, and may differ from order to order.
func (c *CA) profile(wanted string, d legoacme.Directory) (string, error) {
	if wanted == "" {
		wanted = c.options.Profile
	}
	known := slices.Sorted(maps.Keys(d.Meta.Profiles))
	switch {
	case slices.Contains(known, wanted):
		return wanted, nil
	case wanted != "" && len(known) == 0:
		c.directory.forget()
		return "", ownTrouble("ca %s: profile %q: this CA has no profiles; remove it", c.name, wanted)
	case wanted != "":
		c.directory.forget()
		return "", ownTrouble("ca %s: profile %q is not known; use one of %s", c.name, wanted, clean(strings.Join(known, ", ")))
	case len(known) == 0:
		return "", nil
	}
	for _, usual := range []string{c.options.PreferredProfile, "classic", "default"} {
		if slices.Contains(known, usual) {
			return usual, nil
		}
	}
	return known[0], nil
}

// share runs f once for all who ask for the same at the same time. f is not
// stopped when the one who started it gives up.
func share[T any](ctx context.Context, c *CA, what string, f func(context.Context) (T, error)) (T, error) {
	var none T
	flight := c.flights.DoChan(what, func() (any, error) {
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*c.timeout+time.Minute)
		defer cancel()
		v, err := f(own)
		if own.Err() != nil {
			err = &fault.Error{Kind: fault.Unavailable, Elsewhere: true, Err: fmt.Errorf("%s: the CA is too slow", what)}
		}
		return v, err
	})
	select {
	case <-ctx.Done():
		return none, ctx.Err()
	case done := <-flight:
		if done.Err != nil {
			return none, done.Err
		}
		v, ok := done.Val.(T)
		if !ok {
			return none, fmt.Errorf("%s: got a %T", what, done.Val)
		}
		return v, nil
	}
}
