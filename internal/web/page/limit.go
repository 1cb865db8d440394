package page

import (
	"net"
	"sync"
	"time"
)

// A sender may fail so often to sign in within so long.
const (
	maxFailures = 10
	failuresFor = time.Minute
	maxSenders  = 10000 // remembered at once
)

// limit counts who fails to sign in.
type limit struct {
	now func() time.Time

	mu      sync.Mutex
	senders map[string]failures
}

type failures struct {
	n     int
	since time.Time
}

func newLimit(now func() time.Time) *limit { return &limit{now: now, senders: map[string]failures{}} }

// wait is how long a sender has to wait before it may try again; zero if it may now.
func (l *limit) wait(remote string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.senders[sender(remote)]
	if left := failuresFor - l.now().Sub(f.since); f.n >= maxFailures && left > 0 {
		return left
	}
	return 0
}

// failed counts a try that failed.
func (l *limit) failed(remote string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.senders) >= maxSenders {
		clear(l.senders)
	}
	f := l.senders[sender(remote)]
	if l.now().Sub(f.since) >= failuresFor {
		f = failures{since: l.now()}
	}
	f.n++
	l.senders[sender(remote)] = f
}

func sender(remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote
}
