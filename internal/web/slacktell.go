package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// ephemeral is a word that only the person who clicked sees.
func ephemeral(word string) map[string]any {
	return map[string]any{"response_type": "ephemeral", "replace_original": false, "text": escape(word)}
}

// tell sends a message to the response URL of a click.
func (h *SlackClicks) tell(ctx context.Context, responseURL string, message map[string]any) error {
	ctx, cancel := context.WithTimeout(ctx, explanation)
	defer cancel()
	if err := h.answerable(responseURL); err != nil {
		return err
	}
	body, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode the word: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, responseURL, bytes.NewReader(body))
	if err != nil {
		return errors.New("the response URL is not one")
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	resp, err := h.Client.Do(req)
	if err != nil {
		var u *url.Error // it shows the URL, which is as good as a secret
		if errors.As(err, &u) {
			err = u.Err
		}
		return fmt.Errorf("reach %s: %w", req.URL.Host, err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody)); err != nil {
		return fmt.Errorf("%s: %w", req.URL.Host, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s says %s", req.URL.Host, resp.Status)
	}
	return nil
}

// answerable holds that a response URL leads to Slack.
func (h *SlackClicks) answerable(responseURL string) error {
	u, err := url.Parse(responseURL)
	if err != nil || u.Host == "" {
		return errors.New("the click carries no response URL")
	}
	host := strings.ToLower(u.Hostname())
	slackHost := strings.HasSuffix(host, ".slack.com") || strings.HasSuffix(host, ".slack-gov.com")
	if u.Scheme == "https" && slackHost {
		return nil
	}
	if api, err := url.Parse(h.APIURL); err == nil && api.Host != "" && api.Host == u.Host && api.Scheme == u.Scheme {
		return nil
	}
	return fmt.Errorf("the response URL leads to %s, not to Slack", alert.Clean(u.Host))
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// about is a log of what somebody did and what came of it.
func (h *SlackClicks) about(a Answer, err error) *slog.Logger {
	return h.Log.With("certificate", a.Certificate, "action", a.Action, "person", a.Person.ID, "cause", alert.Clean(err.Error()))
}
