package acme

import (
	"context"
	"net/http"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// Probe fetches the directory and a nonce afresh: what the CA needs to be there
// for any order (RFC 8555, 7.1.1 and 7.2).
func (c *CA) Probe(ctx context.Context) error {
	c.directory.forget()
	d, err := c.readDirectory(ctx)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, d.NewNonceURL, nil)
	if err != nil {
		return fault.New(fault.Configuration, "ca %s: nonce: %w", c.name, err)
	}
	req.Header.Set("User-Agent", userAgent)
	resp, err := c.exchange(ctx, req, "")
	if err != nil {
		return c.fault("nonce", err)
	}
	c.nonces.push(resp.Header.Get("Replay-Nonce"))
	return nil
}
