package notify

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/outgoing"
)

// Reaching says how a server is reached by HTTP.
type Reaching struct {
	RootFile string        `mapstructure:"root_file"` // PEM of roots to trust beside the system's
	Timeout  time.Duration `mapstructure:"timeout"`   // of one request; default 10s
}

func (r Reaching) validate() error {
	if r.Timeout < 0 {
		return fmt.Errorf("timeout %v is negative", r.Timeout)
	}
	return nil
}

// caller sends requests to one vendor's server and tells what came of them.
type caller struct {
	kind   string
	client *httpClient

	mu      sync.Mutex
	secrets []string // struck out of whatever a server says
}

// hide keeps a secret out of errors.
func (c *caller) hide(secret string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.secrets, secret) {
		c.secrets = append(c.secrets, secret)
	}
}

func newCaller(kind string, r Reaching, secrets ...string) (*caller, error) {
	roots, err := outgoing.Also(r.RootFile)
	if err != nil {
		return nil, fmt.Errorf("root_file: %w", err)
	}
	if r.Timeout == 0 {
		r.Timeout = 10 * time.Second
	}
	return &caller{kind: kind, client: newHTTPClient(outgoing.Transport(roots), r.Timeout), secrets: secrets}, nil
}

// maxReply bounds what is read of an answer.
const maxReply = 64 << 10

// reply is what a server answered.
type reply struct {
	server string // scheme and host
	status int
	header http.Header
	body   []byte
}

func (r reply) ok() bool { return r.status >= 200 && r.status < 300 }

// call sends a request; an answer of whatever status is no error.
func (c *caller) call(req *http.Request) (reply, error) {
	resp, err := c.client.Do(req)
	if err != nil {
		var unknown x509.UnknownAuthorityError
		if errors.As(err, &unknown) {
			return reply{}, fault.New(fault.Configuration, "%s: %w; name the root of its certificate in root_file", c.kind, err)
		}
		if errors.Is(err, outgoing.ErrLinkLocal) {
			return reply{}, fault.New(fault.Configuration, "%s: %w", c.kind, err)
		}
		return reply{}, fault.New(fault.Transient, "%s: %w", c.kind, err)
	}
	defer resp.Body.Close()
	out := reply{server: req.URL.Scheme + "://" + req.URL.Host, status: resp.StatusCode, header: resp.Header}
	if out.body, err = io.ReadAll(io.LimitReader(resp.Body, maxReply)); err != nil {
		return reply{}, fault.New(fault.Transient, "%s: the answer of %s broke off: %w", c.kind, out.server, err)
	}
	return out, nil
}

// refusal is what an answer that is no success means. said is what the vendor
// explained, hint what helps.
func (c *caller) refusal(r reply, said, hint string) error {
	text := fmt.Sprintf("%s: %s answered %d %s", c.kind, r.server, r.status, http.StatusText(r.status))
	if said = c.redact(said); said != "" {
		text += ": " + said
	}
	now := time.Now()
	switch {
	case r.status == http.StatusTooManyRequests || r.status >= 500 && r.header.Get("Retry-After") != "":
		return fault.After(now.Add(retryAfter(r.header, now)), "%s", text)
	case r.status >= 500, r.status == http.StatusRequestTimeout, r.status == http.StatusTooEarly:
		return fault.New(fault.Transient, "%s", text)
	case r.status >= 300 && r.status < 400:
		return fault.New(fault.Configuration, "%s; redirects are not followed, write the address where it leads", text)
	}
	if hint != "" {
		text += "; " + hint
	}
	return fault.New(fault.Configuration, "%s", text)
}

// redact makes words of a server safe to show: cleaned, and without our secrets.
func (c *caller) redact(said string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.secrets {
		if s != "" {
			said = strings.ReplaceAll(said, s, "(hidden)")
		}
	}
	return alert.Clean(strings.TrimSpace(said))
}

// retryAfter is what a server asks to wait for, a second at least; half a minute if
// that makes no sense.
func retryAfter(h http.Header, now time.Time) time.Duration {
	if wait, asked := outgoing.RetryAfter(h.Get("Retry-After"), now); asked {
		return max(wait, time.Second)
	}
	return 30 * time.Second
}

// post makes a request with a body.
func post(ctx context.Context, method, url, contentType string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(string(body)))
	if err != nil {
		return nil, fault.New(fault.Configuration, "the address is not a URL") // which may hold a secret
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "neverlapse")
	return req, nil
}
