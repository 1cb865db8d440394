package scan

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

// metered is a connection whose owner holds a place to compute, and leaves it to
// others while it waits for the server. Its time runs only while it waits: so
// thousands may wait, few compute, and no server is called slow because we were.
type metered struct {
	net.Conn
	computing chan struct{}
	left      time.Duration
	longest   time.Duration // of the waits
}

func (c *metered) Read(p []byte) (n int, err error) {
	<-c.computing
	began := time.Now()
	if err = c.Conn.SetReadDeadline(began.Add(c.left)); err == nil {
		n, err = c.Conn.Read(p)
	}
	waited := time.Since(began)
	c.left -= waited
	c.longest = max(c.longest, waited)
	c.computing <- struct{}{}
	return n, err
}

// late is what share of the timeout a healthy answer must not take, or a wake-up
// of our own, if timeouts are to be believed.
const late = 5

// remembered is how long what was seen of the pace counts, once or twice over.
const remembered = 15 * time.Second

// pace knows how slow healthy servers and this machine were lately.
type pace struct {
	mu      sync.Mutex
	slowest [2]time.Duration // in the present span of time, and in the one before
	since   time.Time
	beating bool
}

func (p *pace) note(waited time.Duration) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(now)
	p.slowest[0] = max(p.slowest[0], waited)
}

func (p *pace) turn(now time.Time) {
	switch age := now.Sub(p.since); {
	case age > 2*remembered:
		p.slowest, p.since = [2]time.Duration{}, now
	case age > remembered:
		p.slowest, p.since = [2]time.Duration{0, p.slowest[0]}, now
	}
}

// calm reports that a server which said nothing for so long is to blame for it:
// neither others nor this machine were slow.
func (p *pace) calm(timeout time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(time.Now())
	return max(p.slowest[0], p.slowest[1]) < timeout/late
}

// beat is how often this machine's own lateness is measured.
const beat = 25 * time.Millisecond

// feel notes how late this machine wakes up, as long as anybody is under way.
func (p *pace) feel(busy func() bool) {
	p.mu.Lock()
	begins := !p.beating
	p.beating = true
	p.mu.Unlock()
	if !begins {
		return
	}
	go func() {
		for {
			began := time.Now()
			time.Sleep(beat)
			p.note(time.Since(began) - beat)
			p.mu.Lock()
			if !busy() {
				p.beating = false
				p.mu.Unlock()
				return
			}
			p.mu.Unlock()
		}
	}()
}

// crowd bounds the connections to one address.
type crowd struct {
	most  int
	mu    sync.Mutex
	hosts map[netip.Addr]*queue
}

type queue struct {
	places chan struct{}
	users  int // who holds a place or waits for one
}

// enter waits for a place at an address.
func (c *crowd) enter(ctx context.Context, a netip.Addr) (leave func(), err error) {
	c.mu.Lock()
	if c.hosts == nil {
		c.hosts = map[netip.Addr]*queue{}
	}
	q := c.hosts[a]
	if q == nil {
		q = &queue{places: make(chan struct{}, c.most)}
		c.hosts[a] = q
	}
	q.users++
	c.mu.Unlock()
	gone := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if q.users--; q.users == 0 {
			delete(c.hosts, a)
		}
	}
	release, err := take(ctx, q.places)
	if err != nil {
		gone()
		return nil, err
	}
	return func() { release(); gone() }, nil
}
