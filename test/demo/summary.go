package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
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
	c.say("The stage, where messages arrive and things can be broken: %s", s.url)
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
			result = "FAILED: "
			if a.disturbed {
				result = "disturbed by a button: "
			}
			result += strings.ReplaceAll(a.err.Error(), "\n", "; ")
			ok = ok && a.disturbed
		}
		rows = append(rows, []string{fmt.Sprintf("%d %s", a.scene.number, a.scene.tag), a.scene.name, whole(a.took), result})
	}
	c.say("")
	c.table(rows)
	c.say("")
	s.seen.look()
	n := s.ledger.Count(time.Now())
	c.say("Counted at the stand-ins, the CA and by handshakes, not in the product's own state:")
	c.say("  alerts sent: %d (%d by Slack, %d by mail); lost: %d; sent twice: %d", n.Sent, len(s.Slack.Messages()), len(s.Mail.Mails()), n.Lost, n.Twice)
	c.say("  certificates at the CA: %d; expected, one for each replacement that was due: %d", n.Issued, n.Expected)
	for _, o := range n.Losses {
		c.say("  lost: %s owed %s a message (%s)", o.Name, o.Reader, o.Why)
	}
	for _, m := range n.Doubles {
		c.say("  twice to %s by %s: %s", m.Reader, m.By, m.Key)
	}
	if n := strings.Count(s.Worker.Output(), "Workflow panic"); n > 0 {
		ok = false
		c.say("  the worker's log tells of %d panics in workflows", n)
	}
	return ok && n.Well() && n.Sent > 0
}

// invite says what to try while everything still runs.
func (s *stage) invite(bin string) {
	cli := filepath.Join(bin, "neverlapse") + " --config " + s.Config
	c := s.console
	c.say("")
	c.say("Everything still runs. Try:")
	c.say("  %s   the stage: answer messages, break things", s.url)
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
