package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/slack-go/slack"
)

// slackHandler takes clicks that Slack sends by HTTP.
type slackHandler struct{ *SlackClicks }

// SlackHandler serves POST SlackPath. Without a signing secret anybody could
// click, so an empty one is refused.
func SlackHandler(c SlackConfig) (http.Handler, error) {
	if c.SigningSecret == "" {
		return nil, errors.New("slack interactions: the signing secret is empty; copy it from the app's page")
	}
	clicks, err := NewSlackClicks(c)
	if err != nil {
		return nil, err
	}
	return &slackHandler{clicks}, nil
}

// ServeHTTP verifies the click, hands the answer over and says how it went.
func (h *slackHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := posted(w, r)
	if !ok {
		return
	}
	if err := h.verify(r.Header, body); err != nil {
		h.Log.Warn("slack click refused", "cause", err.Error(), "from", r.RemoteAddr)
		http.Error(w, "not signed by Slack", http.StatusUnauthorized)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	callback, err := slack.InteractionCallbackParse(r)
	if err != nil {
		http.Error(w, "not an interaction", http.StatusBadRequest)
		return
	}
	status, reply, after := h.click(r.Context(), callback)
	if len(reply) > 0 {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(reply)))
	w.WriteHeader(status)
	if _, err := w.Write(reply); err != nil {
		h.Log.Warn("slack click answered late", "cause", err.Error())
	}
	if after == nil {
		return
	}
	if err := http.NewResponseController(w).Flush(); err != nil {
		h.Log.Warn("slack click answered late", "cause", err.Error())
	}
	after(context.WithoutCancel(r.Context()))
}

// verify holds that Slack signed the body within the last five minutes.
func (h *slackHandler) verify(header http.Header, body []byte) error {
	for _, name := range []string{"X-Slack-Signature", "X-Slack-Request-Timestamp"} {
		if n := len(header.Values(name)); n != 1 {
			return fmt.Errorf("%d headers %s, want one", n, name)
		}
	}
	v, err := slack.NewSecretsVerifier(header, h.SigningSecret)
	if err != nil {
		return err
	}
	if _, err := v.Write(body); err != nil {
		return err
	}
	return v.Ensure()
}
