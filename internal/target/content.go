package target

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// content is a pair as bytes for each role.
type content struct {
	fingerprint cert.Fingerprint
	bytes       map[role][]byte
}

// render turns a pair into file contents. The whole of Pair.Check is the
// caller's, who knows names and time; a key of another certificate is refused
// here too, because some servers die of it.
func render(pair cert.Pair, k Keystores) (content, error) {
	certs, err := cert.DecodeChain(pair.Chain)
	if err != nil {
		return content{}, fault.New(fault.Invalid, "pair: %w", err)
	}
	signer, err := cert.DecodeKey(pair.Key)
	if err != nil {
		return content{}, fault.New(fault.Invalid, "pair: %w", err)
	}
	f := cert.FingerprintOf(certs[0])
	if !belongs(signer, certs[0].PublicKey) {
		return content{}, fault.New(fault.Invalid, "pair: the private key does not belong to the certificate %s", f.Short())
	}
	encoded, err := cert.EncodeKey(signer)
	if err != nil {
		return content{}, fault.New(fault.Invalid, "pair: %w", err)
	}
	c := chainContent(certs)
	c.bytes[key] = encoded
	c.bytes[combined] = append(bytes.Clone(encoded), c.bytes[fullchain]...) // the key first, as Postfix insists
	return c, k.render(c.bytes, signer, certs)
}

// chainContent is what needs no key.
func chainContent(certs []*x509.Certificate) content {
	return content{cert.FingerprintOf(certs[0]), map[role][]byte{
		fullchain:   cert.EncodeChain(certs),
		certificate: cert.EncodeChain(certs[:1]),
		chain:       cert.EncodeChain(certs[1:]),
	}}
}

func belongs(key crypto.Signer, public crypto.PublicKey) bool {
	pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && pub.Equal(public)
}

// errNoCertificate: nothing that can be read as a certificate.
var errNoCertificate = errors.New("no certificate there")

// leafOf gives the PEM of the leaf in what was found, by role.
func leafOf(found map[role][]byte, k Keystores) ([]byte, error) {
	cause := errNoCertificate
	for _, r := range []role{fullchain, certificate, combined, pkcs12, jks} {
		data, ok := found[r]
		if !ok {
			continue
		}
		certs, err := k.chainIn(r, data)
		if err == nil {
			return cert.EncodeChain(certs[:1]), nil
		}
		cause = fmt.Errorf("%s: %w", r, err)
	}
	return nil, cause
}

// coherent gives the version that all items together are of; an error of kind
// Proof if they do not belong together, as after a crash between two renames.
func coherent(items []item, found map[role][]byte, k Keystores) (cert.Version, error) {
	pem, err := leafOf(found, k)
	if err != nil {
		return cert.Version{}, fault.New(fault.NotFound, "%w", err)
	}
	certs, err := cert.DecodeChain(pem)
	if err != nil {
		return cert.Version{}, err
	}
	v := cert.VersionOf(certs[0])
	for _, it := range items {
		if it.role.holdsLeaf() {
			own, err := k.chainIn(it.role, found[it.role])
			if err != nil || cert.FingerprintOf(own[0]) != v.Fingerprint {
				return cert.Version{}, apart(it, "certificate", v.Fingerprint, err)
			}
		}
		if it.role.holdsKey() {
			signer, err := k.keyIn(it.role, found[it.role])
			if err != nil || !belongs(signer, certs[0].PublicKey) {
				return cert.Version{}, apart(it, "key of the certificate", v.Fingerprint, err)
			}
		}
	}
	return v, nil
}

func apart(it item, what string, f cert.Fingerprint, cause error) error {
	if cause != nil {
		return fault.New(fault.Proof, "the files do not belong together: %s does not hold the %s %s: %w", it.path, what, f.Short(), cause)
	}
	return fault.New(fault.Proof, "the files do not belong together: %s does not hold the %s %s", it.path, what, f.Short())
}
