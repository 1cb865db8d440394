package scan

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	asn "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Outline is what can be read of a certificate that breaks the rules so far that
// it cannot be read whole. Fields that are not there either are empty.
type Outline struct {
	Fingerprint         cert.Fingerprint
	Serial              string // hex
	Issuer, Subject     string
	NotBefore, NotAfter time.Time
}

// OutlineOf reads the fields before the one that cannot be read, and forgives
// what serials, names and dates look like.
func OutlineOf(der []byte) Outline {
	o := Outline{Fingerprint: cert.FingerprintOfDER(der)}
	in := cryptobyte.String(der)
	var whole, tbs, issuer, validity, subject cryptobyte.String
	var serial cryptobyte.String
	if !in.ReadASN1(&whole, asn.SEQUENCE) || !whole.ReadASN1(&tbs, asn.SEQUENCE) ||
		!tbs.SkipOptionalASN1(asn.Tag(0).Constructed().ContextSpecific()) || !tbs.ReadASN1(&serial, asn.INTEGER) {
		return o
	}
	o.Serial = new(big.Int).SetBytes(serial).Text(16)
	if !tbs.SkipASN1(asn.SEQUENCE) || !tbs.ReadASN1Element(&issuer, asn.SEQUENCE) {
		return o
	}
	o.Issuer = nameOf(issuer)
	if !tbs.ReadASN1(&validity, asn.SEQUENCE) {
		return o
	}
	o.NotBefore, o.NotAfter = timeOf(&validity), timeOf(&validity)
	if tbs.ReadASN1Element(&subject, asn.SEQUENCE) {
		o.Subject = nameOf(subject)
	}
	return o
}

func nameOf(der []byte) string {
	var parts pkix.RDNSequence
	if _, err := asn1.Unmarshal(der, &parts); err != nil {
		return ""
	}
	var n pkix.Name
	n.FillFromRDNSequence(&parts)
	if n.CommonName != "" {
		return clean(n.CommonName)
	}
	return clean(n.String())
}

// timeOf reads a time of either kind, with or without seconds and zone.
func timeOf(in *cryptobyte.String) time.Time {
	var text cryptobyte.String
	var tag asn.Tag
	if !in.ReadAnyASN1(&text, &tag) {
		return time.Time{}
	}
	year := "2006"
	if tag == asn.UTCTime {
		year = "06"
	}
	for _, rest := range []string{"0102150405Z0700", "01021504Z0700", "0102150405.999Z0700", "0102150405"} {
		t, err := time.Parse(year+rest, string(text))
		if err != nil {
			continue
		}
		if tag == asn.UTCTime && t.Year() >= 2050 { // RFC 5280, 4.1.2.5.1
			t = t.AddDate(-100, 0, 0)
		}
		return t.UTC()
	}
	return time.Time{}
}

// String says what is known, for people.
func (o Outline) String() string {
	text := "serial unknown"
	if o.Serial != "" {
		text = "serial " + clean(o.Serial)
	}
	if o.Issuer != "" {
		text += fmt.Sprintf(", issued by %q", o.Issuer)
	}
	if o.NotAfter.IsZero() {
		return text + ", dates unknown"
	}
	return fmt.Sprintf("%s, valid from %s to %s", text, o.NotBefore.Format(time.RFC3339), o.NotAfter.Format(time.RFC3339))
}

// Version is the outline as a version: names and key stay unknown.
func (o Outline) Version() cert.Version {
	return cert.Version{Fingerprint: o.Fingerprint, Serial: o.Serial, Issuer: o.Issuer, NotBefore: o.NotBefore, NotAfter: o.NotAfter}
}
