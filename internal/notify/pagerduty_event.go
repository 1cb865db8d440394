package notify

import (
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// pagerEvent is what PagerDuty is sent.
type pagerEvent struct {
	RoutingKey string        `json:"routing_key"`
	Action     string        `json:"event_action"`
	DedupKey   string        `json:"dedup_key"`
	Client     string        `json:"client,omitempty"`
	ClientURL  string        `json:"client_url,omitempty"`
	Links      []pagerLink   `json:"links,omitempty"`
	Payload    *pagerPayload `json:"payload,omitempty"`
}

type pagerLink struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

type pagerPayload struct {
	Summary   string         `json:"summary"`
	Source    string         `json:"source"`
	Severity  string         `json:"severity"`
	Timestamp time.Time      `json:"timestamp,omitzero"`
	Component string         `json:"component,omitempty"`
	Group     string         `json:"group,omitempty"`
	Class     string         `json:"class,omitempty"`
	Details   map[string]any `json:"custom_details,omitempty"`
}

// pagerSeverity is how PagerDuty calls ours; its service decides how urgent each is.
func pagerSeverity(s alert.Severity) string {
	switch s {
	case alert.P1:
		return "critical"
	case alert.P2:
		return "error"
	case alert.P3:
		return "warning"
	}
	return "info"
}

func (p *PagerDuty) trigger(m alert.Message, incident string) pagerEvent {
	n, t, c := m.Notice, text(m), alert.Clean
	e := pagerEvent{
		RoutingKey: p.key, Action: "trigger", DedupKey: incident, Client: "Neverlapse", ClientURL: linkOf(n),
		Payload: &pagerPayload{
			Summary: cut(t.Subject, maxPagerSummary), Source: orElse(c(n.Certificate), "neverlapse"), Severity: pagerSeverity(n.Severity), Timestamp: n.At,
			Component: c(n.Certificate), Group: c(n.Team), Class: c(string(n.Reason)),
			Details: map[string]any{"message": cut(alert.Plain(t), maxPagerDetails), "alert": c(n.AlertID), "told": c(m.To.Name), "step": n.Step + 1},
		},
	}
	if link := linkOf(n); link != "" {
		e.Links = []pagerLink{{link, t.LinkLabel}}
	}
	for key, value := range map[string]string{"owner": n.Owner, "team": n.Team, "environment": n.Environment, "priority": string(n.Severity), "cause": n.Cause} {
		if value != "" {
			e.Payload.Details[key] = c(value)
		}
	}
	return e
}
