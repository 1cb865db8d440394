package lifecycle

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// compareAt is the lifetime at which spans of different kinds are compared.
const compareAt = 365 * 24 * time.Hour

var (
	severities  = []alert.Severity{alert.P1, alert.P2, alert.P3, alert.P4}
	reaches     = []alert.Reach{alert.Quiet, alert.Direct, alert.Wide, alert.PageAll}
	escalations = []string{EscalateInform, "P4", "P3", "P2", "P1", EscalateFailing, EscalateBehind, EscalateApproval}
)

// faults gathers what is wrong with a policy.
type faults []error

func (f *faults) add(path, format string, args ...any) {
	*f = append(*f, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
}

// Validate tells everything that is wrong with a policy whose defaults are
// filled in, each with the field's path.
func (p Policy) Validate() error {
	var f faults
	if p.Name == "" {
		f.add("name", "a policy needs a name")
	}
	p.checkThresholds(&f)
	for i, e := range p.Escalations {
		path := fmt.Sprintf("escalations[%d]", i)
		if slices.ContainsFunc(p.Escalations[:i], func(o Escalation) bool { return o.Name == e.Name }) {
			f.add(path+".name", "%q stands here a second time", e.Name)
		}
		e.check(path, &f)
	}
	if p.MaxAttempts < 1 || p.MaxAttempts > 50 {
		f.add("max_attempts", "%d is not between 1 and 50", p.MaxAttempts)
	}
	p.checkFallback(&f)
	p.checkSpans(&f)
	p.Rollout.check(&f)
	p.Workdays.check(&f)
	p.checkApproval(&f)
	for i, r := range p.NotifySuccess {
		if !slices.Contains(people.Roles, r) {
			f.add(fmt.Sprintf("notify_success[%d]", i), "role %q is not one of %v", r, people.Roles)
		}
	}
	if len(p.Freezes) > 0 && len(f) == 0 { // the spans are good
		p.checkFreezes(&f)
	}
	return errors.Join(f...)
}

// MaxFallback bounds the CAs that are tried after the first.
const MaxFallback = 5

func (p Policy) checkFallback(f *faults) {
	if n := p.FallbackAfter; n < 0 || n > 10 {
		f.add("fallback_after", "%d is not between 1 and 10", n)
	}
	if n := len(p.FallbackCAs); n > MaxFallback {
		f.add("fallback_cas", "%d are too many; name at most %d", n, MaxFallback)
	}
	for i, ca := range p.FallbackCAs {
		if slices.Contains(p.FallbackCAs[:i], ca) {
			f.add(fmt.Sprintf("fallback_cas[%d]", i), "%q stands here a second time", ca)
		}
	}
}

func (p Policy) checkThresholds(f *faults) {
	for i, t := range p.Thresholds {
		path := fmt.Sprintf("thresholds[%d]", i)
		if t.Left.IsZero() {
			f.add(path+".left", "must be longer than zero; expiry itself always counts")
		}
		if !slices.Contains(severities, t.Severity) {
			f.add(path+".severity", "%q is not one of P1, P2, P3, P4", t.Severity)
		}
		if i == 0 {
			continue
		}
		before := p.Thresholds[i-1]
		if t.Left.Of(compareAt) >= before.Left.Of(compareAt) {
			f.add(path+".left", "%s is not shorter than %s before it; list the longest first", t.Left, before.Left)
		}
		if before.Severity.MoreUrgentThan(t.Severity) {
			f.add(path+".severity", "%s is less urgent than %s before it", t.Severity, before.Severity)
		}
	}
	if p.Inform < 0 || p.Inform > len(p.Thresholds) {
		f.add("inform", "%d is not between 0 and the %d thresholds", p.Inform, len(p.Thresholds))
	}
}

func (e Escalation) check(path string, f *faults) {
	if !slices.Contains(escalations, e.Name) {
		f.add(path+".name", "%q is not one of %v", e.Name, escalations)
	}
	if len(e.Steps) == 0 {
		f.add(path+".steps", "somebody must be told")
	}
	for j, s := range e.Steps {
		step := fmt.Sprintf("%s.steps[%d]", path, j)
		if len(s.Roles) == 0 {
			f.add(step+".notify", "name at least one of %v", people.Roles)
		}
		for _, r := range s.Roles {
			if !slices.Contains(people.Roles, r) {
				f.add(step+".notify", "role %q is not one of %v", r, people.Roles)
			}
		}
		if !slices.Contains(reaches, s.Reach) {
			f.add(step+".reach", "%q is not one of quiet, direct, wide, page", s.Reach)
		}
	}
}

func (p Policy) checkSpans(f *faults) {
	for _, s := range []struct {
		path string
		span Span
	}{
		{"ack_for", p.AckFor}, {"renew_left", p.RenewLeft}, {"renew_left_short", p.RenewLeftShort},
		{"last_safe", p.LastSafe}, {"lead", p.lead()}, {"attempt_timeout", p.AttemptTimeout}, {"retry_every", p.RetryEvery},
		{"observe_every", p.ObserveEvery}, {"unseen_after", p.UnseenAfter}, {"urgent_left", p.UrgentLeft},
		{"proof_timeout", p.ProofTimeout},
	} {
		if s.span.Of(compareAt) <= 0 {
			f.add(s.path, "must be longer than zero")
		}
	}
	if p.LastSafe.Of(compareAt) >= p.RenewLeft.Of(compareAt) {
		f.add("last_safe", "%s is not shorter than renew_left %s: the last safe moment comes after renewal begins", p.LastSafe, p.RenewLeft)
	}
}

func (p Policy) checkApproval(f *faults) {
	a := p.Approval
	if a.Before != "" && a.Before != DoIssue && a.Before != DoDeploy {
		f.add("approval.before", "%q is not one of issue, deploy", a.Before)
	}
	if a.Before == "" && (len(a.By) > 0 || a.Count != 0 || a.Unanswered != "" || !a.AskBefore.IsZero()) {
		f.add("approval.before", "is missing: before what is approval needed? write issue or deploy")
	}
	for i, r := range a.By {
		if !slices.Contains(people.Roles, r) {
			f.add(fmt.Sprintf("approval.by[%d]", i), "role %q is not one of %v", r, people.Roles)
		}
	}
	if a.Count < 0 || a.Count > 5 {
		f.add("approval.count", "%d is not between 1 and 5", a.Count)
	}
	if !slices.Contains([]string{"", UnansweredApprove, UnansweredDeny, UnansweredPage}, a.Unanswered) {
		f.add("approval.unanswered", "%q is not one of approve, deny, page", a.Unanswered)
	}
	if left := a.askBefore().Of(compareAt) + p.RenewLeft.Of(compareAt); a.Before != "" && left >= compareAt {
		f.add("approval.ask_before", "%s before renew_left %s is before the certificate begins; shorten it", a.askBefore(), p.RenewLeft)
	}
}
