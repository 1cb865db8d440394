package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/test/harness"
)

// post tells a new or changed Slack message.
func (w *watcher) post(m notifytest.SlackMessage) {
	before, known := w.posts[m.TS]
	s, ok := sceneOf(slackAbout(m))
	if !ok || known && before.Updates == m.Updates {
		return
	}
	w.posts[m.TS] = m
	l := line{scene: s, from: "slack", text: fmt.Sprintf("to %s: %s", w.reader(m.Channel), m.Text)}
	switch {
	case known:
		l.text = fmt.Sprintf("the message to %s now reads: %s", w.reader(m.Channel), m.Text)
	case m.Thread != "":
		l.text = fmt.Sprintf("to %s, in the thread: %s", w.reader(m.Channel), m.Text)
	}
	for text := range strings.Lines(m.Reading()) {
		text = strings.TrimSpace(text)
		answered := strings.HasPrefix(text, "Acknowledged by") || strings.HasPrefix(text, "Snoozed by")
		if answered || !known && strings.HasPrefix(text, "| ") && !strings.HasPrefix(text, "| neverlapse") {
			l.quote = append(l.quote, strings.TrimPrefix(text, "| "))
		}
	}
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

// mail tells its subject; the first page about a certificate is shown whole.
func (w *watcher) mail(m notifytest.Mail) {
	s, ok := sceneOf(mailAbout(m))
	if !ok {
		return
	}
	l := line{scene: s, from: "mail", text: fmt.Sprintf("to %s: %s", strings.Join(m.To, ", "), m.Subject)}
	if reasonOf(m) == alert.AttemptsSpent && !w.paged[s.name] {
		w.paged[s.name] = true
		l.quote = lines(m.Text)
	}
	w.console.tell(l)
}

// reader names who reads a conversation.
func (w *watcher) reader(channel string) string {
	for id, name := range map[string]string{harness.OwnerSlack: "minji", harness.ManagerSlack: "hana", harness.OnCallSlack: "jun"} {
		if w.Slack.Direct(id) == channel {
			return name
		}
	}
	if channel == harness.TeamSlack {
		return "#platform"
	}
	return channel
}

func sceneOf(name string) (scene, bool) {
	i := slices.IndexFunc(scenes, func(s scene) bool { return s.name == name })
	if i < 0 {
		return scene{}, false
	}
	return scenes[i], true
}

var footer = regexp.MustCompile(`Neverlapse, alert ([^/\s]+)/`)

// slackAbout names the certificate that a message is about.
func slackAbout(m notifytest.SlackMessage) string {
	if found := footer.FindStringSubmatch(m.Reading()); found != nil {
		return found[1]
	}
	return ""
}

func mailAbout(m notifytest.Mail) string { return m.Header.Get("X-Neverlapse-Certificate") }

func reasonOf(m notifytest.Mail) alert.Reason {
	return alert.Reason(m.Header.Get("X-Neverlapse-Reason"))
}
