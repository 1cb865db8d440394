package certmanager

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source/cluster"
)

func compare(a, b string) int { return strings.Compare(a, b) }

// trouble tells what is wrong with the renewal of a Certificate; no code if
// nothing is. The words hold instants and no spans, so that they stay the same
// while nothing changes.
func (c certificate) trouble(now time.Time, grace time.Duration) (cert.FindingCode, string) {
	issuing, ready := find(c.Status.Conditions, "Issuing"), find(c.Status.Conditions, "Ready")
	over := func(t time.Time) bool { return !t.IsZero() && now.Sub(t) > grace }
	switch {
	case c.Status.FailedAttempts > 0:
		return cert.RenewalStuck, fmt.Sprintf("cert-manager failed to issue it %s, last at %s", times(c.Status.FailedAttempts), instant(c.Status.LastFailureTime)) + said(issuing)
	case issuing.Status == "True" && over(issuing.LastTransitionTime):
		return cert.RenewalStuck, "cert-manager has been issuing it since " + instant(issuing.LastTransitionTime) + said(issuing)
	case issuing.Status == "True": // it is at it
		return "", ""
	case ready.Status == "False" && over(ready.LastTransitionTime):
		return cert.RenewalStuck, "it has not been ready since " + instant(ready.LastTransitionTime) + said(ready)
	case over(c.Status.RenewalTime):
		return cert.RenewalLate, "cert-manager meant to renew it at " + instant(c.Status.RenewalTime) + ", and has not begun; does it run?"
	case len(c.Status.Conditions) == 0 && over(c.Metadata.CreationTimestamp):
		return cert.RenewalLate, "it was asked for at " + instant(c.Metadata.CreationTimestamp) + ", and cert-manager has not looked at it; does it run?"
	}
	return "", ""
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// said quotes a condition.
func said(c condition) string {
	text := strings.Trim(c.Reason+": "+c.Message, ": ")
	if text == "" {
		return ""
	}
	return " (" + scan.Clean(text) + ")"
}

// maxStory bounds what is quoted: it stands in an alert.
const maxStory = 900

func cut(text string) string {
	if len(text) <= maxStory {
		return text
	}
	text = text[:maxStory]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text + "…"
}

// story quotes the request that is under way, its Order, the Challenges of that,
// and the warnings among their events. What may not be read is left out of it:
// the finding stands without.
func (s *Source) story(ctx context.Context, c certificate, under request) (string, error) {
	var out strings.Builder
	tell := func(what string) { out.WriteString("; " + what) }
	involved := []string{where("Certificate", c.Metadata)}
	if under.Metadata.Name != "" {
		tell(where("CertificateRequest", under.Metadata) + said(under.state()))
		involved = append(involved, where("CertificateRequest", under.Metadata))
		orders, err := s.owned(ctx, "orders", under.Metadata)
		if err != nil {
			return "", err
		}
		for _, o := range orders {
			tell(where("Order", o.Metadata) + o.said())
			involved = append(involved, where("Order", o.Metadata))
			challenges, err := s.owned(ctx, "challenges", o.Metadata)
			if err != nil {
				return "", err
			}
			for _, ch := range challenges {
				tell(fmt.Sprintf("Challenge %s, %s for %s", ch.Metadata.Name, scan.Clean(ch.Spec.Type), scan.Clean(ch.Spec.DNSName)) + ch.said())
				involved = append(involved, where("Challenge", ch.Metadata))
			}
		}
	}
	events, err := s.warnings(ctx, c.Metadata.Namespace, involved)
	for _, e := range events {
		tell(fmt.Sprintf("event of %s %s: %s: %s", e.Involved.Kind, e.Involved.Name, scan.Clean(e.Reason), scan.Clean(e.Message)))
	}
	return out.String(), err
}

// state is the condition of a request that says most.
func (r request) state() condition {
	for _, kind := range []string{"Denied", "InvalidRequest"} {
		if c := find(r.Status.Conditions, kind); c.Status == "True" {
			return c
		}
	}
	if c := find(r.Status.Conditions, "Ready"); c.Status != "" {
		return c
	}
	return condition{Message: "nobody has taken it up; is there such an issuer, and is the request approved?"}
}

func (x step) said() string { return said(condition{Reason: x.Status.State, Message: x.Status.Reason}) }

// owned lists the Orders or Challenges that belong to an object. A cluster that
// has no ACME issuer may have none of these kinds.
func (s *Source) owned(ctx context.Context, plural string, by cluster.Metadata) ([]step, error) {
	all, _, err := list[step](ctx, s, acmeGroup, by.Namespace, plural, "", nil)
	if err != nil {
		return nil, quietly(err)
	}
	return slices.DeleteFunc(all, func(x step) bool {
		return !slices.ContainsFunc(x.Metadata.OwnerReferences, func(o cluster.Owner) bool { return o.UID == by.UID })
	}), nil
}

const mostEvents = 5

// warnings are the last events that warn of one of these objects.
func (s *Source) warnings(ctx context.Context, namespace string, involved []string) ([]event, error) {
	all, _, err := list[event](ctx, s, core, namespace, "events", "type=Warning", nil)
	if err != nil {
		return nil, quietly(err)
	}
	all = slices.DeleteFunc(all, func(e event) bool { return !slices.Contains(involved, e.Involved.Kind+" "+e.Involved.Name) })
	slices.SortFunc(all, func(a, b event) int {
		return cmp.Or(b.LastTimestamp.Compare(a.LastTimestamp), strings.Compare(a.Message, b.Message))
	})
	return all[:min(len(all), mostEvents)], nil
}
