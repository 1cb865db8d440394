package web

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// answer reads what was clicked, by whom. The reference in the button is ours,
// for Slack signed it, but it is checked as if it were not.
func (h *SlackClicks) answer(c slack.InteractionCallback) (Answer, error) {
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
	a := h.by(c, ref, click.ActionTs)
	if a.Action = action; action == alert.ActSnooze {
		a.Until = at.Add(snoozeFor)
	}
	return a, nil
}

// by is an answer about an alert by whoever did something in Slack; what is the
// same for every delivery of it, and for nothing else that the person did.
func (h *SlackClicks) by(c slack.InteractionCallback, ref alert.Ref, what string) Answer {
	team := c.Team.ID
	if team == "" {
		team = c.Enterprise.ID
	}
	a := Answer{
		ID: clickID(team, c.User.ID, what), Certificate: ref.Certificate, AlertID: ref.AlertID, Standing: ref.Standing, SlackUser: c.User.ID, Via: "slack",
	}
	if p, ok := h.Person(c.User.ID); ok {
		a.Person = p
	} else {
		id := alert.Clean(stranger + c.User.ID)
		a.Person = people.Person{ID: id, Name: id + " (not in the directory)", Slack: c.User.ID}
	}
	return a
}

// stranger begins the ID of whoever is not in the directory.
const stranger = "slack:"

// clickID is the same for every delivery of one click.
func clickID(team, user, what string) string {
	sum := sha256.Sum256([]byte(team + "\x00" + user + "\x00" + what))
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
