package ct

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/source/chains"
)

// poison marks a precertificate, so that nobody takes it for a certificate (RFC 6962, 3.1).
var poison = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 3}

// told are the findings that can be made of a certificate alone: the API shows no
// chain. That it is a CA's is none of them, since that would keep it out of triage.
var told = []cert.FindingCode{cert.UnwantedCA, cert.WildcardUnwanted, cert.WeakKey, cert.WeakSignature, cert.CommonNameOnly, cert.WrongUsage}

// sighting is that of one issuance; without a place if it has ended. ours: it is for
// the domain, or cannot be read so far that this is known.
func (s *Source) sighting(domain string, x issuance) (at source.Sighting, ours bool) {
	at = source.Sighting{Place: s.places(domain) + x.ID, Host: domain, Issued: true}
	der, err := base64.StdEncoding.DecodeString(x.Der)
	if err != nil || len(der) == 0 {
		if !concerns(domain, x.DNSNames) {
			return at, false
		}
		return chains.Troubled(at, "the answer has no certificate in it"), true
	}
	var names []string
	leaf, err := x509.ParseCertificate(der)
	if err == nil {
		at.Version, names = cert.VersionOf(leaf), append(slices.Clone(leaf.DNSNames), leaf.Subject.CommonName)
	} else { // clients may be more lenient, and so is the API
		at.Version, names = scan.OutlineOf(der).Version(), x.DNSNames
		at.Version.Names = lower(names)
	}
	v := &at.Version
	v.Fingerprint, v.Issuer = "", scan.Clean(v.Issuer)
	for i, n := range v.Names {
		v.Names[i] = scan.Clean(n)
	}
	switch {
	case !concerns(domain, names):
		return at, false
	case v.Serial == "" || v.NotAfter.IsZero():
		return chains.Troubled(at, fmt.Sprintf("the certificate cannot be read: %v", err)), true
	case !s.now().Before(v.NotAfter):
		return source.Sighting{}, true
	case err != nil:
		at.Findings = append(at.Findings, cert.Find(cert.CertificateUnreadable, scan.Clean("the certificate cannot be read: "+err.Error())))
	default:
		at.Findings = s.findings(domain, leaf)
	}
	if x.Revoked {
		what := "it was revoked"
		if x.Revocation != nil && x.Revocation.Time != "" {
			what += " at " + scan.Clean(x.Revocation.Time)
		}
		at.Findings = append(at.Findings, cert.Find(cert.Revoked, what))
	}
	return at, true
}

// findings are what is wrong with what was issued.
func (s *Source) findings(domain string, leaf *x509.Certificate) []cert.Finding {
	leaf.UnhandledCriticalExtensions = slices.DeleteFunc(leaf.UnhandledCriticalExtensions, poison.Equal)
	all := slices.DeleteFunc(s.judge.Judge([]*x509.Certificate{leaf}, nil), func(f cert.Finding) bool { return !slices.Contains(told, f.Code) })
	unwanted := slices.ContainsFunc(all, func(f cert.Finding) bool { return f.Code == cert.UnwantedCA })
	issuer := leaf.Issuer.String()
	expected := len(s.options.ExpectedCAs) == 0 || slices.ContainsFunc(s.options.ExpectedCAs, func(piece string) bool {
		return strings.Contains(strings.ToLower(issuer), strings.ToLower(strings.TrimSpace(piece)))
	})
	if !expected && !unwanted {
		all = append(all, cert.Find(cert.UnwantedCA, fmt.Sprintf("issued by %q; of %s other CAs are expected", scan.Clean(issuer), domain)))
	}
	return all
}

// concerns reports whether one of the names is the domain, is below it, or is a
// wildcard that covers it.
func concerns(domain string, names []string) bool {
	names = lower(names)
	below := func(n string) bool { return n == domain || strings.HasSuffix(n, "."+domain) }
	return slices.ContainsFunc(names, below) || len(cert.Covers(names, []string{domain})) == 0
}

func lower(names []string) []string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		if n = strings.ToLower(strings.TrimSuffix(n, ".")); n != "" {
			out = append(out, n)
		}
	}
	return out
}
