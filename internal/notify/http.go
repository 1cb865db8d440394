package notify

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// unreachable is a request that got no answer. It names the server by scheme
// and host only: the rest of a URL may hold secrets.
type unreachable struct {
	server string
	err    error
}

func (e *unreachable) Error() string { return fmt.Sprintf("%s cannot be reached: %v", e.server, e.err) }
func (e *unreachable) Unwrap() error { return e.err }

// httpClient honours the environment's proxies, bounds the time of a request
// and follows no redirects, for a redirect would take the token elsewhere.
type httpClient struct{ http.Client }

func newHTTPClient(timeout time.Duration) *httpClient {
	return &httpClient{http.Client{
		Timeout:       timeout,
		Transport:     http.DefaultTransport.(*http.Transport).Clone(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Do sends a request; a failure is an unreachable.
func (c *httpClient) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.Client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, &unreachable{server: req.URL.Scheme + "://" + req.URL.Host, err: err}
	}
	return resp, nil
}
