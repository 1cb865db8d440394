package notify

import (
	"fmt"
	"net/http"
	"time"
)

// slackBusy is an answer of a server that says when it will be back. slack-go
// keeps Retry-After of 429 only.
type slackBusy struct {
	status int
	until  time.Time
}

func (e *slackBusy) Error() string {
	return fmt.Sprintf("slack server error: %d %s", e.status, http.StatusText(e.status))
}

// slackHTTP is the client that slack-go is given.
type slackHTTP struct{ *httpClient }

// Do sends a request.
func (c slackHTTP) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.httpClient.Do(req)
	if err != nil || resp.StatusCode < 500 || resp.Header.Get("Retry-After") == "" {
		return resp, err
	}
	_ = resp.Body.Close() // nothing of it is read
	now := time.Now()
	return nil, &slackBusy{resp.StatusCode, now.Add(retryAfter(resp.Header, now))}
}
