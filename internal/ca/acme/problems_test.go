package acme

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	legoacme "github.com/go-acme/lego/v4/acme"

	"github.com/neverlapse/neverlapse/internal/fault"
)

var update = flag.Bool("update", false, "rewrite docs/acme-errors.md")

const problemsFile = "../../../docs/acme-errors.md"

// registered are the types of IANA's registry "ACME Error Types", and of the
// profiles draft.
var registered = strings.Fields(`accountDoesNotExist alreadyReplaced alreadyRevoked autoRenewalCanceled autoRenewalCancellationInvalid
	autoRenewalExpired autoRenewalRevocationNotSupported badCSR badNonce badPublicKey badRevocationReason badSignatureAlgorithm caa
	compound connection dns externalAccountRequired incorrectResponse invalidContact invalidProfile malformed onionCAARequired
	orderNotReady rateLimited rejectedIdentifier serverInternal tls unauthorized unknownDelegation unsupportedContact
	unsupportedIdentifier userActionRequired`)

func TestEveryRegisteredProblemHasAVerdict(t *testing.T) {
	t.Parallel()
	var listed []string
	for _, p := range Problems {
		listed = append(listed, p.Type)
		if p.Remedy == "" && (p.Asked == Final || p.Asked == Ours) {
			t.Errorf("%s: a human must act, and is not told how", p.Type)
		}
		if p.Source == "" || p.Means == "" || words[p.Asked] == "" || words[p.Checked] == "" {
			t.Errorf("%s: a column is empty", p.Type)
		}
	}
	if !slices.Equal(listed, registered) {
		t.Errorf("the table lists\n%v\nIANA\n%v", listed, registered)
	}
}

func TestSubproblemsDecideACompoundProblem(t *testing.T) {
	t.Parallel()
	compound := func(types ...string) *legoacme.ProblemDetails {
		p := &legoacme.ProblemDetails{Type: ProblemTypePrefix + "compound", HTTPStatus: 403}
		for _, s := range types {
			p.SubProblems = append(p.SubProblems, legoacme.SubProblem{Type: ProblemTypePrefix + s})
		}
		return p
	}
	for _, tc := range []struct {
		types     string
		kind      fault.Kind
		elsewhere bool
	}{
		{"rateLimited serverInternal", fault.Unavailable, true},
		{"dns connection", fault.Validation, false},
		{"dns caa rateLimited", fault.Configuration, false},
		{"rejectedIdentifier rejectedIdentifier", fault.Configuration, true},
		{"rejectedIdentifier dns", fault.Configuration, false},
	} {
		got := judge(compound(strings.Fields(tc.types)...), false)
		if got.kind != tc.kind || got.elsewhere != tc.elsewhere {
			t.Errorf("%s: %s, another CA helps: %t", tc.types, got.kind, got.elsewhere)
		}
	}
	if got := judge(compound(), false).kind; got != fault.Validation {
		t.Errorf("none: %s", got)
	}
}

func TestAPausedNameIsForAHumanAndOthersWait(t *testing.T) {
	t.Parallel()
	for detail, kind := range map[string]fault.Kind{
		"Your account is temporarily prevented from requesting certificates for a.example.com and possibly others. Please visit: https://portal.example/sfe/v1/unpause?jwt=x": fault.Configuration,
		"too many new orders recently": fault.Unavailable,
	} {
		err := (&CA{name: "x"}).fault("new order", &refusal{status: 429, problem: legoacme.ProblemDetails{Type: ProblemTypePrefix + "rateLimited", Detail: detail}})
		if !fault.Is(err, kind) || !fault.Elsewhere(err) {
			t.Errorf("%s for: %v", fault.KindOf(err), err)
		}
		if kind == fault.Configuration && !strings.Contains(err.Error(), "what to do: follow the link") {
			t.Errorf("nobody is told what to do: %v", err)
		}
	}
}

// words say what follows from a verdict.
var words = map[Verdict]string{
	Final:   "People are told at the first failure. It costs an attempt; the next ones are spread up to the last safe moment, and more than `max_attempts` (with other CAs to try: `fallback_after` more for each) are never made.",
	Refused: "The CA looked and said no. As above; each attempt opens an order of its own, since a failed one leads nowhere.",
	Later:   "Nothing is sent to the CA before the date it gives (Retry-After), or before the policy's `retry_every`. It costs no attempt. One quiet notice; louder ones come from the thresholds.",
	Again:   "Tried again within the same attempt, half a second later at first and then at longer intervals, for minutes at most. Nobody is told unless it stays.",
	Ours:    "Neverlapse sent what it should not have sent. Treated like *final*; please report it.",
}

func TestTheTableInTheDocsIsTheOneInTheCode(t *testing.T) {
	want := page()
	if *update {
		if err := os.WriteFile(problemsFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(problemsFile)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the code says (%v); write it by: go test ./internal/ca/acme -run Docs -update", problemsFile, err)
	}
}

func page() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# What follows from an error of a CA\n")
	line("Generated from internal/ca/acme/problems.go by `go test ./internal/ca/acme -run Docs -update`; do not edit.\n")
	line("An ACME CA says what is wrong by a *problem* (RFC 8555, 6.7), as the answer to a request or as its verdict on a challenge or an order.")
	line("Each type has one consequence, and what a human can do is added to the text that people read.\n")
	line("| Verdict | What follows |\n|---|---|")
	for _, v := range []Verdict{Final, Refused, Later, Again, Ours} {
		line("| %s | %s |", v, words[v])
	}
	line("\nThe first failure informs and does not page. *Elsewhere* tells that another CA need not say the same: after some in a row [the next CA](cas.md#when-one-ca-keeps-failing) of the certificate is tried.\n")
	line("| Type | Defined in | It means | As an answer | Of a challenge or order | Elsewhere | What to do |\n|---|---|---|---|---|---|---|")
	for _, p := range append(slices.Clone(Problems), pausedProblem) {
		name, elsewhere := "`"+p.Type+"`", ""
		if p.Source == "" {
			name += ", paused"
			p.Source = "Let's Encrypt"
		}
		if p.Elsewhere {
			elsewhere = "yes"
		}
		line("| %s | %s | %s | %s | %s | %s | %s |", name, p.Source, p.Means, p.Asked, p.Checked, elsewhere, p.Remedy)
	}
	line("\nA type that is not in the table goes by its HTTP status as an answer, and is *refused* as a verdict.\n")
	line("| What is no problem document | Verdict |\n|---|---|")
	line("| no connection, no answer in time, HTTP 429 and 5xx of any content | later |")
	line("| a connection that breaks within an answer | again |")
	line("| HTTP 404 and 410 on an order | the order is gone: another is opened |")
	line("| a TLS certificate of the CA's server that is not trusted, a redirect, other HTTP 4xx | final |")
	line("| our own store, or the service that holds its key, does not give the account out | `store-unavailable`, not `ca-unavailable`: no attempt is spent, the CA's account hears nothing of it, and no other CA is tried for it |")
	line("| a chain for another key, for other names, out of date, incomplete, or to a root that is not in `issuer_roots_file` | refused: it is neither stored as a candidate nor deployed |")
	return b.String()
}
