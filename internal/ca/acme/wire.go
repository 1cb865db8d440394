package acme

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	legoacme "github.com/go-acme/lego/v4/acme"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// maxBody bounds an answer; the longest real ones are chains of some 10 KB.
const maxBody = 1 << 20

// wire is the http.RoundTripper of one session.
type wire struct {
	ca  *CA
	ctx context.Context // lego v4 passes none
	// names is the key of the set being ordered; empty for other requests.
	names string
	// retryAfter is what the latest good answer asked for; zero if nothing.
	retryAfter time.Time
}

// RoundTrip answers the directory and nonces from memory where it can.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	switch {
	case req.Method == http.MethodGet && req.URL.String() == w.ca.options.directoryURL():
		body, err := w.ca.directoryBody(w.ctx)
		if err != nil {
			return nil, err
		}
		return respond(req, http.Header{}, body), nil
	case req.Method == http.MethodHead:
		if nonce, ok := w.ca.nonces.pop(); ok {
			return respond(req, http.Header{"Replay-Nonce": {nonce}}, nil), nil
		}
	}
	resp, err := w.ca.exchange(w.ctx, req, w.names)
	if err != nil {
		return nil, err
	}
	w.retryAfter = retryAfter(resp.Header, time.Now())
	return resp, nil
}

func respond(req *http.Request, h http.Header, body []byte) *http.Response {
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
}

// exchange sends one request, unless the gate is shut, and reads the whole
// answer. What is neither a success nor an ACME problem (RFC 8555, 6.7), and
// every 429 and 5xx, comes back as an error.
func (c *CA) exchange(ctx context.Context, req *http.Request, names string) (*http.Response, error) {
	if at := c.gate.until(names, time.Now()); !at.IsZero() {
		return nil, &fault.Error{Kind: fault.Unavailable, RetryAt: at, Narrow: c.gate.until("", time.Now()).IsZero(),
			Err: fmt.Errorf("the CA asked not to be called before %s", at.UTC().Format(time.RFC3339))}
	}
	resp, body, err := c.send(ctx, req)
	if err != nil {
		return nil, err
	}
	// lego has a nonce store per client; ours is the CA's, so lego gets none to keep.
	if nonce := resp.Header.Get("Replay-Nonce"); nonce != "" && req.Method != http.MethodHead {
		c.nonces.push(nonce)
		resp.Header.Del("Replay-Nonce")
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	return c.refused(resp, body, names)
}

func (c *CA) refused(resp *http.Response, body []byte, names string) (*http.Response, error) {
	r := &refusal{status: resp.StatusCode, location: resp.Header.Get("Location")}
	isProblem := json.Unmarshal(body, &r.problem) == nil && r.problem.Type != ""
	overloaded := r.status == http.StatusTooManyRequests || r.status >= 500
	dropped := shortType(r.problem.Type) == alreadyReplaced // lego would order again without a word
	if isProblem && !overloaded && !dropped && r.status >= 400 {
		return resp, nil
	}
	if !isProblem {
		r.problem = legoacme.ProblemDetails{Detail: string(body)}
	}
	now := time.Now()
	if r.retryAt = retryAfter(resp.Header, now); overloaded && !r.retryAt.IsZero() {
		if r.status != http.StatusTooManyRequests || !aboutNames.MatchString(r.problem.Detail) {
			names = ""
		}
		r.narrow = names != ""
		c.gate.close(names, r.retryAt, now)
	}
	return nil, r
}

// send makes one bounded exchange and reads the body.
func (c *CA) send(ctx context.Context, req *http.Request) (*http.Response, []byte, error) {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(bounded, &httptrace.ClientTrace{
		GetConn: func(string) { connected.Store(false) }, // net/http may try another connection
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	resp, err := c.base.RoundTrip(req.WithContext(traced))
	var body []byte
	if err == nil {
		body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
		_ = resp.Body.Close()
	}
	switch {
	case ctx.Err() != nil:
		return nil, nil, fmt.Errorf("%s %s: %w", req.Method, req.URL, ctx.Err())
	case err != nil:
		return nil, nil, &lost{connected: connected.Load(), timeout: bounded.Err() != nil, err: err}
	case len(body) > maxBody:
		return nil, nil, fault.New(fault.Unavailable, "the answer of %s is longer than %d bytes", req.URL, maxBody)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, body, nil
}
