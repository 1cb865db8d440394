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

// httpClient bounds the time of a request and follows no redirects, for a
// redirect would take the token elsewhere.
type httpClient struct{ http.Client }

func newHTTPClient(transport http.RoundTripper, timeout time.Duration) *httpClient {
	return &httpClient{http.Client{
		Timeout:       timeout,
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Do sends a request; a failure is an unreachable.
func (c *httpClient) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.Client.Do(req)
	if err != nil {
		return nil, notReached(req.URL, err)
	}
	return resp, nil
}

// notReached names the server of a URL, and of the error what is not the URL.
func notReached(to *url.URL, err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return &unreachable{server: to.Scheme + "://" + to.Host, err: err}
}
