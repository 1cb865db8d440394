package kubernetes

import (
	"sync"

	"github.com/neverlapse/neverlapse/internal/scan/source/cluster"
)

// memory is what the last run and this one read, by the UIDs of the Secrets. It
// holds no private key, is lost with the process, and changes nothing but the
// number of bytes that a run costs.
type memory struct {
	mu          sync.Mutex
	before, now map[string]object
}

// turn begins a run: what the last one did not see is forgotten.
func (m *memory) turn() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.now) > 0 {
		m.before = m.now
	}
	m.now = map[string]object{}
}

func (m *memory) empty() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.before) == 0
}

func (m *memory) keep(o object) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now == nil {
		m.now = map[string]object{}
	}
	m.now[o.Metadata.UID] = o
}

// knows reports whether this very version was read.
func (m *memory) knows(is cluster.Metadata) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.now[is.UID]
	if !ok {
		o, ok = m.before[is.UID]
	}
	if !ok || o.Metadata.ResourceVersion != is.ResourceVersion {
		return false
	}
	m.now[is.UID] = o
	return true
}

// of gives what is remembered of those that were listed; one that was deleted
// meanwhile is left out.
func (m *memory) of(listed []object) (out []object) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range listed {
		if o, ok := m.now[l.Metadata.UID]; ok {
			out = append(out, o)
		}
	}
	return out
}
