package store

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// KeyService wraps keys with one that never leaves it, as the transit engine of
// Vault and the key services of clouds do. Errors carry a fault.Kind: a service
// that is away is Unavailable or Transient, and a key or a right that is missing
// is Configuration.
type KeyService interface {
	// Scheme says which kind of service it is, as pieces keep it.
	Scheme() string
	Wrap(ctx context.Context, plain []byte) (wrapped string, err error)
	Unwrap(ctx context.Context, wrapped string) ([]byte, error)
	// Older tells whether a was wrapped by an older version of the key than b.
	// A service whose new versions replace no old ones says no.
	Older(a, b string) bool
}

const (
	// askPatience bounds one question to a key service.
	askPatience = 10 * time.Second
	// askPause is how long a service that failed is not asked for a new period
	// again, and one that refused a key is not asked for that key.
	askPause = time.Minute
	// probeEvery is how often Probe really asks.
	probeEvery = 5 * time.Minute
	// mostOpened bounds the keys of periods that are kept open.
	mostOpened = 4096
)

// Remote is a Keeper by a key service. So that the service is asked seldom, it
// wraps the key of a period, and that wraps data keys in this process: a service
// is asked once a period for what is sealed, and once for each earlier period of
// which something is opened. What it unwrapped stays in memory as long as a
// period, so that a service which is away for less is not missed.
type Remote struct {
	service KeyService
	period  time.Duration
	now     func() time.Time
	asking  singleflight.Group

	mu      sync.Mutex
	current opened
	pause   time.Time // before it no new period is asked for while the current one lasts
	probed  time.Time
	opened  map[string]opened // by what the service wrapped
}

// opened is the key of a period, or why it cannot be had.
type opened struct {
	wrapped string
	aead    cipher.AEAD
	err     error
	since   time.Time
}

// remotePiece is a data key as a Remote wraps it.
type remotePiece struct {
	Service string `json:"service"`
	// Period is the key of the period, wrapped by the service.
	Period string `json:"period"`
	// Sealed is nonce and AES-GCM ciphertext of the data key under it.
	Sealed []byte `json:"sealed"`
}

// NewRemote wraps by a service, which it asks for a new key every period.
func NewRemote(service KeyService, period time.Duration) *Remote {
	return &Remote{service: service, period: period, now: time.Now, opened: map[string]opened{}}
}

// Encrypt wraps a data key.
func (r *Remote) Encrypt(ctx context.Context, plain []byte) ([]byte, error) {
	p, err := r.sealing(ctx)
	if err != nil {
		return nil, err
	}
	return json.Marshal(remotePiece{r.service.Scheme(), p.wrapped, p.aead.Seal(nil, nil, plain, r.bound(p.wrapped))})
}

// Decrypt unwraps one.
func (r *Remote) Decrypt(ctx context.Context, wrapped []byte) ([]byte, error) {
	piece, err := r.piece(wrapped)
	if err != nil {
		return nil, err
	}
	p, err := r.open(ctx, piece.Period)
	if err != nil {
		return nil, err
	}
	plain, err := p.aead.Open(nil, nil, piece.Sealed, r.bound(piece.Period))
	if err != nil {
		return nil, fault.New(fault.Configuration, "the wrapped key was altered")
	}
	return plain, nil
}

func (r *Remote) bound(period string) []byte { return []byte(object(r.service.Scheme(), period)) }

var errOtherService = fault.New(fault.Configuration, "another key wraps it")

func (r *Remote) piece(wrapped []byte) (remotePiece, error) {
	var p remotePiece
	if json.Unmarshal(wrapped, &p) != nil || p.Service != r.service.Scheme() {
		return p, errOtherService
	}
	return p, nil
}

// Close has nothing to give back.
func (r *Remote) Close() error { return nil }

// Probe tells whether the service can be used now. It is asked every few minutes
// at most; in between the last answer counts.
func (r *Remote) Probe(ctx context.Context) error {
	if _, err := r.sealing(ctx); err != nil {
		return err
	}
	r.mu.Lock()
	recent := r.now().Sub(r.probed) < probeEvery
	r.mu.Unlock()
	if recent {
		return nil
	}
	return r.Try(ctx)
}

// Scheme is the kind of the service.
func (r *Remote) Scheme() string { return r.service.Scheme() }

// Try asks the service now.
func (r *Remote) Try(ctx context.Context) error {
	p, err := r.sealing(ctx)
	if err != nil {
		return err
	}
	if _, err := r.ask(ctx, p.wrapped); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.probed = r.now()
	return nil
}

// Aged tells whether a newer version of the service's key would wrap it now.
func (r *Remote) Aged(ctx context.Context, wrapped []byte) (bool, error) {
	piece, err := r.piece(wrapped)
	if err != nil {
		return false, err
	}
	p, err := r.sealing(ctx)
	return err == nil && r.service.Older(piece.Period, p.wrapped), err
}

// sealing gives the key of the period that is now. In its second half a new one is
// asked for, and until there is one the old one is used to its end.
func (r *Remote) sealing(ctx context.Context) (opened, error) {
	r.mu.Lock()
	p, now, paused := r.current, r.now(), r.now().Before(r.pause)
	r.mu.Unlock()
	age := now.Sub(p.since)
	if p.aead != nil && (age < r.period/2 || age < r.period && paused) {
		return p, nil
	}
	fresh, err := r.once(ctx, "new period", r.begin)
	if err != nil && p.aead != nil && age < r.period {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.pause = now.Add(askPause)
		return p, nil
	}
	return fresh, err
}

func (r *Remote) begin(ctx context.Context) (opened, error) {
	key := make([]byte, 32)
	defer clear(key)
	rand.Read(key) // never fails, see crypto/rand
	wrapped, err := r.service.Wrap(ctx, key)
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.probed = time.Time{} // what it said before counts no more
		return opened{}, err
	}
	aead, err := newAEAD(key)
	if err != nil {
		return opened{}, err
	}
	p := opened{wrapped: wrapped, aead: aead, since: r.now()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current, r.probed = p, p.since
	r.keep(p)
	return p, nil
}

// open gives the key of a period, from memory if it was asked for lately.
func (r *Remote) open(ctx context.Context, wrapped string) (opened, error) {
	r.mu.Lock()
	p, known := r.opened[wrapped]
	now := r.now()
	r.mu.Unlock()
	if known && p.err == nil && now.Sub(p.since) < r.period {
		return p, nil
	}
	if known && p.err != nil && now.Sub(p.since) < askPause {
		return p, p.err
	}
	return r.once(ctx, "open "+wrapped, func(ctx context.Context) (opened, error) { return r.ask(ctx, wrapped) })
}

// ask asks the service, whatever is in memory.
func (r *Remote) ask(ctx context.Context, wrapped string) (opened, error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	key, err := r.service.Unwrap(ctx, wrapped)
	p := opened{wrapped: wrapped, err: err, since: r.now()}
	if err == nil {
		defer clear(key)
		p.aead, p.err = newAEAD(key)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.err == nil || fault.Is(p.err, fault.Configuration) { // of one that is away nothing is kept
		r.keep(p)
	} else {
		r.probed = time.Time{} // what it said before counts no more
	}
	return p, p.err
}

// keep is called under the lock. A refusal does not end early what is open.
func (r *Remote) keep(p opened) {
	if was, ok := r.opened[p.wrapped]; ok && p.err != nil && was.err == nil && p.since.Sub(was.since) < r.period {
		return
	}
	if len(r.opened) >= mostOpened {
		clear(r.opened)
	}
	r.opened[p.wrapped] = p
	for wrapped, o := range r.opened {
		if p.since.Sub(o.since) >= r.period {
			delete(r.opened, wrapped)
		}
	}
}

// once has those who ask the same at one time ask once. Who gives up does not
// take the answer from the others.
func (r *Remote) once(ctx context.Context, what string, ask func(context.Context) (opened, error)) (opened, error) {
	got := r.asking.DoChan(what, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askPatience)
		defer cancel()
		return ask(ctx)
	})
	select {
	case g := <-got:
		p, _ := g.Val.(opened)
		return p, g.Err
	case <-ctx.Done():
		return opened{}, fault.New(fault.Transient, "the key service: %w", context.Cause(ctx))
	}
}
