package target

import (
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// PEM gives full chain and key as files would get them; fault.Invalid if they
// do not belong together. Kinds that are reached by an API call it.
func PEM(pair cert.Pair) (full, private []byte, err error) {
	c, err := render(pair, Keystores{})
	return c.bytes[fullchain], c.bytes[key], err
}

// VersionIn reads back what PEM gave: fault.NotFound if there is no
// certificate, fault.Proof if the key is another's.
func VersionIn(full, private []byte) (cert.Version, error) {
	return coherent([]item{{fullchain, "the chain"}, {key, "the key"}}, map[role][]byte{fullchain: full, key: private}, Keystores{})
}

// LeafIn reads the leaf of a chain; fault.NotFound if there is none.
func LeafIn(full []byte) (cert.Version, error) {
	certs, err := cert.DecodeChain(full)
	if err != nil {
		return cert.Version{}, fault.New(fault.NotFound, "there was no certificate before")
	}
	return cert.VersionOf(certs[0]), nil
}
