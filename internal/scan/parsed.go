package scan

import (
	"crypto/x509"
	"sync"
)

// Bounds of the certificates that are remembered: how many, and each in bytes.
const (
	maxParsed    = 256
	longestKnown = 16 << 10
)

// parsed remembers certificates that files held lately, by their DER: an
// intermediate lies in very many files, and a leaf often in some of one folder.
type parsed struct {
	mu    sync.Mutex
	known map[string]*x509.Certificate
}

func (p *parsed) certificate(der []byte) (*x509.Certificate, error) {
	p.mu.Lock()
	c := p.known[string(der)]
	p.mu.Unlock()
	if c != nil {
		return c, nil
	}
	c, err := x509.ParseCertificate(der)
	if err != nil || len(der) > longestKnown {
		return c, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) >= maxParsed {
		p.known = make(map[string]*x509.Certificate, maxParsed)
	}
	p.known[string(der)] = c
	return c, nil
}
