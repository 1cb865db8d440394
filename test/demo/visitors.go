package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/test/demo/oracle"
)

// visitor is a host of the person who watches the demo; it is only watched.
type visitor struct{ cert.Endpoint }

// readVisitors takes hosts apart, HOST or HOST:PORT, separated by spaces or
// commas. Every bad one is named.
func readVisitors(text string) ([]visitor, error) {
	var out []visitor
	var bad []string
	known := map[string]bool{}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == '\n' }) {
		e, err := cert.ParseEndpoint(word)
		switch {
		case err != nil:
			bad = append(bad, fmt.Sprintf("  %q: %v", word, err))
		case !known[strings.ToLower(e.Address())]:
			known[strings.ToLower(e.Address())] = true
			out = append(out, visitor{e})
		}
	}
	if len(bad) > 0 {
		return nil, fmt.Errorf("HOSTS has what is no host; write them like HOSTS='www.example.com mail.example.com:993':\n%s", strings.Join(bad, "\n"))
	}
	return out, nil
}

// name is what the certificate is called: the host, with a port that is not 443.
func (v visitor) name() string {
	if v.Port == 443 {
		return v.Host
	}
	return fmt.Sprintf("%s-%d", strings.NewReplacer(":", "-").Replace(v.Host), v.Port)
}

// key tells its handshakes apart from those of the stage's own hosts.
func (v visitor) key() string { return v.Address() }

// usual are the thresholds of somebody who configured none.
var usual = []oracle.Threshold{
	{Left: 30 * 24 * time.Hour, Part: 3, Severity: "P4"}, {Left: 15 * 24 * time.Hour, Part: 6, Severity: "P3"},
	{Left: 7 * 24 * time.Hour, Part: 12, Severity: "P2"}, {Left: 3 * 24 * time.Hour, Part: 30, Severity: "P1"}, {Left: 24 * time.Hour, Part: 90, Severity: "P1"},
}

// guardVisitor looks at a host, says what it saw, has it watched, and goes on
// looking now and then.
func (s *stage) guardVisitor(ctx context.Context, v visitor) {
	sc := scene{subject: subject{name: v.name(), host: v.Host}, tag: cut(v.Host, 10)}
	if leaf, err := handshake(ctx, v.Address(), v.SNI()); err != nil {
		s.console.tell(line{scene: sc, from: "handshake", text: fmt.Sprintf("%s cannot be reached: %v. It is watched all the same.", v, err)})
	} else {
		s.console.tell(line{scene: sc, from: "handshake", text: fmt.Sprintf("%s serves %s, valid until %s", v, cert.FingerprintOf(leaf).Short(), leaf.NotAfter.Local().Format("2006-01-02 15:04"))})
	}
	s.seen.handshake(sc, v.Address(), v.key())
	err := s.types(ctx, sc, "enroll", v.String(), "--cert-name", v.name(), "--domains", v.Host, "--owner", owner, "--team", "platform")
	if err != nil {
		s.console.tell(line{scene: sc, from: "demo", text: fmt.Sprintf("%s is not watched: %v", v, err)})
		return
	}
	s.mu.Lock()
	s.enrolled[v.name()] = true
	s.mu.Unlock()
	s.ledger.Enrolled(oracle.Guard{Name: v.name(), Host: v.key(), Thresholds: usual, LooksEvery: 24 * time.Hour}, time.Now())
	s.board.bump()
	go func() {
		tick := time.NewTicker(30 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				s.seen.handshake(sc, v.Address(), v.key())
			}
		}
	}()
}
