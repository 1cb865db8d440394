package page

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

const (
	lookEvery  = 2 * time.Second
	beatEvery  = 15 * time.Second // so that proxies and readers know that the line lives
	maxViewers = 1000
)

// live tells open pages that what they show has changed. All who look at the
// same thing share one poll of the engine, which ends with the last of them.
type live struct {
	fleet        *fleet
	certificates Certificates
	done         chan struct{}
	once         sync.Once

	mu     sync.Mutex
	topics map[string]*topic // by certificate; "": the overview
	n      int
}

// topic is one thing that is looked at.
type topic struct {
	viewers map[chan string]bool
	mark    string
	stop    context.CancelFunc
}

func newLive(f *fleet, c Certificates) *live {
	return &live{fleet: f, certificates: c, done: make(chan struct{}), topics: map[string]*topic{}}
}

func (l *live) close() { l.once.Do(func() { close(l.done) }) }

// join begins to watch; changes come until leave is called. False: too many watch already.
func (l *live) join(name string) (changes chan string, leave func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n >= maxViewers {
		return nil, nil, false
	}
	l.n++
	t := l.topics[name]
	if t == nil {
		ctx, cancel := context.WithCancel(context.Background())
		t = &topic{viewers: map[chan string]bool{}, stop: cancel}
		l.topics[name] = t
		go l.watch(ctx, name, t)
	}
	changes = make(chan string, 1)
	t.viewers[changes] = true
	if t.mark != "" {
		changes <- t.mark
	}
	return changes, func() { l.leave(name, t, changes) }, true
}

func (l *live) leave(name string, t *topic, changes chan string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n--
	delete(t.viewers, changes)
	if len(t.viewers) == 0 {
		t.stop()
		delete(l.topics, name)
	}
}

func (l *live) watch(ctx context.Context, name string, t *topic) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if mark := l.mark(ctx, name); mark != "" {
			l.tell(t, mark)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		case <-l.done:
			return
		}
	}
}

// mark changes with what is shown, and once a minute, as times left do; empty if
// nothing could be seen.
func (l *live) mark(ctx context.Context, name string) string {
	minute := l.fleet.now().Truncate(time.Minute).Unix()
	if name == "" {
		return fmt.Sprintf("%x-%x", l.fleet.look(ctx).digest(), minute)
	}
	within, cancel := context.WithTimeout(ctx, listWithin)
	defer cancel()
	s, err := l.certificates.Status(within, name)
	if err != nil {
		return ""
	}
	s.At = time.Time{}
	h := fnv.New64a()
	if err := json.NewEncoder(h).Encode(s); err != nil {
		return ""
	}
	return fmt.Sprintf("%x-%x", h.Sum64(), minute)
}

func (l *live) tell(t *topic, mark string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.mark == mark {
		return
	}
	t.mark = mark
	for v := range t.viewers {
		select {
		case <-v: // what was not fetched yet is old
		default:
		}
		v <- mark
	}
}

// events serves Server-Sent Events: "change" with a mark, whenever the page is
// to be fetched again.
func (p *Page) events(w http.ResponseWriter, r *http.Request, _ session) {
	name := r.URL.Query().Get("c")
	if name != "" && cert.ValidateName(name) != nil {
		http.Error(w, "no such certificate", http.StatusBadRequest)
		return
	}
	changes, leave, ok := p.live.join(name)
	if !ok {
		http.Error(w, "too many pages are open; this one does not follow by itself", http.StatusServiceUnavailable)
		return
	}
	defer leave()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	out := http.NewResponseController(w)
	send := func(text string) bool {
		if out.SetWriteDeadline(time.Now().Add(beatEvery)) != nil { // the server's own ends a response after a while
			return false
		}
		if _, err := fmt.Fprint(w, text); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for ok := send("retry: 2000\n\n"); ok; {
		select {
		case mark := <-changes:
			ok = send("event: change\ndata: " + mark + "\n\n")
		case <-beat.C:
			ok = send(": still here\n\n")
		case <-r.Context().Done():
			return
		case <-p.live.done:
			return
		}
	}
}
