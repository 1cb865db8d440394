package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// submit takes a form that somebody filled in. What is wrong in it is shown at
// the field, anything else that is to be said in place of the form.
func (h *SlackClicks) submit(ctx context.Context, c slack.InteractionCallback) (status int, reply []byte) {
	a, wrong, err := h.filled(c, time.Now())
	switch {
	case err != nil:
		h.Log.Warn("slack form not understood", "cause", alert.Clean(err.Error()))
		return http.StatusBadRequest, nil
	case len(wrong) > 0:
		reply, err = json.Marshal(slack.NewErrorsViewSubmissionResponse(wrong))
	default:
		var word string
		if status, word = h.hand(ctx, a); word == "" {
			return status, nil
		}
		reply, err = ended(a.Person.Language, word)
	}
	if err != nil {
		h.Log.Error("slack form not answered", "cause", err.Error())
		return http.StatusInternalServerError, nil
	}
	return http.StatusOK, reply
}

// filled reads what was filled in, by whom; wrong has what is to be mended, by
// field. As for buttons, what comes back is checked as if it were not ours.
func (h *SlackClicks) filled(c slack.InteractionCallback, now time.Time) (a Answer, wrong map[string]string, err error) {
	if c.View.CallbackID != formID || c.View.State == nil || c.View.ID == "" || c.User.ID == "" {
		return a, nil, errors.New("not a form of ours")
	}
	var meta carried
	if err := json.Unmarshal([]byte(c.View.PrivateMetadata), &meta); err != nil {
		return a, nil, fmt.Errorf("what the form is about: %w", err)
	}
	encoded, err := meta.Encode()
	if err != nil {
		return a, nil, err
	}
	if _, err := alert.ParseRef(encoded); err != nil {
		return a, nil, err
	}
	values, err := json.Marshal(c.View.State.Values) // what was mended is another answer
	if err != nil {
		return a, nil, fmt.Errorf("what was filled in: %w", err)
	}
	a = h.by(c, meta.Ref, c.View.ID+"\x00"+string(values))
	wrong = h.fill(&a, func(id string) slack.BlockAction { return c.View.State.Values[id][id] }, meta, now)
	return a, wrong, nil
}

// fill reads the choice and the fields that belong to it.
func (h *SlackClicks) fill(a *Answer, value func(string) slack.BlockAction, meta carried, now time.Time) map[string]string {
	say := func(w alert.FormWord, pairs ...string) string { return w.Say(a.Person.Language, pairs...) }
	wrong := map[string]string{}
	a.Action = alert.Action(value(fieldWhat).SelectedOption.Value)
	a.Note = strings.TrimSpace(value(fieldNote).Value)
	switch until := value(fieldUntil).SelectedDateTime; {
	case !slices.Contains(alert.FormActions, a.Action):
		wrong[fieldWhat] = say(alert.WrongChoice)
	case a.Action == alert.ActAcknowledge, a.Action == alert.ActTakeOver:
		if given := value(fieldFor).SelectedOption.Value; given != "" && given != lastsMost {
			var err error
			if a.For, err = time.ParseDuration(given); err != nil || a.For <= 0 {
				wrong[fieldFor] = say(alert.WrongChoice)
			}
		}
	case a.Action == alert.ActReassign:
		h.receive(a, value, wrong)
	case a.Action != alert.ActSnooze:
	case until == 0:
		wrong[fieldUntil] = say(alert.WrongUntil)
	case !time.Unix(until, 0).After(now):
		wrong[fieldUntil] = say(alert.WrongPast)
	case meta.Snooze != 0 && until > meta.Snooze:
		wrong[fieldUntil] = say(alert.WrongLate, "time", alert.InZone(time.Unix(meta.Snooze, 0), a.Person.TimeZone))
	default:
		a.Until = time.Unix(until, 0).UTC()
	}
	return wrong
}

// receive reads to whom a certificate is given.
func (h *SlackClicks) receive(a *Answer, value func(string) slack.BlockAction, wrong map[string]string) {
	if h.Forms == nil {
		return
	}
	owners, teams := h.Forms.Receivers()
	at := fieldOwner
	for _, to := range []struct {
		id   string
		all  []Receiver
		into *string
	}{{fieldOwner, owners, &a.Owner}, {fieldTeam, teams, &a.Team}} {
		v := value(to.id)
		if v.Type != "" && to.id == fieldTeam && value(fieldOwner).Type == "" {
			at = fieldTeam
		}
		given := v.SelectedOption.Value
		if typed := strings.TrimSpace(v.Value); typed != "" {
			var trouble alert.FormWord
			var near string
			if given, near, trouble = find(to.all, typed); trouble != "" {
				wrong[to.id] = trouble.Say(a.Person.Language, "near", near)
			}
		}
		if given != stays {
			*to.into = given
		}
	}
	if len(wrong) == 0 && a.Owner == "" && a.Team == "" {
		wrong[at] = alert.WrongTo.Say(a.Person.Language)
	}
}

// nearby is how many receivers are named beside what was typed.
const nearby = 5

// find gives the ID of whom somebody typed, by ID or by the whole name; else why
// it is nobody, and who may have been meant.
func find(all []Receiver, typed string) (id, near string, trouble alert.FormWord) {
	var same, like []string
	for _, r := range all {
		switch {
		case r.ID == typed:
			return r.ID, "", ""
		case strings.EqualFold(r.ID, typed), strings.EqualFold(r.Name, typed):
			same = append(same, r.ID)
		case contains(r.ID, typed), contains(r.Name, typed):
			like = append(like, r.ID)
		}
	}
	switch {
	case len(same) == 1:
		return same[0], "", ""
	case len(same) > 1:
		return "", shortened(same), alert.WrongMany
	case len(like) > 0:
		return "", shortened(like), alert.WrongNear
	}
	return "", "", alert.WrongWho
}

func contains(s, part string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(part))
}

func shortened(ids []string) string {
	if len(ids) > nearby {
		ids = append(slices.Clone(ids[:nearby]), "…")
	}
	return strings.Join(ids, ", ")
}
