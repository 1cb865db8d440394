package acme

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-acme/lego/v4/challenge/dns01"
	"github.com/miekg/dns"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// caaQuestion is whether a CA may issue for a name.
type caaQuestion struct {
	name       string // without "*."
	wildcard   bool
	identities []string // of the CA, from its directory
	account    string   // URL of ours
	challenge  string
}

// caaTags are the properties that a CA of TLS certificates understands or may pass over.
var caaTags = []string{"issue", "issuewild", "iodef", "contactemail", "contactphone", "issuemail", "issuevmc"}

// checkCAA finds the relevant record set by climbing the tree (RFC 8659, 3) and
// asks it. Servers that do not answer are the CA's to judge.
func (r *Resolver) checkCAA(ctx context.Context, q caaQuestion) error {
	for domain := range dns01.DomainsSeq(dns.Fqdn(q.name)) {
		answer, err := r.ask(ctx, domain, dns.TypeCAA, false)
		if err != nil || answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError {
			return nil
		}
		var set []*dns.CAA
		for _, rr := range answer.Answer {
			if record, ok := rr.(*dns.CAA); ok {
				set = append(set, record)
			}
		}
		if len(set) > 0 {
			return q.allowed(strings.TrimSuffix(domain, "."), set)
		}
	}
	return nil
}

// allowed evaluates a record set (RFC 8659, 4) with the parameters of RFC 8657.
func (q caaQuestion) allowed(at string, set []*dns.CAA) error {
	byTag := make(map[string][]*dns.CAA)
	for _, record := range set {
		tag := strings.ToLower(record.Tag)
		if record.Flag&128 != 0 && !slices.Contains(caaTags, tag) {
			return fault.New(fault.Configuration, "a CAA record of %s has the critical property %q, which no CA may pass over; remove it", at, record.Tag)
		}
		byTag[tag] = append(byTag[tag], record)
	}
	tag := "issue"
	if q.wildcard && len(byTag["issuewild"]) > 0 {
		tag = "issuewild"
	}
	if len(byTag[tag]) == 0 {
		return nil
	}
	var named []string
	for _, record := range byTag[tag] {
		why := q.against(record.Value)
		if why == "" {
			return nil
		}
		named = append(named, fmt.Sprintf("%q %s", record.Value, why))
	}
	return fault.New(fault.Configuration, "CAA records of %s (%s) do not allow this CA to issue for it: %s; add the record: %s. CAA 0 %s %q",
		at, tag, strings.Join(named, ", "), at, tag, q.identities[0])
}

// against tells why a record's value does not mean us; empty if it does.
func (q caaQuestion) against(value string) string {
	issuer, parameters, _ := strings.Cut(value, ";")
	issuer = strings.TrimSpace(issuer)
	if !slices.ContainsFunc(q.identities, func(id string) bool { return strings.EqualFold(id, issuer) }) {
		if issuer == "" {
			return "allows nobody"
		}
		return "is another CA"
	}
	for _, p := range strings.FieldsFunc(parameters, func(r rune) bool { return r == ';' }) {
		key, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		switch key, v = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(v); {
		case key == "accounturi" && v != q.account:
			return "is for another account than " + q.account
		case key == "validationmethods" && !slices.Contains(strings.Split(v, ","), q.challenge):
			return "does not allow " + q.challenge
		}
	}
	return ""
}

// bogus tells that the zone's DNSSEC is broken: a validating resolver refuses
// to answer, and answers once it is told not to validate (RFC 4035, 3.2.2).
// CAs validate, so they will refuse.
func (r *Resolver) bogus(ctx context.Context, answer *dns.Msg) error {
	if answer.Rcode != dns.RcodeServerFailure {
		return nil
	}
	name := strings.TrimSuffix(answer.Question[0].Name, ".")
	unchecked, err := r.ask(ctx, name, answer.Question[0].Qtype, true)
	if err != nil || unchecked.Rcode != dns.RcodeSuccess && unchecked.Rcode != dns.RcodeNameError {
		return nil
	}
	return fault.New(fault.Validation, "the DNSSEC of %s is broken: a resolver that validates does not answer, and answers without validating; "+
		"mend the signatures of the zone or its DS record at the parent", name)
}
