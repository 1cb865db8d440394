package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// introduce says what is real, what is not, and where to look.
func (s *stage) introduce() {
	c := s.console
	c.say("")
	c.say("Five certificates, one scene each, all at the same time. Real: worker, CLI, Temporal, the CA (Pebble), %s.", s.sites[scenes[0].host].server)
	c.say("Stand-ins: Slack and the mail server. minji owns, team platform, hana manages, jun is on call.")
	for _, sc := range scenes {
		c.say("  %d %-10s %-34s %s", sc.number, sc.tag, sc.title, s.link(sc.name))
	}
	c.say("Temporal Web UI: %s", s.ui)
	c.say("")
}

// sumUp prints what was seen and the counts, and tells whether all is well.
func (s *stage) sumUp(acts []*act) bool {
	c := s.console
	ok := true
	rows := [][]string{{"SCENE", "CERTIFICATE", "TOOK", "WHAT WAS SEEN"}}
	for _, a := range acts {
		result := a.result
		if a.err != nil {
			ok, result = false, "FAILED: "+strings.ReplaceAll(a.err.Error(), "\n", "; ")
		}
		rows = append(rows, []string{fmt.Sprintf("%d %s", a.scene.number, a.scene.tag), a.scene.name, whole(a.took), result})
	}
	c.say("")
	c.table(rows)
	c.say("")
	sent, twice := s.notices()
	c.say("Counted at the stand-ins, the CA and by handshakes, not in the product's own state:")
	c.say("  alerts sent: %d (%d by Slack, %d by mail); sent twice: %d", sent, len(s.Slack.Messages()), len(s.Mail.Mails()), twice)
	expected := s.replacements()
	c.say("  certificates at the CA: %d; expected, one for each replacement seen on the wire: %d", s.CA.Issued(), expected)
	for _, sc := range scenes {
		if n := s.CA.IssuedFor(sc.host); n > 1 {
			ok = false
			c.say("  %s: %d certificates, want one at most", sc.host, n)
		}
	}
	if n := strings.Count(s.Worker.Output(), "Workflow panic"); n > 0 {
		ok = false
		c.say("  the worker's log tells of %d panics in workflows", n)
	}
	return ok && twice == 0 && sent > 0 && s.CA.Issued() == expected
}

// notices counts what was sent, and how often one notice came to the same
// reader a second time by the same channel.
func (s *stage) notices() (sent, twice int) {
	seen := map[string]bool{}
	count := func(key string) {
		sent++
		if seen[key] {
			twice++
		}
		seen[key] = true
	}
	for _, m := range s.Slack.Messages() {
		key := string(m.Metadata)
		if key == "" {
			key = m.Thread + m.Text
		}
		count("slack " + m.Channel + key)
	}
	for _, m := range s.Mail.Mails() {
		count("mail " + strings.Join(m.To, ",") + m.MessageID)
	}
	return sent, twice
}

// replacements counts the certificates that handshakes showed and that the demo
// did not put there itself.
func (s *stage) replacements() int {
	s.seen.mu.Lock()
	defer s.seen.mu.Unlock()
	n := 0
	for f := range s.seen.onWire {
		if !s.ours(f) {
			n++
		}
	}
	return n
}

// invite says what to try while everything still runs.
func (s *stage) invite(bin string) {
	cli := filepath.Join(bin, "neverlapse") + " --config " + s.Config
	c := s.console
	c.say("")
	c.say("Everything still runs. Try:")
	c.say("  %s   the Web UI: each certificate is one workflow with its whole story", s.ui)
	for _, try := range [][2]string{
		{"list", "where all certificates stand"},
		{"status legacy", "who was told, what comes next"},
		{"ack legacy --note 'replacing it today'", "say that you have it"},
		{"history pay", "the journal of the rollback"},
	} {
		c.say("  %s %-40s %s", cli, try[0], try[1])
	}
	c.say("Ctrl-C ends it and leaves nothing behind.")
}
