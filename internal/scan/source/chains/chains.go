// Package chains makes sightings of the certificates that a source was given as
// PEM or DER. Adapters of package source that read certificates by an API call
// it. It does not look at private keys: what else is in the bytes is left there,
// and nothing of it is kept.
package chains

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"unique"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
)

// Most is how many sightings one piece of data gives; a place with more is one
// of a bundle, such as a list of roots, and is told as trouble.
const Most = 10

// DER are certificates as they were found, in their order. Those of CAs, which
// are found at very many places, are in memory once.
type DER []unique.Handle[string]

// Public takes the certificates out of PEM, or of a certificate in DER.
func Public(data []byte) (DER, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil
	}
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		return fromDER(data)
	}
	var out DER
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" || block.Type == "X509 CERTIFICATE" {
			out = append(out, unique.Make(string(block.Bytes)))
		}
	}
	if len(out) == 0 {
		return nil, errors.New("there is no certificate in it")
	}
	return out, nil
}

func fromDER(data []byte) (DER, error) {
	all, err := x509.ParseCertificates(data)
	switch {
	case err == nil && len(all) > 0:
		var out DER
		for _, c := range all {
			out = append(out, unique.Make(string(c.Raw)))
		}
		return out, nil
	case !scan.OutlineOf(data).NotAfter.IsZero():
		return DER{unique.Make(string(data))}, nil
	}
	return nil, errors.New("neither PEM nor a certificate in DER")
}

// Sightings judges each chain. They are all at's but for their places: the
// second chain of a bundle has "#2" behind its place.
func (d DER) Sightings(judge *scan.Scanner, at source.Sighting) []source.Sighting {
	if len(d) == 0 {
		return nil
	}
	contents, err := judge.Read(d.pem(), 0, "", nil)
	if err != nil {
		return []source.Sighting{Troubled(at, err.Error())}
	}
	var out []source.Sighting
	add := func(v cert.Version, findings []cert.Finding) {
		s := at
		if s.Version, s.Findings = cleaned(v), findings; len(out) > 0 {
			s.Place = fmt.Sprintf("%s#%d", at.Place, len(out)+1)
		}
		out = append(out, s)
	}
	for _, h := range contents.Held {
		add(cert.VersionOf(h.Chain[0]), h.Findings)
	}
	for _, u := range contents.Unreadable {
		if len(contents.Held) == 0 {
			add(u.Outline.Version(), []cert.Finding{cert.Find(cert.CertificateUnreadable, u.Why)})
		}
	}
	if len(out) > Most {
		return []source.Sighting{Troubled(at, fmt.Sprintf("holds %d certificates side by side, as a list of roots does, and not the chain of one", len(out)))}
	}
	return out
}

// Troubled is a place of which nothing is known, and why.
func Troubled(at source.Sighting, why string) source.Sighting {
	at.Version, at.Findings, at.Trouble = cert.Version{}, nil, scan.Clean(why)
	return at
}

func (d DER) pem() []byte {
	var out bytes.Buffer
	for _, der := range d {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: []byte(der.Value())}) // a buffer takes everything
	}
	return out.Bytes()
}

// cleaned makes the texts of a stranger's certificate fit to be shown.
func cleaned(v cert.Version) cert.Version {
	v.Issuer = scan.Clean(v.Issuer)
	for i, n := range v.Names {
		v.Names[i] = scan.Clean(n)
	}
	return v
}
