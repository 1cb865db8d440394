package notify

import (
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// known is the ID of an alert there: its labels. unknown reads it back.
func known(labels map[string]string) string {
	s, _ := toJSON(labels) // of texts only
	return s
}

func unknown(id string) (labels map[string]string) {
	if json.Unmarshal([]byte(id), &labels) != nil {
		return nil
	}
	return labels
}

func over(p posted) posted {
	p.StartsAt, p.EndsAt = time.Time{}, time.Now().UTC()
	return p
}

func (a *Alertmanager) labels(n alert.Notice) map[string]string {
	severity := map[alert.Severity]string{alert.P1: "critical", alert.P2: "critical", alert.P3: "warning"}[n.Severity]
	out := map[string]string{"alertname": "Neverlapse" + camel(string(n.Reason)), "severity": orElse(severity, "info")}
	for name, value := range map[string]string{
		"certificate": n.Certificate, "alert": n.AlertID, "priority": string(n.Severity), "owner": n.Owner, "team": n.Team, "environment": n.Environment,
	} {
		if value != "" {
			out[name] = alert.Clean(value)
		}
	}
	maps.Copy(out, a.o.Labels)
	return out
}

// camel writes attempts-spent as AttemptsSpent.
func camel(s string) (out string) {
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
		out += strings.ToUpper(word[:1]) + word[1:]
	}
	return out
}

func (a *Alertmanager) alert(m alert.Message, labels map[string]string) posted {
	t := text(m)
	return posted{
		Labels: labels, Annotations: map[string]string{"summary": t.Subject, "description": alert.Plain(t)},
		StartsAt: m.Notice.At.UTC(), EndsAt: time.Now().Add(a.o.Hold).UTC(), GeneratorURL: linkOf(m.Notice),
	}
}
