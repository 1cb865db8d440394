package web

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/people"
)

// PagerDutyPath is where PagerDuty is told to send webhooks (v3).
const PagerDutyPath = "/pagerduty/webhook"

// PagerDutyConfig is what the taking of PagerDuty's webhooks needs.
type PagerDutyConfig struct {
	Secrets []string // of webhook subscriptions; any of them proves the sender
	Answers Answers
	Person  func(user string) (people.Person, bool) // who a user of PagerDuty is
	Log     *slog.Logger
}

type pagerDutyHandler struct{ PagerDutyConfig }

// PagerDutyHandler serves POST PagerDutyPath: what people acknowledge there is
// acknowledged here. Without a secret anybody could, so none is refused.
func PagerDutyHandler(c PagerDutyConfig) (http.Handler, error) {
	if len(c.Secrets) == 0 {
		return nil, errors.New("PagerDuty's webhooks: there is no secret; copy it when the subscription is made")
	}
	if c.Answers == nil || c.Person == nil {
		return nil, errors.New("PagerDuty's webhooks: nobody to take answers to, or no directory")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &pagerDutyHandler{c}, nil
}

// pagerEvent is what is read of a webhook.
type pagerEvent struct {
	Event struct {
		ID    string `json:"id"`
		Type  string `json:"event_type"`
		Agent *struct {
			ID      string `json:"id"`
			Summary string `json:"summary"` // the person's name
			Type    string `json:"type"`
		} `json:"agent"`
		Data struct {
			Key string `json:"incident_key"`
		} `json:"data"`
	} `json:"event"`
}

// ServeHTTP answers 200 to what was taken, once an event, and to what is none of
// ours; 500 makes PagerDuty deliver it again.
func (h *pagerDutyHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := posted(w, r)
	if !ok {
		return
	}
	if !h.signed(r.Header.Values("X-PagerDuty-Signature"), body) {
		h.Log.Warn("a webhook is not signed by PagerDuty", "from", r.RemoteAddr)
		http.Error(w, "not signed by PagerDuty", http.StatusUnauthorized)
		return
	}
	var e pagerEvent
	if err := json.Unmarshal(body, &e); err != nil || e.Event.Type == "" {
		http.Error(w, "not an event", http.StatusBadRequest)
		return
	}
	a, ours := h.answer(e)
	if !ours {
		return // 200
	}
	w.WriteHeader(h.hand(r.Context(), a))
}

// signed holds that one of the signatures is by one of the secrets: there are
// several while a secret is replaced.
func (h *pagerDutyHandler) signed(headers []string, body []byte) bool {
	good := false
	for _, s := range strings.Split(strings.Join(headers, ","), ",") {
		encoded, v1 := strings.CutPrefix(strings.TrimSpace(s), "v1=")
		given, err := hex.DecodeString(encoded)
		if !v1 || err != nil {
			continue
		}
		for _, secret := range h.Secrets {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write(body)
			good = hmac.Equal(given, mac.Sum(nil)) || good
		}
	}
	return good
}

// answer reads an event; false for what is no answer of a person to an alert of
// ours. To resolve there is to say "I have dealt with it": that quiets, but only
// evidence closes. What was done through an integration was done by ourselves.
func (h *pagerDutyHandler) answer(e pagerEvent) (Answer, bool) {
	agent := e.Event.Agent
	if e.Event.Type != "incident.acknowledged" && e.Event.Type != "incident.resolved" || agent == nil || agent.Type != "user_reference" || e.Event.ID == "" {
		return Answer{}, false
	}
	ref, err := alert.ParseIncident(e.Event.Data.Key)
	if err != nil {
		h.Log.Info("PagerDuty tells of an incident that is not ours", "cause", err.Error())
		return Answer{}, false
	}
	sum := sha256.Sum256([]byte(e.Event.ID))
	a := Answer{
		ID: "pagerduty-" + hex.EncodeToString(sum[:16]), Certificate: ref.Certificate, AlertID: ref.AlertID, Standing: ref.Standing,
		Action: alert.ActAcknowledge, Via: "pagerduty",
	}
	if p, ok := h.Person(agent.ID); ok {
		a.Person = p
	} else {
		a.Person.ID = alert.Clean("pagerduty:" + agent.ID + " (" + agent.Summary + ")")
	}
	return a, true
}

// hand takes the answer to the workflow and gives the HTTP status.
func (h *pagerDutyHandler) hand(ctx context.Context, a Answer) int {
	ctx = context.WithoutCancel(ctx)
	log := h.Log.With("certificate", a.Certificate, "alert", a.AlertID, "person", a.Person.ID)
	within, cancel := context.WithTimeout(ctx, acceptance)
	defer cancel()
	err := h.Answers.Answer(within, a)
	if err == nil {
		return http.StatusOK
	}
	log = log.With("cause", alert.Clean(err.Error()))
	if _, forbidden := errors.AsType[people.Forbidden](err); forbidden {
		log.Warn("an acknowledgement in PagerDuty is by somebody who may not")
		return http.StatusOK
	}
	if kind := fault.KindOf(err); kind == fault.Invalid || kind == fault.Conflict || kind == fault.NotFound {
		log.Info("an acknowledgement in PagerDuty is refused by the workflow")
		return http.StatusOK
	}
	within, cancel = context.WithTimeout(ctx, signalling)
	defer cancel()
	if err := h.Answers.Signal(within, a); err != nil {
		log.Error("an acknowledgement in PagerDuty could not be handed over; PagerDuty delivers it again", "signal", alert.Clean(err.Error()))
		return http.StatusInternalServerError
	}
	log.Warn("an acknowledgement in PagerDuty is left as a signal")
	return http.StatusOK
}
