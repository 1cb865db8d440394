package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

// watcher tells everything that shows at the stand-ins, the CA, the sites and
// in the journals, as it appears: to the console, the page and the oracle.
type watcher struct {
	*stage
	posts    map[string]notifytest.SlackMessage
	mails    int
	issued   map[string]bool   // serial
	quoted   map[string]string // certificate -> what its last message quoted
	paged    map[string]bool   // certificates whose page was shown whole
	turn     sync.Mutex        // one look at a time
	mu       sync.Mutex
	journals map[string][]cert.Entry
	sights   map[string]*sight // by host
}

func newWatcher(s *stage) *watcher {
	return &watcher{stage: s, posts: map[string]notifytest.SlackMessage{}, issued: map[string]bool{},
		quoted: map[string]string{}, paged: map[string]bool{}, journals: map[string][]cert.Entry{}, sights: map[string]*sight{}}
}

// run looks until ctx ends, and once more then.
func (w *watcher) run(ctx context.Context) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		w.look()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	w.look()
}

func (w *watcher) look() {
	w.turn.Lock()
	defer w.turn.Unlock()
	for _, s := range scenes {
		w.journal(s)
	}
	for _, c := range w.CA.Certificates() {
		w.certificate(c)
	}
	for _, m := range w.Slack.Messages() {
		w.post(m)
	}
	for mails := w.Mail.Mails(); w.mails < len(mails); w.mails++ {
		w.mail(mails[w.mails])
	}
	for _, s := range subjects() {
		w.handshake(sceneNamed(s.name), w.sites[s.host].address, s.host)
	}
}

func (w *watcher) certificate(c *x509.Certificate) {
	serial := c.SerialNumber.Text(16)
	if w.issued[serial] {
		return
	}
	w.issued[serial] = true
	w.ledger.Issued(string(cert.FingerprintOf(c)), c.DNSNames, time.Now())
	w.board.bump()
	for _, s := range subjects() {
		if slices.Contains(c.DNSNames, s.host) {
			w.console.tell(line{scene: sceneNamed(s.name), from: "CA", text: fmt.Sprintf("issued %s for %s, valid until %s: certificate %d for this name",
				cert.FingerprintOf(c).Short(), s.host, c.NotAfter.Local().Format("15:04:05"), w.CA.IssuedFor(s.host))})
		}
	}
}

func (w *watcher) journal(s scene) {
	text, err := os.ReadFile(filepath.Join(w.Dir, "store", "certificates", s.name, "journal.jsonl"))
	if err != nil {
		return // nothing is written yet
	}
	known := len(w.journals[s.name])
	for i, l := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var e cert.Entry
		if i < known || json.Unmarshal([]byte(l), &e) != nil {
			continue
		}
		w.mu.Lock()
		w.journals[s.name] = append(w.journals[s.name], e)
		w.mu.Unlock()
		delivered := e.Kind == "delivered" && !strings.Contains(e.Text, "failed") // shows at the stand-ins
		if delivered || e.Kind == "seen" {
			continue
		}
		by := ""
		if e.By != "" {
			by = " (by " + e.By + ")"
		}
		w.console.tell(line{scene: s, from: "journal", text: cut(e.Kind+": "+e.Text, 160) + by, link: w.link(s.name)})
	}
}

// entries counts the journal's entries of a kind that say so.
func (w *watcher) entries(name, kind, text string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, e := range w.journals[name] {
		if e.Kind == kind && strings.Contains(e.Text, text) {
			n++
		}
	}
	return n
}
