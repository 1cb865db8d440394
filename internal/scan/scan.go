// Package scan looks at what is really served: a fresh TLS handshake with every
// address behind an endpoint's name, asked for by STARTTLS where the endpoint
// says so, one observation each. Activities call it
// as their Scanner, before anything is sent to a human and to prove a
// deployment; enrolment reads what is served through it. It never refuses
// a handshake for a bad certificate (the bad ones are those worth reading) but
// says afterwards, in words, what is wrong. It does not decide, retry over
// minutes, or keep anything between two calls.
//
// An IPv6 address that this machine has no route to says nothing about the
// certificate; it is left out as long as another address could be tried.
package scan

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Resolver gives the addresses of a host; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Options shape a Scanner; the zero value is ready to use.
type Options struct {
	Timeout  time.Duration `mapstructure:"timeout"`  // for one address, connection and handshake together, and for a name lookup; 5 s if zero
	Bound    time.Duration `mapstructure:"bound"`    // for a whole endpoint, waiting for a free place included; 30 s if zero
	Parallel int           `mapstructure:"parallel"` // addresses under way at once in this process; 128 if zero
	PerHost  int           `mapstructure:"per_host"` // of these, connections to one address; 16 if zero

	Roots *x509.CertPool `mapstructure:"-"` // trusted roots; the system's if nil
	// Own roots are trusted beside Roots; lifetimes of what they vouch for are
	// measured by the rules for private CAs.
	Own      []*x509.Certificate `mapstructure:"-"`
	Resolver Resolver            `mapstructure:"-"` // the system's if nil
	// Dial opens the connection; a net.Dialer if nil.
	Dial func(ctx context.Context, network, address string) (net.Conn, error) `mapstructure:"-"`
	Now  func() time.Time                                                     `mapstructure:"-"` // time.Now if nil

	Networks Networks `mapstructure:"-"` // where connections may lead
	Taste    Taste    `mapstructure:"-"` // what is not wanted
	// Further may find more in a chain, which ends with its root if that is known.
	Further func(chain []*x509.Certificate) []cert.Finding `mapstructure:"-"`
	// Deep looks further than one handshake shows: at the certificate for the
	// other type of key, and at old protocols. It connects up to twice more.
	Deep bool `mapstructure:"-"`
}

// Validate refuses negative values and a bound shorter than one try.
func (o Options) Validate() error {
	var errs []error
	if o.Timeout < 0 {
		errs = append(errs, fmt.Errorf("timeout: %s is negative; write for example 5s", o.Timeout))
	}
	if o.Bound < 0 {
		errs = append(errs, fmt.Errorf("bound: %s is negative; write for example 30s", o.Bound))
	}
	if o.Parallel < 0 {
		errs = append(errs, fmt.Errorf("parallel: %d is negative; write for example 128", o.Parallel))
	}
	if o.PerHost < 0 {
		errs = append(errs, fmt.Errorf("per_host: %d is negative; write for example 16", o.PerHost))
	}
	if full := o.withDefaults(); len(errs) == 0 && full.Bound < full.Timeout {
		errs = append(errs, fmt.Errorf("bound: %s is shorter than the timeout of one address, %s; make it at least twice as long", full.Bound, full.Timeout))
	}
	return errors.Join(errs...)
}

func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Bound == 0 {
		o.Bound = 30 * time.Second
	}
	if o.Parallel == 0 {
		o.Parallel = 128
	}
	if o.PerHost == 0 {
		o.PerHost = 16
	}
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if len(o.Own) > 0 {
		o.Roots = beside(o.Roots, o.Own)
	}
	return o
}

// Scanner makes handshakes. One serves a whole process, so that its bounds hold
// for all endpoints together. It is safe for concurrent use.
type Scanner struct {
	Options
	places    chan struct{} // one for each address under way
	computing chan struct{} // one for each handshake that computes instead of waiting
	calm      chan struct{} // one for each second try, few at a time
	hosts     crowd         // addresses under way, by address
	busy      atomic.Int64  // addresses under way
	pace      pace
	vouched   vouchers
	parsed    parsed
	// calmUnder is how many addresses under way leave a timeout above suspicion:
	// with more, healthy servers were seen to time out for want of our CPU.
	calmUnder int64
}

// New makes a scanner.
func New(o Options) *Scanner {
	o = o.withDefaults()
	cores := runtime.GOMAXPROCS(0)
	return &Scanner{
		Options:   o,
		places:    make(chan struct{}, o.Parallel),
		computing: make(chan struct{}, 2*cores),
		calm:      make(chan struct{}, 32*cores),
		hosts:     crowd{most: o.PerHost},
		calmUnder: int64(4 * cores),
	}
}
