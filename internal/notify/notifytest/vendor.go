package notifytest

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Asked is a request that a vendor's server was sent.
type Asked struct {
	Method string
	Path   string // with the query
	Host   string
	Header http.Header
	Body   string
}

// Said is what a vendor's server answers.
type Said struct {
	Status int
	Body   string // JSON
}

// VendorMode is how a vendor's stand-in behaves.
type VendorMode string

// The modes.
const (
	VendorWorks       VendorMode = ""
	VendorRateLimited VendorMode = "rate-limited" // 429 with Retry-After
	VendorFails       VendorMode = "fails"        // 503 with an HTML page
	VendorDown        VendorMode = "down"         // the connection ends before anything is done
	VendorHangs       VendorMode = "hangs"        // says nothing until the caller gives up
	VendorReplyLost   VendorMode = "reply-lost"   // it is done, but the connection ends before the answer
	VendorBadLogin    VendorMode = "bad-login"    // 401, and what was sent is echoed
	VendorRefuses     VendorMode = "refuses"      // 400, and what was sent is echoed
	VendorElsewhere   VendorMode = "elsewhere"    // 307
)

// Vendor is a server of whatever a channel speaks to by HTTP. What it takes and
// answers is the business of take; what take refuses counts as not delivered.
type Vendor struct {
	http *http.Server
	url  string
	take func(Asked) Said

	mu      sync.Mutex
	mode    VendorMode
	status  int // instead of a mode, if not 0
	after   int // Retry-After of status, in seconds; 0: none
	asked   []Asked
	refused []Said
	changed chan struct{}
}

// NewVendor listens on a free loopback port.
func NewVendor(take func(Asked) Said) (*Vendor, error) {
	l, err := listen("")
	if err != nil {
		return nil, err
	}
	v := &Vendor{url: "http://" + l.Addr().String(), take: take, changed: make(chan struct{})}
	v.http = &http.Server{Handler: v, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go v.http.Serve(l)
	return v, nil
}

// Close ends every connection.
func (v *Vendor) Close() error { return v.http.Close() }

// URL is where it listens, without a slash at the end.
func (v *Vendor) URL() string { return v.url }

// SetMode changes how it behaves from the next request on.
func (v *Vendor) SetMode(m VendorMode) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mode, v.status = m, 0
}

// SetStatus makes it answer everything with a status; 0 ends that.
func (v *Vendor) SetStatus(status int) { v.SetAnswer(status, 0) }

// SetAnswer does so with Retry-After in seconds, unless that is 0.
func (v *Vendor) SetAnswer(status, retryAfter int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.status, v.after = status, retryAfter
}

// Taken gives the requests that were taken, oldest first.
func (v *Vendor) Taken() []Asked {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.asked)
}

// Refused gives the answers to the requests that were not as they should be.
func (v *Vendor) Refused() []Said {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.refused)
}

// Wait returns once done holds for what was taken, or with ctx's error.
func (v *Vendor) Wait(ctx context.Context, done func([]Asked) bool) error {
	for {
		v.mu.Lock()
		asked, changed := slices.Clone(v.asked), v.changed
		v.mu.Unlock()
		if done(asked) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("stand-in with %d requests: %w", len(asked), ctx.Err())
		}
	}
}

// Troubles brings about whatever can be wrong with a server.
func (v *Vendor) Troubles() map[Trouble]func() {
	set := func(m VendorMode) func() { return func() { v.SetMode(m) } }
	return map[Trouble]func(){
		Down: set(VendorDown), Later: set(VendorFails), SlowDown: set(VendorRateLimited), Hangs: set(VendorHangs),
		Refuses: set(VendorRefuses), BadLogin: set(VendorBadLogin), ReplyLost: set(VendorReplyLost),
	}
}

// Heal ends every trouble.
func (v *Vendor) Heal() { v.SetMode(VendorWorks) }

// ServeHTTP takes a request, or is in trouble.
func (v *Vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err != nil {
		return
	}
	v.mu.Lock()
	mode, status, after := v.mode, v.status, v.after
	v.mu.Unlock()
	echo := fmt.Sprintf("{\"message\":\"no: \x1b[2J %s %s %s\"}", r.RequestURI, r.Header.Get("Authorization"), body)
	answer := func(status int) {
		w.WriteHeader(status)
		io.WriteString(w, echo)
	}
	switch {
	case status != 0:
		if after > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(after))
		}
		answer(status)
		return
	case mode == VendorDown:
		panic(http.ErrAbortHandler)
	case mode == VendorHangs:
		<-r.Context().Done()
		return
	case mode == VendorFails:
		w.Header().Set("Content-Type", "text/html")
		answer(http.StatusServiceUnavailable)
		return
	case mode == VendorRateLimited:
		w.Header().Set("Retry-After", "30")
		answer(http.StatusTooManyRequests)
		return
	case mode == VendorBadLogin:
		answer(http.StatusUnauthorized)
		return
	case mode == VendorRefuses:
		answer(http.StatusBadRequest)
		return
	case mode == VendorElsewhere:
		w.Header().Set("Location", "/elsewhere")
		answer(http.StatusTemporaryRedirect)
		return
	}
	said := v.record(Asked{r.Method, r.RequestURI, r.Host, r.Header.Clone(), string(body)})
	if mode == VendorReplyLost {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(said.Status)
	io.WriteString(w, said.Body)
}

func (v *Vendor) record(a Asked) Said {
	v.mu.Lock()
	defer v.mu.Unlock()
	said := v.take(a)
	if said.Status/100 == 2 {
		v.asked = append(v.asked, a)
	} else {
		v.refused = append(v.refused, said)
	}
	close(v.changed)
	v.changed = make(chan struct{})
	return said
}
