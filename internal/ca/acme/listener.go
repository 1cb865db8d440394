package acme

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// Listener answers the http-01 challenges of every CA of the process; it serves
// nothing else. Behind a load balancer a request may reach another worker than
// the one whose challenge it is: that one asks Peers, which is set before Start.
type Listener struct {
	Peers *Peers // nil: there are no others

	addr   string
	server *http.Server

	mu       sync.Mutex
	answers  map[string]*answer
	listener net.Listener
}

type answer struct {
	text  string
	users int
}

// NewListener makes a listener for an address such as ":80"; Start opens it.
func NewListener(addr string) *Listener {
	l := &Listener{addr: addr, answers: make(map[string]*answer)}
	l.server = &http.Server{
		Handler:           l.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // anybody on the internet may talk nonsense here
	}
	return l
}

// Start opens the address and serves until Close.
func (l *Listener) Start() error {
	inner, err := net.Listen("tcp", l.addr)
	if err != nil {
		return fmt.Errorf("http-01 listener: %w", err)
	}
	l.mu.Lock()
	l.listener = inner
	l.mu.Unlock()
	go func() { _ = l.server.Serve(inner) }()
	return nil
}

// Addr is the address it listens on; nil before Start.
func (l *Listener) Addr() net.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener == nil {
		return nil
	}
	return l.listener.Addr()
}

// Close stops serving; requests being answered get a second.
func (l *Listener) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := l.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, l.server.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener == nil {
		return err
	}
	if again := l.listener.Close(); again != nil && !errors.Is(again, net.ErrClosed) {
		err = errors.Join(err, again)
	}
	return err
}

// Handler serves the challenges, for a process that has a server of its own on port 80.
func (l *Listener) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := tokenOf(r.URL.Path)
		text := l.answerTo(token)
		if ok && text == "" && l.Peers != nil && r.Header.Get(peerHeader) == "" {
			text = l.Peers.answerTo(r.Context(), token)
		}
		if !ok || text == "" {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = io.WriteString(w, text)
	})
}

func (l *Listener) answerTo(token string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.answers[token]; a != nil {
		return a.text
	}
	return ""
}

func (l *Listener) present(token, text string) error {
	if err := checkToken(token); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.answers[token]
	switch {
	case a == nil:
		l.answers[token] = &answer{text: text, users: 1}
	case a.text != text:
		return fault.New(fault.Unavailable, "two accounts were given the same challenge token; try again")
	default:
		a.users++
	}
	return nil
}

func (l *Listener) cleanUp(token string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.answers[token]; a != nil {
		if a.users--; a.users == 0 {
			delete(l.answers, token)
		}
	}
	return nil
}
