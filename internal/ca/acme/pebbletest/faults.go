package pebbletest

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Step is one kind of request of the protocol.
type Step string

// The steps, in the order in which a client meets them.
const (
	Directory Step = "directory"
	Nonce     Step = "nonce"
	Account   Step = "account"
	Order     Step = "order" // newOrder
	Authz     Step = "authz"
	Challenge Step = "challenge"
	Finalize  Step = "finalize"
	Poll      Step = "poll" // GET of an order
	Download  Step = "download"
	Other     Step = "other"
)

// Steps lists those that can fail.
var Steps = []Step{Directory, Nonce, Account, Order, Authz, Challenge, Finalize, Poll, Download}

// How a request fails.
type How string

// The kinds of failure. After Reset, Hang and HalfBody the CA has done what it
// was asked for and only its answer is lost, which is the worse case.
const (
	Error500 How = "500"       // a problem document, nothing done
	Error503 How = "503"       // plain text, nothing done
	Reset    How = "reset"     // connection reset instead of the answer
	Hang     How = "hang"      // no answer until the client goes away
	HalfBody How = "half-body" // the connection closes in the middle of the answer
	TooMany  How = "429"       // a problem document with a Retry-After of one second, nothing done
)

// Hows lists them.
var Hows = []How{Error500, Error503, Reset, Hang, HalfBody, TooMany}

type faults struct {
	mu         sync.Mutex
	next       map[Step][]How
	fired      map[Step]int
	status     int // with retryAfter: answer to every request; 0: none
	retryAfter int
	hook       func(step string, r *http.Request)
	forge      func(chain []byte) []byte
}

// FailAt makes the next request of a step fail; calls add up. Each failure happens once.
func (p *CA) FailAt(step Step, how How) {
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	if p.faults.next == nil {
		p.faults.next = make(map[Step][]How)
	}
	p.faults.next[step] = append(p.faults.next[step], how)
}

// Failed counts the failures that FailAt has caused at a step.
func (p *CA) Failed(step Step) int {
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	return p.faults.fired[step]
}

// SetRetryAfter answers every request with the status (429, 503) and that many
// seconds of Retry-After until it is called with 0, 0.
func (p *CA) SetRetryAfter(status, seconds int) {
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	p.faults.status, p.faults.retryAfter = status, seconds
}

// SetDown takes the CA off the network, open connections included, and brings
// it back at the same address with everything it knew.
func (p *CA) SetDown(down bool) { p.listener.setDown(down) }

// Forge has f change every chain (PEM) that is downloaded; nil stops it.
func (p *CA) Forge(f func(chain []byte) []byte) {
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	p.faults.forge = f
}

func (f *faults) forged(step Step, a *answer) {
	f.mu.Lock()
	forge := f.forge
	f.mu.Unlock()
	if forge == nil || step != Download || a.status != http.StatusOK {
		return
	}
	chain := forge(bytes.Clone(a.body.Bytes()))
	a.body.Reset()
	a.body.Write(chain)
}

// OnRequest calls f at each request before it is handled; f must be safe for
// concurrent use. nil stops it.
func (p *CA) OnRequest(f func(step string, r *http.Request)) {
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	p.faults.hook = f
}

// take gives what happens to a request of the step.
func (f *faults) take(step Step) (how How, status, retryAfter int, hook func(string, *http.Request)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.status == 0 && len(f.next[step]) > 0 {
		how, f.next[step] = f.next[step][0], f.next[step][1:]
		if f.fired == nil {
			f.fired = make(map[Step]int)
		}
		f.fired[step]++
	}
	return how, f.status, f.retryAfter, f.hook
}

// giveBack has the next request of the step fail as this one was to.
func (f *faults) giveBack(step Step, how How) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fired[step]--
	f.next[step] = slices.Insert(f.next[step], 0, how)
}

func stepOf(r *http.Request) Step {
	for _, s := range []struct {
		prefix string
		step   Step
	}{
		{"/dir", Directory}, {"/nonce-plz", Nonce}, {"/sign-me-up", Account}, {"/my-account/", Account},
		{"/order-plz", Order}, {"/my-order/", Poll}, {"/authZ/", Authz}, {"/chalZ/", Challenge},
		{finalizePath, Finalize}, {"/certZ/", Download},
	} {
		if strings.HasPrefix(r.URL.Path, s.prefix) {
			return s.step
		}
	}
	return Other
}
