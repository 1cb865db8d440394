package page

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

const (
	acceptWithin = 8 * time.Second // a worker takes an answer at once, or there is none
	maxNote      = 500             // characters
	maxID        = 64
)

// reply is what came of an answer: a word for the person, and whether it was taken.
type reply struct {
	status int
	word   func(r reader) string
}

func refusal(status int, key string, pairs ...string) *reply {
	return &reply{status, func(r reader) string { return r.T(key, pairs...) }}
}

// request reads who asks what of whom; a reply says what is missing.
func (p *Page) request(r *http.Request, in session) (string, workflows.Request, *reply) {
	name, who, note := r.PathValue("name"), p.person(r, in), strings.TrimSpace(r.PostForm.Get("note"))
	req := workflows.Request{ID: r.PostForm.Get("id"), By: who.ID, Via: p.via(), Note: note}
	bad := check(&req)
	if who.ID == "" {
		bad = refusal(http.StatusUnprocessableEntity, "said.nobody")
	}
	return name, req, bad
}

// check gives a request an ID of its own where it has none that can be used, and
// refuses a note that is none.
func check(req *workflows.Request) *reply {
	if req.ID == "" || len(req.ID) > maxID || alert.Clean(req.ID) != req.ID {
		req.ID = newID()
	}
	if utf8.RuneCountInString(req.Note) > maxNote || !utf8.ValidString(req.Note) {
		return refusal(http.StatusUnprocessableEntity, "said.long", "n", "500")
	}
	return nil
}

// until reads the end of a snooze from a form.
func (p *Page) until(r *http.Request, zone *time.Location) (time.Time, *reply) {
	until := time.Time{}
	if end, ok := snoozes[r.PostForm.Get("until")]; ok {
		until = end(p.Now().In(zone))
	}
	if custom := r.PostForm.Get("custom"); custom != "" {
		until, _ = time.ParseInLocation("2006-01-02T15:04", custom, zone)
	}
	if !until.After(p.Now()) {
		return until, refusal(http.StatusUnprocessableEntity, "said.until")
	}
	return until, nil
}

func (p *Page) acknowledge(w http.ResponseWriter, r *http.Request, in session) {
	name, req, bad := p.request(r, in)
	var last time.Duration
	if f := r.PostForm.Get("for"); f != "" && bad == nil {
		var err error
		if last, err = lifecycle.ParseDuration(f); err != nil {
			bad = refusal(http.StatusUnprocessableEntity, "said.until")
		}
	}
	answer := workflows.AcknowledgeRequest{Request: req, Alert: r.PostForm.Get("alert"), Seen: r.PostForm.Get("seen"), For: last}
	said := "acknowledged"
	p.act(w, r, in, name, bad, &said, func(ctx context.Context) error {
		err := p.Certificates.Acknowledge(ctx, name, answer)
		if err == nil || ctx.Err() == nil {
			return err
		}
		leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if p.Certificates.LeaveAcknowledge(leaving, name, answer) != nil {
			return err
		}
		said = "left"
		return nil
	})
}

func (p *Page) snooze(w http.ResponseWriter, r *http.Request, in session) {
	name, req, bad := p.request(r, in)
	until, past := p.until(r, p.reader(r, in).Zone)
	if bad == nil {
		bad = past
	}
	said := "snoozed"
	p.act(w, r, in, name, bad, &said, func(ctx context.Context) error {
		return p.Certificates.Snooze(ctx, name, workflows.SnoozeRequest{Request: req, Alert: r.PostForm.Get("alert"), Seen: r.PostForm.Get("seen"), Until: until.UTC()})
	})
}

func (p *Page) check(w http.ResponseWriter, r *http.Request, in session) {
	name, req, bad := p.request(r, in)
	said := "checked"
	p.act(w, r, in, name, bad, &said, func(ctx context.Context) error { return p.Certificates.ObserveNow(ctx, name, req) })
}

// act does what the reader asked and says what came of it: taken leads back to
// the certificate, not taken shows it with the reason and what was typed.
func (p *Page) act(w http.ResponseWriter, r *http.Request, in session, name string, bad *reply, said *string, do func(context.Context) error) {
	if cert.ValidateName(name) != nil {
		p.explain(w, r, in, http.StatusNotFound, "said.nothing")
		return
	}
	if bad == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), acceptWithin)
		defer cancel()
		err := do(ctx)
		if err == nil {
			p.fleet.stale()
			http.Redirect(w, r, Link(p.base, name)+"?said="+*said, http.StatusSeeOther)
			return
		}
		p.Log.Info("page: not taken", "certificate", name, "person", p.person(r, in).ID, "cause", err.Error())
		if bad = p.why(err); bad == nil {
			p.showCertificate(w, r, in, name, http.StatusNotFound, nil)
			return
		}
	}
	p.showCertificate(w, r, in, name, bad.status, func(c *certificate, s workflows.Status) {
		c.Said, c.frame.Trouble = bad.word(c.R), true
		if bad.status == http.StatusConflict {
			c.overtaken(s, r.PostForm.Get("alert"), r.PostForm.Get("seen"))
		}
		for i := range c.Alerts {
			if c.Alerts[i].ID == r.PostForm.Get("alert") {
				c.Alerts[i].Typed = typed{r.PostForm.Get("note"), r.PostForm.Get("for"), r.PostForm.Get("until"), r.PostForm.Get("custom")}
			}
		}
	})
}

// why tells what an error means to a person; nil: the certificate is not there.
func (p *Page) why(err error) *reply {
	if no, ok := errors.AsType[lifecycle.Refusal](err); ok {
		return refusal(http.StatusConflict, "said.refused", "cause", alert.Clean(no.Text))
	}
	if no, ok := errors.AsType[people.Forbidden](err); ok {
		return refusal(http.StatusForbidden, "said.forbidden", "who", alert.Clean(no.Who), "may", alert.Clean(no.Whom()))
	}
	if errors.Is(err, workflows.ErrNotEnrolled) {
		return nil
	}
	return refusal(http.StatusServiceUnavailable, "said.away")
}

// overtaken says in the reader's words that somebody was faster, where that is
// why the workflow refused.
func (c *certificate) overtaken(s workflows.Status, id, seen string) {
	a := s.State.Alert(id)
	switch {
	case a == nil || seen == "" || !a.Open() || a.Standing() == seen:
	case a.Answer != nil:
		c.Said = c.R.T("said.first", "who", alert.Clean(a.Answer.By), "via", alert.Clean(a.Answer.Via), "time", c.R.Plain(a.Answer.At))
	default:
		c.Said = c.R.T("said.changed")
	}
}

func (p *Page) approve(w http.ResponseWriter, r *http.Request, in session) {
	p.decide(w, r, in, "approved", p.Certificates.Approve)
}

func (p *Page) deny(w http.ResponseWriter, r *http.Request, in session) {
	p.decide(w, r, in, "denied", p.Certificates.Deny)
}

// decide approves or denies what waits for it; a denial needs a reason.
func (p *Page) decide(w http.ResponseWriter, r *http.Request, in session, said string, do func(context.Context, string, workflows.DecideRequest) error) {
	name, req, bad := p.request(r, in)
	if bad == nil && said == "denied" && req.Note == "" {
		bad = refusal(http.StatusUnprocessableEntity, "said.reason")
	}
	p.act(w, r, in, name, bad, &said, func(ctx context.Context) error {
		return do(ctx, name, workflows.DecideRequest{Request: req, Alert: r.PostForm.Get("alert"), Seen: r.PostForm.Get("seen")})
	})
}
