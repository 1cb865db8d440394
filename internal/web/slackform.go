package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// Form is what somebody may say about an alert as it stands.
type Form struct {
	Subject     string         // what is the matter, in the person's language
	Actions     []alert.Action // that it takes now
	Standing    string         // of the alert now
	SnoozeUntil time.Time      // latest end of a snooze; zero: any
	QuietUntil  time.Time      // latest end of an acknowledgement
}

// Receiver is a person or team of the directory.
type Receiver struct{ ID, Name string }

// Forms tells what may be filled in, and opens forms.
type Forms interface {
	// Form is for whoever pressed "More…"; its errors are as those of Answers.
	Form(ctx context.Context, a Answer) (Form, error)
	// Receivers are all to whom a certificate can be given.
	Receivers() (people, teams []Receiver)
	// Open shows a form to whoever pressed; the trigger of the click is good for
	// three seconds, and once.
	Open(ctx context.Context, trigger string, form slack.ModalViewRequest) error
}

// Slack takes the answer to a click, and its trigger, for three seconds.
const (
	looking = 1200 * time.Millisecond
	opening = 1400 * time.Millisecond
)

// formID names the form among everything that the app may open.
const formID = "neverlapse-answer"

// The fields of the form: blocks with one element each, of the same ID.
const (
	fieldWhat  = "what"
	fieldUntil = "until"
	fieldFor   = "for"
	fieldOwner = "owner"
	fieldTeam  = "team"
	fieldNote  = "note"
)

// stays is the choice of no new owner or team; no ID is written so.
const stays = "-"

// lastsMost is the choice of as long as the policy allows.
const lastsMost = "most"

// Slack's limits on views and options.
const (
	maxOptions = 100
	maxOption  = 75
	maxValue   = 150
	maxSubject = 1000
	maxNote    = 500
)

// carried goes with the form and comes back with it.
type carried struct {
	alert.Ref
	Snooze int64 `json:"snooze,omitempty"` // Form.SnoozeUntil, in seconds
}

// open shows the form for an alert to whoever pressed "More…".
func (h *SlackClicks) open(ctx context.Context, a Answer, trigger string) (status int, word string) {
	if h.Forms == nil {
		return http.StatusBadRequest, ""
	}
	ctx = context.WithoutCancel(ctx)
	within, cancel := context.WithTimeout(ctx, min(looking, h.acceptance))
	defer cancel()
	f, err := h.Forms.Form(within, a)
	if err != nil {
		return h.refuse(a, err, within.Err() != nil)
	}
	owners, teams := h.Forms.Receivers()
	view, err := form(a, f, owners, teams)
	if err != nil {
		h.Log.Warn("a form could not be made", "certificate", a.Certificate, "cause", err.Error())
		return http.StatusInternalServerError, ""
	}
	within, cancel = context.WithTimeout(ctx, opening)
	defer cancel()
	if err := h.Forms.Open(within, trigger, view); err != nil {
		h.Log.Warn("a form could not be opened", "certificate", a.Certificate, "person", a.Person.ID, "cause", alert.Clean(err.Error()))
		return http.StatusOK, alert.ClickUnopened.Say(a.Person.Language, a.SlackUser, err.Error())
	}
	return http.StatusOK, ""
}

// form lays out what may be said.
func form(a Answer, f Form, owners, teams []Receiver) (slack.ModalViewRequest, error) {
	say := func(w alert.FormWord, pairs ...string) string { return w.Say(a.Person.Language, pairs...) }
	at := func(t time.Time) string { return alert.InZone(t, a.Person.TimeZone) }
	meta := carried{Ref: alert.Ref{Certificate: a.Certificate, AlertID: a.AlertID, Standing: f.Standing}}
	if !f.SnoozeUntil.IsZero() {
		meta.Snooze = f.SnoozeUntil.Unix()
	}
	data, err := json.Marshal(meta)
	if err != nil {
		return slack.ModalViewRequest{}, fmt.Errorf("encode the form: %w", err)
	}
	offers := map[alert.Action]bool{}
	var what []*slack.OptionBlockObject
	for _, do := range f.Actions {
		offers[do] = true
		what = append(what, option(string(do), say(alert.FormDo(do))))
	}
	blocks := []slack.Block{
		slack.NewSectionBlock(plainText(f.Subject, maxSubject), nil, nil),
		field(fieldWhat, say(alert.FormWhat), "", slack.NewRadioButtonsBlockElement(fieldWhat, what...), false),
	}
	if offers[alert.ActSnooze] {
		hint := ""
		if !f.SnoozeUntil.IsZero() {
			hint = say(alert.FormLatest, "time", at(f.SnoozeUntil))
		}
		blocks = append(blocks, field(fieldUntil, say(alert.FormUntil), hint, slack.NewDateTimePickerBlockElement(fieldUntil), true))
	}
	if offers[alert.ActAcknowledge] || offers[alert.ActTakeOver] {
		lasts := []*slack.OptionBlockObject{option(lastsMost, say(alert.FormMost, "time", at(f.QuietUntil))), option("1h", say(alert.FormHour))}
		for _, n := range []string{"4", "12"} {
			lasts = append(lasts, option(n+"h", say(alert.FormHours, "n", n)))
		}
		blocks = append(blocks, field(fieldFor, say(alert.FormFor), "", slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, nil, fieldFor, lasts...), true))
	}
	if offers[alert.ActReassign] {
		blocks = append(blocks, receivers(a, fieldOwner, say(alert.FormOwner), owners)...)
		blocks = append(blocks, receivers(a, fieldTeam, say(alert.FormTeam), teams)...)
	}
	note := slack.NewPlainTextInputBlockElement(nil, fieldNote).WithMultiline(true).WithMaxLength(maxNote)
	blocks = append(blocks, field(fieldNote, say(alert.FormNote), "", note, true))
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: plainText(say(alert.FormTitle), 24), Submit: plainText(say(alert.FormSubmit), 24), Close: plainText(say(alert.FormClose), 24),
		CallbackID: formID, PrivateMetadata: string(data), Blocks: slack.Blocks{BlockSet: blocks},
	}, nil
}

// ended is a form in which there is nothing to do but to read.
func ended(language, word string) ([]byte, error) {
	return json.Marshal(slack.NewUpdateViewSubmissionResponse(&slack.ModalViewRequest{
		Type: slack.VTModal, Title: plainText(alert.FormTitle.Say(language), 24), Close: plainText(alert.FormEnd.Say(language), 24),
		CallbackID: formID, Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewSectionBlock(plainText(word, maxSubject), nil, nil)}},
	}))
}

// receivers lets somebody pick to whom, or type it where a list cannot hold all.
func receivers(a Answer, id, label string, all []Receiver) []slack.Block {
	if len(all) == 0 {
		return nil
	}
	picked := []*slack.OptionBlockObject{option(stays, alert.FormStays.Say(a.Person.Language))}
	for _, r := range all {
		name := r.ID
		if r.Name != "" && r.Name != r.ID {
			name = r.Name + " (" + r.ID + ")"
		}
		if picked = append(picked, option(r.ID, name)); len(picked) > maxOptions || alert.Within(r.ID, maxValue) != r.ID {
			hint := alert.FormTyped.Say(a.Person.Language, "n", strconv.Itoa(len(all)))
			return []slack.Block{field(id, label, hint, slack.NewPlainTextInputBlockElement(nil, id).WithMaxLength(maxValue), true)}
		}
	}
	return []slack.Block{field(id, label, "", slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, nil, id, picked...), true)}
}

func option(value, text string) *slack.OptionBlockObject {
	return slack.NewOptionBlockObject(value, plainText(text, maxOption), nil)
}

func field(id, label, hint string, element slack.BlockElement, optional bool) *slack.InputBlock {
	var below *slack.TextBlockObject
	if hint != "" {
		below = plainText(hint, maxSubject)
	}
	return slack.NewInputBlock(id, plainText(label, maxSubject), below, element).WithOptional(optional)
}

func plainText(s string, limit int) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, alert.Within(alert.Clean(s), limit), false, false)
}
