package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

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

// answer reads what was clicked, by whom. The reference in the button is ours,
// for Slack signed it, but it is checked as if it were not.
func (h *slackHandler) answer(c slack.InteractionCallback) (Answer, error) {
	if c.Type != slack.InteractionTypeBlockActions || len(c.ActionCallback.BlockActions) == 0 {
		return Answer{}, errors.New("not a click on a button")
	}
	click := c.ActionCallback.BlockActions[0]
	action := alert.Action(click.ActionID)
	if !slices.Contains(alert.Actions, action) {
		return Answer{}, fmt.Errorf("unknown action %q", alert.Clean(click.ActionID))
	}
	ref, err := alert.ParseRef(click.Value)
	if err != nil {
		return Answer{}, err
	}
	at, err := instant(click.ActionTs)
	if err != nil || c.User.ID == "" {
		return Answer{}, errors.New("a click without user or time")
	}
	team := c.Team.ID
	if team == "" {
		team = c.Enterprise.ID
	}
	a := Answer{
		ID: clickID(team, c.User.ID, click.ActionTs), Certificate: ref.Certificate, AlertID: ref.AlertID,
		Action: action, SlackUser: c.User.ID, Via: "slack",
	}
	if action == alert.ActSnooze {
		a.Until = at.Add(snoozeFor)
	}
	if p, ok := h.Person(c.User.ID); ok {
		a.Person = p
	} else {
		id := alert.Clean(stranger + c.User.ID)
		a.Person = people.Person{ID: id, Name: id + " (not in the directory)", Slack: c.User.ID}
	}
	return a, nil
}

// stranger begins the ID of whoever is not in the directory.
const stranger = "slack:"

// clickID is the same for every delivery of one click.
func clickID(team, user, actionTS string) string {
	sum := sha256.Sum256([]byte(team + "\x00" + user + "\x00" + actionTS))
	return "slack-" + hex.EncodeToString(sum[:16])
}

// instant reads Slack's "seconds.microseconds".
func instant(ts string) (time.Time, error) {
	seconds, micros, _ := strings.Cut(ts, ".")
	s, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("time of the click: %w", err)
	}
	us, err := strconv.ParseInt((micros + "000000")[:6], 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("time of the click: %w", err)
	}
	return time.Unix(s, us*1000).UTC(), nil
}

// allowed says whether somebody may do this. Whoever sees the message may say "I
// have it" and have it checked; to quiet others for a day or to renew, one has
// to be in the directory.
func allowed(a Answer) bool {
	return !strings.HasPrefix(a.Person.ID, stranger) || a.Action == alert.ActAcknowledge || a.Action == alert.ActCheck
}

// tell sends a word that only the person who clicked sees.
func (h *slackHandler) tell(ctx context.Context, responseURL, word string) error {
	if err := h.answerable(responseURL); err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"response_type": "ephemeral", "replace_original": false, "text": escape(word)})
	if err != nil {
		return fmt.Errorf("encode the word: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, responseURL, bytes.NewReader(body))
	if err != nil {
		return errors.New("the response URL is not one")
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	resp, err := h.client.Do(req)
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
func (h *slackHandler) answerable(responseURL string) error {
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
