package acme

import (
	"regexp"
	"strings"

	legoacme "github.com/go-acme/lego/v4/acme"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// Verdict says what follows from a problem of a CA.
type Verdict string

// The verdicts.
const (
	Final   Verdict = "final"   // only a human can mend it
	Refused Verdict = "refused" // the CA looked and said no
	Later   Verdict = "later"   // the CA cannot at the moment, and may say until when
	Again   Verdict = "again"   // the same request may work in seconds
	Ours    Verdict = "ours"    // Neverlapse sent what it should not have sent
)

// kind is how the rest of the program calls a verdict.
func (v Verdict) kind() fault.Kind {
	switch v {
	case Refused:
		return fault.Validation
	case Later:
		return fault.Unavailable
	case Again:
		return fault.Transient
	}
	return fault.Configuration
}

// Problem is one error type of ACME (RFC 8555, 6.7) and what follows from it.
type Problem struct {
	Type   string // without urn:ietf:params:acme:error:
	Source string // where it is defined
	Means  string
	// Asked is the verdict where it answers a request, Checked where it is the
	// error of a challenge or of an order.
	Asked, Checked Verdict
	// Elsewhere tells that another CA need not say the same.
	Elsewhere bool
	Remedy    string // what a human does about it; empty where nobody has to
}

// ProblemTypePrefix is what the type of every ACME problem begins with.
const ProblemTypePrefix = "urn:ietf:params:acme:error:"

const (
	mendDNS   = "look at the name's DNS records and at DNSSEC"
	mendHost  = "see that the challenge's answer can be fetched from the Internet at this name: A and AAAA records, firewall, redirects"
	mendAgree = "follow the link of the CA's message in a browser; it wants a human to agree to or to confirm something"
	reportIt  = "report it to Neverlapse with this text"
)

// Problems lists every type that is registered with IANA for orders, and what
// CAs answer beside them.
var Problems = []Problem{
	{"accountDoesNotExist", "RFC 8555, 6.7", "the CA does not know the account", Final, Final, true, "the account is made again once by itself; if this stays, ask the CA what became of it"},
	{"alreadyReplaced", "RFC 9773, 7.4", "the certificate to be replaced has an order already", Again, Again, false, ""},
	{"alreadyRevoked", "RFC 8555, 6.7", "the certificate is revoked", Final, Final, false, "nothing: what was asked for is so already"},
	{"autoRenewalCanceled", "RFC 8739, 6", "an order that renews by itself was cancelled", Ours, Ours, false, reportIt},
	{"autoRenewalCancellationInvalid", "RFC 8739, 6", "an order that renews by itself cannot be cancelled", Ours, Ours, false, reportIt},
	{"autoRenewalExpired", "RFC 8739, 6", "an order that renews by itself has ended", Ours, Ours, false, reportIt},
	{"autoRenewalRevocationNotSupported", "RFC 8739, 6", "a certificate that renews by itself cannot be revoked", Final, Final, false, "ask the CA how it wants the certificate to be ended"},
	{"badCSR", "RFC 8555, 6.7", "the CA does not take the certificate request", Final, Final, true, "see whether the CA takes this key type and these names; a request that was given must hold what it asks for"},
	{"badNonce", "RFC 8555, 6.7", "the anti-replay nonce was used or is too old", Again, Again, false, ""},
	{"badPublicKey", "RFC 8555, 6.7", "the CA does not take the public key", Final, Final, true, "take another key type; if a key is reused, renew with a new one"},
	{"badRevocationReason", "RFC 8555, 6.7", "the CA does not take the reason of a revocation", Final, Final, false, "give another reason; most CAs take keyCompromise, superseded, cessationOfOperation, affiliationChanged and unspecified"},
	{"badSignatureAlgorithm", "RFC 8555, 6.7", "the CA does not take the algorithm of our signature", Ours, Ours, true, reportIt},
	{"caa", "RFC 8555, 6.7", "a CAA record forbids this CA to issue", Final, Final, false, "let the owner of the DNS zone add the CA to the CAA record, or issue from a CA that is in it"},
	{"compound", "RFC 8555, 6.7", "several problems; the one that is hardest to mend decides", Refused, Refused, false, ""},
	{"connection", "RFC 8555, 6.7", "the CA could not connect to the host that was to answer", Refused, Refused, false, mendHost},
	{"dns", "RFC 8555, 6.7", "a DNS query failed during validation", Refused, Refused, false, mendDNS},
	{"externalAccountRequired", "RFC 8555, 6.7", "the CA wants accounts bound to one of its own", Final, Final, true, "get a key from the CA and set eab_kid and eab_hmac_file"},
	{"incorrectResponse", "RFC 8555, 6.7", "what the host answered is not the answer to the challenge", Refused, Refused, false, mendHost + "; something else answers there"},
	{"invalidContact", "RFC 8555, 6.7", "the CA does not take the account's address", Final, Final, true, "set another email in the options of the CA"},
	{"invalidProfile", "draft-ietf-acme-profiles, 7.3", "the CA has no such profile, or not for these names", Final, Final, true, "choose a profile that the CA offers"},
	{"malformed", "RFC 8555, 6.7", "the CA could not understand the request", Ours, Ours, true, reportIt},
	{"onionCAARequired", "RFC 9799, 9.2", "a name below .onion needs its CAA records in the order", Final, Final, false, "names below .onion are not supported"},
	{"orderNotReady", "RFC 8555, 6.7", "the order was finalized before it was ready, or twice", Again, Again, false, ""},
	{"rateLimited", "RFC 8555, 6.7", "a rate limit of the CA is reached", Later, Refused, true, ""},
	{"rejectedIdentifier", "RFC 8555, 6.7", "the CA does not issue for this name", Final, Final, true, "see whether the name is right and public; the CA may block it by its policy"},
	{"serverInternal", "RFC 8555, 6.7", "the CA failed", Later, Refused, true, ""},
	{"tls", "RFC 8555, 6.7", "the CA got a TLS error from the host that was to answer", Refused, Refused, false, mendHost},
	{"unauthorized", "RFC 8555, 6.7", "as an answer: the account may not; as a verdict: the host gave a wrong answer", Final, Refused, false, "see that the account is valid and that the challenge's answer is served at this name"},
	{"unknownDelegation", "RFC 9115, 6", "the CA does not know the delegation", Ours, Ours, false, reportIt},
	{"unsupportedContact", "RFC 8555, 6.7", "the CA does not take this kind of address", Final, Final, true, "set another email in the options of the CA, or none"},
	{"unsupportedIdentifier", "RFC 8555, 6.7", "the CA does not issue for this kind of name", Final, Final, true, "take another CA or profile for IP addresses, or remove the name"},
	{"userActionRequired", "RFC 8555, 6.7", "the CA wants a human to visit a page", Final, Final, true, mendAgree},
}

// paused recognises Let's Encrypt's word that a name failed so often that it is
// paused until somebody unpauses it: no date comes with it, and waiting is in vain.
var paused = regexp.MustCompile(`temporarily prevented from requesting|/unpause`)

// pausedProblem is such an answer, whatever type it has.
var pausedProblem = Problem{Type: "rateLimited", Means: "the CA paused the name after very many failed validations", Asked: Final, Checked: Final, Elsewhere: true, Remedy: mendAgree}

// problemOf finds the row of a problem document; false for a type that is not known.
func problemOf(p *legoacme.ProblemDetails) (Problem, bool) {
	short := shortType(p.Type)
	if short == "rateLimited" && paused.MatchString(p.Detail) {
		return pausedProblem, true
	}
	for _, known := range Problems {
		if known.Type == short {
			return known, true
		}
	}
	return Problem{}, false
}

func shortType(t string) string { return strings.TrimPrefix(t, ProblemTypePrefix) }

// finding is what follows from one problem document.
type finding struct {
	kind      fault.Kind
	elsewhere bool
	remedy    string
}

// judge draws it: checked tells that the problem is the error of a challenge or an order.
func judge(p *legoacme.ProblemDetails, checked bool) finding {
	if shortType(p.Type) == "compound" && len(p.SubProblems) > 0 {
		return hardest(p.SubProblems, checked)
	}
	row, ok := problemOf(p)
	switch {
	case !ok && checked:
		return finding{kind: fault.Validation}
	case !ok:
		kind := kindOfStatus(p.HTTPStatus)
		return finding{kind: kind, elsewhere: kind == fault.Unavailable}
	case p.HTTPStatus == 404 && row.Asked == Ours: // what was asked for is not there
		return finding{kind: fault.NotFound}
	case checked:
		return finding{row.Checked.kind(), row.Elsewhere, row.Remedy}
	}
	return finding{row.Asked.kind(), row.Elsewhere, row.Remedy}
}

// hardest is the finding of the subproblem that is hardest to mend; another CA
// helps only if it helps with all of them.
func hardest(subs []legoacme.SubProblem, checked bool) finding {
	out := finding{kind: fault.Transient, elsewhere: true}
	for i, sub := range subs {
		f := judge(&legoacme.ProblemDetails{Type: sub.Type, Detail: sub.Detail}, checked)
		if i == 0 || rank(f.kind) > rank(out.kind) {
			out.kind, out.remedy = f.kind, f.remedy
		}
		out.elsewhere = out.elsewhere && f.elsewhere
	}
	return out
}
