package scan

import (
	"crypto/x509"
	"fmt"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// ReadRoots reads the PEM file of the roots of private CAs, for Options.Own. A
// certificate that is no CA's is refused: it would make itself trusted.
func ReadRoots(path string) ([]*x509.Certificate, error) {
	data, _, err := readRegular(path)
	if err != nil {
		return nil, err
	}
	roots, err := cert.DecodeChain(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; it has to hold the roots of your CA as PEM", path, err)
	}
	for i, c := range roots {
		if !c.IsCA && !isSelfSigned(c) {
			return nil, fmt.Errorf("%s: certificate %d (%s) is no CA's; put the CA's root there, not what it issued", path, i+1, subject(c))
		}
	}
	return roots, nil
}

// beside adds roots to a pool, to the system's if there is none. A machine
// without roots of its own trusts only these.
func beside(pool *x509.CertPool, own []*x509.Certificate) *x509.CertPool {
	if pool == nil {
		var err error
		if pool, err = x509.SystemCertPool(); err != nil {
			pool = x509.NewCertPool()
		}
	} else {
		pool = pool.Clone()
	}
	for _, c := range own {
		pool.AddCert(c)
	}
	return pool
}
