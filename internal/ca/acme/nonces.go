package acme

import "sync"

// nonces is the CA's store of unused nonces (RFC 8555, 6.5), shared by all
// sessions; the newest goes first because nonces grow stale.
type nonces struct {
	mu   sync.Mutex
	list []string
}

const maxNonces = 64

func (n *nonces) push(nonce string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.list) >= maxNonces {
		n.list = n.list[1:]
	}
	n.list = append(n.list, nonce)
}

func (n *nonces) pop() (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.list) == 0 {
		return "", false
	}
	last := len(n.list) - 1
	nonce := n.list[last]
	n.list = n.list[:last]
	return nonce, true
}
