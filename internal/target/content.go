package target

import (
	"bytes"
	"crypto"
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
func render(pair cert.Pair) (content, error) {
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
	k, err := cert.EncodeKey(signer)
	if err != nil {
		return content{}, fault.New(fault.Invalid, "pair: %w", err)
	}
	all := cert.EncodeChain(certs)
	return content{f, map[role][]byte{
		fullchain:   all,
		certificate: cert.EncodeChain(certs[:1]),
		chain:       cert.EncodeChain(certs[1:]),
		key:         k,
		combined:    append(bytes.Clone(k), all...), // the key first, as Postfix insists
	}}, nil
}

func belongs(key crypto.Signer, public crypto.PublicKey) bool {
	pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && pub.Equal(public)
}

// errNoCertificate: nothing that can be read as a certificate.
var errNoCertificate = errors.New("no certificate there")

// leafOf gives the PEM of the leaf in what was found, by role.
func leafOf(found map[role][]byte) ([]byte, error) {
	cause := errNoCertificate
	for _, r := range []role{fullchain, certificate, combined} {
		data, ok := found[r]
		if !ok {
			continue
		}
		certs, err := cert.DecodeChain(data)
		if err == nil {
			return cert.EncodeChain(certs[:1]), nil
		}
		cause = fmt.Errorf("%s: %w", r, err)
	}
	return nil, cause
}

// coherent gives the version that all items together are of; an error of kind
// Proof if they do not belong together, as after a crash between two renames.
func coherent(items []item, found map[role][]byte) (cert.Version, error) {
	pem, err := leafOf(found)
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
			own, err := cert.DecodeChain(found[it.role])
			if err != nil || cert.FingerprintOf(own[0]) != v.Fingerprint {
				return cert.Version{}, fault.New(fault.Proof, "the files do not belong together: %s does not hold the certificate %s", it.path, v.Fingerprint.Short())
			}
		}
		if it.role.holdsKey() {
			signer, err := cert.DecodeKey(found[it.role])
			if err != nil || !belongs(signer, certs[0].PublicKey) {
				return cert.Version{}, fault.New(fault.Proof, "the files do not belong together: %s does not hold the key of the certificate %s", it.path, v.Fingerprint.Short())
			}
		}
	}
	return v, nil
}
