package notifytest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// PagerDuty answers as its Events API v2 does, keeps incidents, and sends
// webhooks v3 about what people do there.
type PagerDuty struct {
	*Vendor
	RoutingKey    string
	WebhookSecret string

	mu        sync.Mutex
	incidents []*Incident
}

// Incident is one of PagerDuty's.
type Incident struct {
	ID       string
	Key      string // dedup_key
	Status   string // triggered, acknowledged, resolved
	Title    string
	Severity string
	Links    []string
	Log      []string // message of each trigger event
	Rung     int      // how often somebody was called: once, unless it is triggered anew after its end
}

// NewPagerDuty listens on a free loopback port.
func NewPagerDuty() (*PagerDuty, error) {
	p := &PagerDuty{RoutingKey: "0123456789abcdef0123456789abcdef", WebhookSecret: "whs-5f2e1d0c"}
	var err error
	p.Vendor, err = NewVendor(p.enqueue)
	return p, err
}

// Events is what the url option takes.
func (p *PagerDuty) Events() string { return p.URL() + "/v2/enqueue" }

// Incidents gives copies, the oldest first.
func (p *PagerDuty) Incidents() []Incident {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Incident
	for _, i := range p.incidents {
		c := *i
		c.Log = slices.Clone(i.Log)
		out = append(out, c)
	}
	return out
}

// pagerEvent has the documented fields of an event, and no others.
type pagerEvent struct {
	RoutingKey  string `json:"routing_key"`
	EventAction string `json:"event_action"`
	DedupKey    string `json:"dedup_key"`
	Client      string `json:"client"`
	ClientURL   string `json:"client_url"`
	Links       []struct{ Href, Text string }
	Images      []struct{ Src, Href, Alt string }
	Payload     *struct {
		Summary, Source, Severity, Component, Group, Class string
		Timestamp                                          time.Time
		CustomDetails                                      map[string]any `json:"custom_details"`
	} `json:"payload"`
}

func (p *PagerDuty) enqueue(a Asked) Said {
	invalid := func(why string) Said {
		return Said{400, fmt.Sprintf(`{"status":"invalid event","message":"Event object is invalid","errors":[%q]}`, why)}
	}
	var e pagerEvent
	err := exactly(a.Body, &e)
	switch {
	case a.Method != http.MethodPost || a.Path != "/v2/enqueue":
		return refused(404, "not found")
	case len(a.Body) > 512<<10:
		return refused(413, "Payload Too Large")
	case err != nil:
		return invalid(err.Error())
	case e.RoutingKey != p.RoutingKey:
		return invalid("Invalid routing key")
	case len(e.DedupKey) > 255:
		return invalid("Length of 'dedup_key' is incorrect (should be less than or equal to 255 characters)")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.incidents, func(i *Incident) bool { return i.Key == e.DedupKey && i.Status != "resolved" })
	switch e.EventAction {
	case "trigger":
		if why := p.trigger(e, i); why != "" {
			return invalid(why)
		}
	case "acknowledge", "resolve":
		if e.DedupKey == "" {
			return invalid("'dedup_key' is missing or blank")
		}
		if i >= 0 {
			p.incidents[i].Status = map[string]string{"acknowledge": "acknowledged", "resolve": "resolved"}[e.EventAction]
		}
	default:
		return invalid("'event_action' is invalid")
	}
	return Said{202, fmt.Sprintf(`{"status":"success","message":"Event processed","dedup_key":%q}`, e.DedupKey)}
}

// trigger begins an incident, or adds to the one at i; it says what is wrong.
func (p *PagerDuty) trigger(e pagerEvent, i int) string {
	d := e.Payload
	switch {
	case d == nil || d.Summary == "":
		return "'payload.summary' is missing or blank"
	case units(d.Summary) > 1024:
		return "Length of 'payload.summary' is incorrect (should be less than or equal to 1024 characters)"
	case d.Source == "":
		return "'payload.source' is missing or blank"
	case !slices.Contains([]string{"critical", "error", "warning", "info"}, d.Severity):
		return "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')"
	}
	for _, l := range e.Links {
		if !isURL.MatchString(l.Href) {
			return "'links.href' is invalid"
		}
	}
	if i < 0 {
		p.incidents = append(p.incidents, &Incident{
			ID: fmt.Sprintf("PINC%03d", len(p.incidents)+1), Key: e.DedupKey, Status: "triggered", Title: d.Summary, Severity: d.Severity, Rung: 1,
		})
		i = len(p.incidents) - 1
		for _, l := range e.Links {
			p.incidents[i].Links = append(p.incidents[i].Links, l.Href)
		}
	}
	message, _ := d.CustomDetails["message"].(string)
	p.incidents[i].Log = append(p.incidents[i].Log, d.Summary+"\n"+message)
	return ""
}

// Agent is whoever does something in PagerDuty.
type Agent struct{ ID, Name, Type string }

// Webhook is one delivery of a webhook v3; the zero value of what is optional is
// as PagerDuty has it.
type Webhook struct {
	Type    string // incident.acknowledged
	EventID string
	Agent   *Agent // nil: nobody
	Secrets []string
	Headers map[string]string // instead of the signature
}

// Deliver sends a webhook about an incident to an address; what it does there
// happens in the stand-in, too. It gives the answer's status.
func (p *PagerDuty) Deliver(ctx context.Context, url string, i Incident, w Webhook) (int, error) {
	status := strings.TrimPrefix(w.Type, "incident.")
	p.mu.Lock()
	for _, x := range p.incidents {
		if x.ID == i.ID && (status == "acknowledged" || status == "resolved") {
			x.Status = status
		}
	}
	p.mu.Unlock()
	event := map[string]any{
		"id": w.EventID, "event_type": w.Type, "resource_type": "incident", "occurred_at": time.Now().UTC().Format(time.RFC3339Nano), "client": nil, "agent": nil,
		"data": map[string]any{
			"id": i.ID, "type": "incident", "self": "https://api.pagerduty.com/incidents/" + i.ID, "html_url": "https://acme.pagerduty.com/incidents/" + i.ID, "number": 1,
			"status": status, "incident_key": i.Key, "created_at": time.Now().UTC().Format(time.RFC3339), "title": i.Title, "urgency": "high",
			"service": map[string]any{"id": "PF9KMXH", "summary": "Certificates", "type": "service_reference"}, "assignees": []any{}, "teams": []any{}, "priority": nil,
		},
	}
	if w.Agent != nil {
		event["agent"] = map[string]any{"id": w.Agent.ID, "summary": w.Agent.Name, "type": w.Agent.Type, "self": "https://api.pagerduty.com/users/" + w.Agent.ID, "html_url": "https://acme.pagerduty.com/users/" + w.Agent.ID}
	}
	body, err := json.Marshal(map[string]any{"event": event})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	secrets := w.Secrets
	if secrets == nil {
		secrets = []string{p.WebhookSecret}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "PagerDuty-Webhook/V3.0")
	req.Header.Set("X-PagerDuty-Signature", PagerDutySignature(body, secrets...))
	for k, v := range w.Headers {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// PagerDutySignature is the header of a webhook v3: one signature a secret.
func PagerDutySignature(body []byte, secrets ...string) string {
	var all []string
	for _, s := range secrets {
		h := hmac.New(sha256.New, []byte(s))
		h.Write(body)
		all = append(all, "v1="+hex.EncodeToString(h.Sum(nil)))
	}
	return strings.Join(all, ",")
}
