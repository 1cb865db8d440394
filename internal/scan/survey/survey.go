// Package survey looks at very many places in one go: lists of endpoints and whole
// networks, folders of files. It keeps every core and socket busy without one
// host, one dead server or one hostile file holding up the others, and gathers
// what it finds by certificate: found at five places it is one record. app calls
// it for `neverlapse scan`.
//
// How one endpoint or one file is read and judged is package scan's; it decides
// nothing, tells nobody, and keeps nothing but the cache that it is given.
package survey

import (
	"crypto/x509"
	"sync"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan"
)

// The kinds of places.
const (
	Endpoint = "endpoint"
	File     = "file"
)

// Place is where something was found.
type Place struct {
	Kind    string `json:"kind"`              // endpoint or file
	Where   string `json:"where"`             // the endpoint as cert.ParseEndpoint reads it, or the path
	Address string `json:"address,omitempty"` // of an endpoint: the ip:port that answered
	Alias   string `json:"alias,omitempty"`   // of the entry of a keystore
	Format  string `json:"format,omitempty"`  // of a file: PEM, DER, PKCS#12 or JKS
	Key     string `json:"key,omitempty"`     // of a file without: that in which its private key lies
	// OtherKey: an endpoint serves it only to clients that want another type of
	// key than it serves to most.
	OtherKey bool `json:"otherKey,omitempty"`
}

// Found is what one place showed.
type Found struct {
	Place    Place
	Version  cert.Version // the zero version if nothing could be read
	Chain    []*cert.Link // leaf first; links of CAs are shared
	Findings []cert.Finding
}

// Seen reports whether there is a certificate, readable or in outline.
func (f Found) Seen() bool { return f.Version.Fingerprint != "" }

// links makes the links of chains, those of CAs once.
type links struct {
	mu    sync.Mutex
	known map[cert.Fingerprint]*cert.Link
}

func (l *links) of(chain []*x509.Certificate) []*cert.Link {
	out := make([]*cert.Link, len(chain))
	for i, c := range chain {
		if !c.IsCA {
			out[i] = link(c)
			continue
		}
		print := cert.FingerprintOf(c)
		l.mu.Lock()
		if l.known == nil {
			l.known = map[cert.Fingerprint]*cert.Link{}
		}
		if l.known[print] == nil {
			l.known[print] = link(c)
		}
		out[i] = l.known[print]
		l.mu.Unlock()
	}
	return out
}

func link(c *x509.Certificate) *cert.Link {
	l := cert.LinkOf(c)
	l.Subject, l.Issuer = scan.Clean(l.Subject), scan.Clean(l.Issuer)
	return &l
}

// outlined is a certificate of which only an outline is known.
func outlined(p Place, o scan.Outline, findings []cert.Finding) Found {
	v := o.Version()
	return Found{Place: p, Version: v, Findings: findings, Chain: []*cert.Link{{
		Subject: o.Subject, Issuer: o.Issuer, NotBefore: o.NotBefore, NotAfter: o.NotAfter, Serial: o.Serial, Fingerprint: o.Fingerprint,
	}}}
}
