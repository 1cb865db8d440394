package pebbletest

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

const finalizePath = "/finalize-order/"

// ServeHTTP passes a request on to Pebble, one at a time, or makes it fail.
func (p *CA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	step := stepOf(r)
	how, status, retryAfter, hook := p.faults.take(step)
	if hook != nil {
		hook(string(step), r)
	}
	switch {
	case status != 0:
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
		problem(w, status, fmt.Sprintf("come back in %d s", retryAfter))
		return
	case how == Error500:
		problem(w, http.StatusInternalServerError, "injected failure")
		return
	case how == TooMany:
		w.Header().Set("Retry-After", "1")
		problem(w, http.StatusTooManyRequests, "come back in 1 s")
		return
	case how == Error503:
		http.Error(w, "upstream unavailable", http.StatusServiceUnavailable)
		return
	}
	answer := p.pass(r)
	p.faults.forged(step, answer)
	if how != "" && answer.status >= http.StatusBadRequest { // nothing done, such as for a nonce refused
		p.faults.giveBack(step, how)
		how = ""
	}
	switch how {
	case Reset:
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			reset(c)
		}
	case Hang:
		select {
		case <-r.Context().Done():
		case <-p.closed:
		}
		panic(http.ErrAbortHandler)
	case HalfBody:
		answer.send(w, answer.body.Len()/2)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	default:
		answer.send(w, answer.body.Len())
	}
}

// pass hands the request to Pebble and, when it finalizes an order, waits until
// the certificate exists: that makes the count exact, and keeps Pebble from
// deadlocking on an order that is read while it is completed.
func (p *CA) pass(r *http.Request) *answer {
	p.handling.Lock()
	defer p.handling.Unlock()
	a := &answer{header: make(http.Header), status: http.StatusOK}
	p.handler.ServeHTTP(a, r)
	if id, ok := strings.CutPrefix(r.URL.Path, finalizePath); ok && a.status == http.StatusOK {
		p.settle(id)
	}
	return a
}

func problem(w http.ResponseWriter, status int, detail string) {
	kind := "serverInternal"
	if status == http.StatusTooManyRequests {
		kind = "rateLimited"
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"type":"urn:ietf:params:acme:error:%s","detail":%q,"status":%d}`, kind, detail, status)
}

// answer keeps a response until it is known what becomes of it.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// send writes n bytes of the body under a header that announces all of it.
func (a *answer) send(w http.ResponseWriter, n int) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if a.body.Len() > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()[:n])
}
