package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/test/harness"
)

// post tells a new or changed Slack message.
func (w *watcher) post(m notifytest.SlackMessage) {
	before, known := w.posts[m.TS]
	if known && before.Updates == m.Updates {
		return
	}
	w.posts[m.TS] = m
	to := w.reader(m.Channel)
	arrived := posted(m, to, time.Now())
	w.letters.add(arrived)
	if !known {
		w.ledger.Received(arrived.judged())
	}
	w.board.bump()
	s := sceneNamed(arrived.name)
	l := line{scene: s, from: "slack", text: fmt.Sprintf("to %s: %s", to, m.Text)}
	switch {
	case known:
		l.text = fmt.Sprintf("the message to %s now reads: %s", to, m.Text)
	case m.Thread != "":
		l.text = fmt.Sprintf("to %s, in the thread: %s", to, m.Text)
	}
	l.quote = quotes(m, known)
	if q := strings.Join(l.quote, "\n"); q != "" && q == w.quoted[s.name] {
		l.quote = nil // as in the message before
	} else if q != "" {
		w.quoted[s.name] = q
	}
	if b := m.Buttons(); len(b) > 0 && !known {
		l.text += " [" + strings.Join(b, "] [") + "]"
	}
	w.console.tell(l)
}

// answers are the lines of a message that say who answered.
var answers = regexp.MustCompile(`^(Acknowledged|Snoozed) by |님이 .*\(경로: `)

// quotes picks what a line about a message shows of it: who answered and, when
// it is new, the words of others.
func quotes(m notifytest.SlackMessage, known bool) (out []string) {
	for text := range strings.Lines(m.Reading()) {
		text = strings.TrimSpace(text)
		if answers.MatchString(text) || !known && strings.HasPrefix(text, "| ") && !strings.HasPrefix(text, "| neverlapse") {
			out = append(out, strings.TrimPrefix(text, "| "))
		}
	}
	return out
}

// mail tells its subject; the first page about a certificate is shown whole.
func (w *watcher) mail(m notifytest.Mail) {
	arrived := mailed(w.mails, m, time.Now())
	w.letters.add(arrived)
	w.ledger.Received(arrived.judged())
	w.board.bump()
	s := sceneNamed(arrived.name)
	l := line{scene: s, from: "mail", text: fmt.Sprintf("to %s: %s", strings.Join(m.To, ", "), m.Subject)}
	if reasonOf(m) == alert.AttemptsSpent && !w.paged[s.name] {
		w.paged[s.name] = true
		l.quote = lines(m.Text)
	}
	w.console.tell(l)
}

// reader names who reads a Slack conversation.
func (w *watcher) reader(channel string) string {
	for _, p := range people {
		if w.Slack.Direct(p.slack) == channel {
			return p.id
		}
	}
	if channel == harness.TeamSlack {
		return team
	}
	return channel
}

// sceneNamed gives the scene of a certificate; those of the buttons and of the
// visitor are in none, and have its looks only.
func sceneNamed(name string) scene {
	i := slices.IndexFunc(scenes, func(s scene) bool { return s.name == name })
	if i < 0 {
		return scene{tag: cut(name, 10), subject: subject{name: name}}
	}
	return scenes[i]
}

func reasonOf(m notifytest.Mail) alert.Reason {
	return alert.Reason(m.Header.Get("X-Neverlapse-Reason"))
}
