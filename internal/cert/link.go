package cert

import (
	"crypto/x509"
	"time"
)

// Link is one certificate of a chain, as a reader sees it. Its texts are as the
// CA wrote them, which may be hostile.
type Link struct {
	Subject      string      `json:"subject"` // common name, or the whole distinguished name
	Issuer       string      `json:"issuer"`
	NotBefore    time.Time   `json:"notBefore"`
	NotAfter     time.Time   `json:"notAfter"`
	KeyAlgorithm string      `json:"keyAlgorithm"`
	Signature    string      `json:"signatureAlgorithm"`
	Serial       string      `json:"serial"`
	Fingerprint  Fingerprint `json:"fingerprint"`
	CA           bool        `json:"ca"`
}

// LinkOf reads one certificate.
func LinkOf(c *x509.Certificate) Link {
	l := Link{
		Subject: c.Subject.CommonName, Issuer: issuerName(c), NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
		KeyAlgorithm: KeyAlgorithmOf(c), Signature: c.SignatureAlgorithm.String(), Serial: c.SerialNumber.Text(16),
		Fingerprint: FingerprintOf(c), CA: c.IsCA,
	}
	if l.Subject == "" {
		l.Subject = c.Subject.String()
	}
	if names := namesOf(c); l.Subject == "" && len(names) > 0 { // many leaves have no subject any more
		l.Subject = names[0]
	}
	return l
}
