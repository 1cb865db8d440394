package cert

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"strings"
	"unicode"
)

var subjectKeys = map[string]func(*pkix.Name, string){
	"CN": func(n *pkix.Name, v string) { n.CommonName = v },
	"O":  func(n *pkix.Name, v string) { n.Organization = append(n.Organization, v) },
	"OU": func(n *pkix.Name, v string) { n.OrganizationalUnit = append(n.OrganizationalUnit, v) },
	"L":  func(n *pkix.Name, v string) { n.Locality = append(n.Locality, v) },
	"ST": func(n *pkix.Name, v string) { n.Province = append(n.Province, v) },
	"C":  func(n *pkix.Name, v string) { n.Country = append(n.Country, strings.ToUpper(v)) },
}

// ParseSubject reads "O=Example Inc,L=Seoul,C=KR", as OV and EV certificates
// want it; \, is a comma within a value. Empty text is an empty subject.
func ParseSubject(text string) (pkix.Name, error) {
	var n pkix.Name
	const comma = "\x00"
	for _, part := range strings.Split(strings.ReplaceAll(text, `\,`, comma), ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		key, value, ok := strings.Cut(part, "=")
		key, value = strings.ToUpper(strings.TrimSpace(key)), strings.TrimSpace(strings.ReplaceAll(value, comma, ","))
		set, known := subjectKeys[key]
		switch {
		case !ok || !known:
			return n, fmt.Errorf("subject: %q is not KEY=VALUE with one of CN, O, OU, L, ST, C", strings.ReplaceAll(part, comma, ","))
		case value == "" || strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }):
			return n, fmt.Errorf("subject: %s has no value that can be printed", key)
		case key == "C" && len(value) != 2:
			return n, fmt.Errorf("subject: C=%s: write the country by its two letters, such as KR", value)
		}
		set(&n, value)
	}
	return n, nil
}

// Request makes a certificate request (DER) for names, signed by their key.
func Request(key crypto.Signer, names []string, subject pkix.Name) ([]byte, error) {
	tmpl := &x509.CertificateRequest{Subject: subject}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, n)
		}
	}
	return x509.CreateCertificateRequest(rand.Reader, tmpl, key)
}

// RequestedNames are those of a certificate request, sorted.
func RequestedNames(r *x509.CertificateRequest) []string {
	return namesOf(&x509.Certificate{DNSNames: r.DNSNames, IPAddresses: r.IPAddresses, Subject: r.Subject})
}

// KeyReference is how a store calls the private key of a public one: the
// SHA-256 of the latter's DER.
func KeyReference(public crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("encode public key: %w", err)
	}
	return sumOf(der), nil
}
