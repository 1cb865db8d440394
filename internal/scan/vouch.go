package scan

import (
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"sync"
	"time"
)

// maxVouched bounds the chains that are remembered.
const maxVouched = 1 << 16

// vouchers remembers which chains lead to which root, so that a fleet whose
// certificates come from a few intermediates has each checked once. What could
// be judged otherwise for another leaf is never remembered.
type vouchers struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]voucher
}

// voucher is a way to a root that was verified.
type voucher struct {
	root     *x509.Certificate
	first    *x509.CertPool // the intermediate that issued the leaf; nil if the leaf itself was verified
	from, to time.Time      // while everything above the leaf is valid
}

func hashOf(chain []*x509.Certificate) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, c := range chain {
		h.Write(c.Raw) // DER says where it ends
	}
	h.Sum(sum[:0])
	return sum
}

// root gives the root that a chain leads to, in its order, if that is known or
// one signature is enough to know it; otherwise nil.
func (v *vouchers) root(chain []*x509.Certificate, leaf *x509.Certificate, now time.Time) *x509.Certificate {
	whole := hashOf(chain)
	known, ok := v.get(whole, now)
	if ok || len(chain) < 2 {
		return known.root
	}
	known, ok = v.get(hashOf(chain[1:]), now)
	if !ok {
		return nil
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: known.first, CurrentTime: now}); err != nil {
		return nil
	}
	v.put(whole, voucher{root: known.root, from: known.from, to: known.to})
	return known.root
}

func (v *vouchers) get(key [sha256.Size]byte, now time.Time) (voucher, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	found, ok := v.known[key]
	if !ok || now.Before(found.from) || !now.Before(found.to) {
		return voucher{}, false
	}
	return found, true
}

func (v *vouchers) put(key [sha256.Size]byte, one voucher) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.known == nil || len(v.known) >= maxVouched {
		v.known = map[[sha256.Size]byte]voucher{}
	}
	v.known[key] = one
}

// remember keeps a way that was verified and that is the chain, root or not.
func (v *vouchers) remember(chain, way []*x509.Certificate) {
	if !inOrder(chain, way) || len(way) < 2 {
		return
	}
	one := voucher{root: way[len(way)-1], from: way[1].NotBefore, to: way[1].NotAfter}
	for _, c := range way[1:] {
		if !allowsAnything(c) {
			return
		}
		if c.NotBefore.After(one.from) {
			one.from = c.NotBefore
		}
		if c.NotAfter.Before(one.to) {
			one.to = c.NotAfter
		}
	}
	v.put(hashOf(chain), one)
	if len(chain) < 2 {
		return
	}
	one.first = x509.NewCertPool()
	one.first.AddCert(way[1])
	v.put(hashOf(chain[1:]), one)
}

// inOrder: a server sent what was verified, and nothing else.
func inOrder(chain, way []*x509.Certificate) bool {
	return len(way) >= len(chain) && slices.EqualFunc(chain, way[:len(chain)], (*x509.Certificate).Equal)
}

// allowsAnything: whatever the leaf is, this certificate vouches for it in the
// same way. How many intermediates there may be does not depend on the leaf.
func allowsAnything(c *x509.Certificate) bool {
	names := len(c.PermittedDNSDomains) + len(c.ExcludedDNSDomains) + len(c.PermittedIPRanges) + len(c.ExcludedIPRanges) +
		len(c.PermittedEmailAddresses) + len(c.ExcludedEmailAddresses) + len(c.PermittedURIDomains) + len(c.ExcludedURIDomains)
	usage := len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
	return names == 0 && usage
}
