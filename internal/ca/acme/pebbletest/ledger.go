package pebbletest

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/letsencrypt/pebble/v2/core"
)

// ledger lists what the CA has issued, by order, so that a repeated request
// counts once.
type ledger struct {
	mu     sync.Mutex
	issued map[string]*x509.Certificate
}

// Issued counts the certificates issued since the start.
func (p *CA) Issued() int { return len(p.Certificates()) }

// IssuedFor counts those that hold the name.
func (p *CA) IssuedFor(name string) int {
	n := 0
	for _, c := range p.Certificates() {
		if slices.Contains(c.DNSNames, name) || slices.ContainsFunc(c.IPAddresses, func(ip net.IP) bool {
			return ip.String() == name
		}) {
			n++
		}
	}
	return n
}

// Certificates gives the issued leaves, oldest first.
func (p *CA) Certificates() []*x509.Certificate {
	p.ledger.mu.Lock()
	defer p.ledger.mu.Unlock()
	var all []*x509.Certificate
	for _, c := range p.ledger.issued {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *x509.Certificate) int { return a.NotBefore.Compare(b.NotBefore) })
	return all
}

// RevokedFor gives the reason code for which a leaf was revoked, -1 without
// one; false if it was not revoked.
func (p *CA) RevokedFor(leaf *x509.Certificate) (reason int, revoked bool) {
	r := p.db.GetRevokedCertificateByDER(leaf.Raw)
	switch {
	case r == nil:
		return 0, false
	case r.Reason == nil:
		return -1, true
	}
	return int(*r.Reason), true
}

// SetRenewalInfo fixes the ARI answer (RFC 9773, 4.2) for an issued leaf; the
// response is sent as it is, even if it is no JSON.
func (p *CA) SetRenewalInfo(leaf *x509.Certificate, response string) error {
	return p.db.SetARIResponse(leaf.SerialNumber, response)
}

// Replaced reports whether an order named the leaf as what it replaces (RFC
// 9773, 5) and was finalized.
func (p *CA) Replaced(leaf *x509.Certificate) bool {
	order, err := p.db.GetOrderByIssuedSerial(hex.EncodeToString(leaf.SerialNumber.Bytes()))
	if err != nil {
		return false
	}
	order.RLock()
	defer order.RUnlock()
	return order.IsReplaced
}

// settle waits until Pebble's background completion of an order has left every
// trace it will leave, and writes the certificate into the ledger.
func (p *CA) settle(orderID string) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Microsecond) {
		order := p.db.GetOrderByID(orderID)
		if order == nil {
			return
		}
		order.RLock()
		issued, replaces := order.CertificateObject, order.Replaces
		order.RUnlock()
		if issued == nil || !p.indexed(issued) || !p.replaced(replaces) {
			continue
		}
		p.ledger.mu.Lock()
		if p.ledger.issued == nil {
			p.ledger.issued = make(map[string]*x509.Certificate)
		}
		p.ledger.issued[orderID] = issued.Cert
		p.ledger.mu.Unlock()
		return
	}
}

func (p *CA) indexed(c *core.Certificate) bool {
	_, err := p.db.GetOrderByIssuedSerial(c.ID)
	return err == nil
}

// replaced tells whether the order of the certificate with this ARI ID is marked.
func (p *CA) replaced(certID string) bool {
	_, serial, found := strings.Cut(certID, ".")
	if !found {
		return true
	}
	raw, err := base64.RawURLEncoding.DecodeString(serial)
	if err != nil {
		return true
	}
	order, err := p.db.GetOrderByIssuedSerial(hex.EncodeToString(raw))
	if err != nil {
		return true
	}
	order.RLock()
	defer order.RUnlock()
	return order.IsReplaced
}
