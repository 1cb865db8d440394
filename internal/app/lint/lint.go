// Package lint has zlint look whether a CA kept the rules for a certificate. The
// CLI gives it to app, so that its hundreds of rules are in no other program.
//
// It judges neither chains nor how a certificate is served; that is package scan's.
package lint

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"sync"

	zx509 "github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// most is how many findings of one certificate are told.
const most = 20

// Linter looks at each certificate once. It is safe for concurrent use.
type Linter struct {
	everywhere, public lint.Registry
	mu                 sync.Mutex
	known              map[cert.Fingerprint][]cert.Finding
}

// New keeps to the rules of RFC 5280, and for public CAs to those of the
// CA/Browser Forum as well.
func New() (*Linter, error) {
	l := &Linter{known: map[cert.Fingerprint][]cert.Finding{}}
	var err error
	if l.everywhere, err = lint.GlobalRegistry().Filter(lint.FilterOptions{IncludeSources: lint.SourceList{lint.RFC5280}}); err != nil {
		return nil, err
	}
	l.public, err = lint.GlobalRegistry().Filter(lint.FilterOptions{IncludeSources: lint.SourceList{lint.RFC5280, lint.CABFBaselineRequirements}})
	return l, err
}

// Leaf says what is wrong with a certificate of a public or a private CA.
func (l *Linter) Leaf(leaf *x509.Certificate, public bool) []cert.Finding {
	print := cert.FingerprintOf(leaf)
	l.mu.Lock()
	known, ok := l.known[print]
	l.mu.Unlock()
	if ok {
		return slices.Clone(known)
	}
	rules := l.everywhere
	if public {
		rules = l.public
	}
	out := judge(leaf, rules)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[print] = out
	return slices.Clone(out)
}

// judge survives what a hostile certificate does to a rule.
func judge(leaf *x509.Certificate, rules lint.Registry) (out []cert.Finding) {
	defer func() {
		if r := recover(); r != nil {
			out = []cert.Finding{cert.Find(cert.LintWarning, "zlint broke off when it read this certificate")}
		}
	}()
	parsed, err := zx509.ParseCertificate(leaf.Raw)
	if err != nil {
		return []cert.Finding{cert.Find(cert.LintWarning, "zlint cannot read this certificate")}
	}
	results := zlint.LintCertificateEx(parsed, rules).Results
	for name, r := range results {
		switch r.Status {
		case lint.Error, lint.Fatal:
			out = append(out, cert.Find(cert.LintError, describe(rules, name)))
		case lint.Warn:
			out = append(out, cert.Find(cert.LintWarning, describe(rules, name)))
		}
	}
	slices.SortFunc(out, func(a, b cert.Finding) int {
		if a.Code != b.Code {
			return strings.Compare(string(a.Code), string(b.Code))
		}
		return strings.Compare(a.What, b.What)
	})
	if more := len(out) - most; more > 0 {
		out = append(out[:most], cert.Find(cert.LintWarning, fmt.Sprintf("and %d more", more)))
	}
	return out
}

func describe(rules lint.Registry, name string) string {
	if r := rules.CertificateLints().ByName(name); r != nil {
		return fmt.Sprintf("%s: %s (%s)", name, r.Description, r.Citation)
	}
	return name
}
