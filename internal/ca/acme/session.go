package acme

import (
	"context"
	"crypto"
	"io"
	"net/http"
	"strings"
	"time"

	legoacme "github.com/go-acme/lego/v4/acme"
	"github.com/go-acme/lego/v4/acme/api"

	"github.com/neverlapse/neverlapse/internal/fault"
)

const userAgent = "neverlapse"

// session is lego's client for the length of one step; it is not for concurrent use.
type session struct {
	ca   *CA
	kid  string          // account URL; empty while there is none
	ctx  context.Context // lego v4 passes none
	core *api.Core
	wire *wire
}

// open makes a session of the CA's account.
func (c *CA) open(ctx context.Context) (*session, error) {
	id, err := c.account(ctx)
	if err != nil {
		return nil, err
	}
	return c.openAs(ctx, id.url, id.key)
}

func (c *CA) openAs(ctx context.Context, kid string, key crypto.Signer) (*session, error) {
	s := &session{ca: c, kid: kid, ctx: ctx, wire: &wire{ca: c, ctx: ctx}}
	var err error
	s.core, err = ask(s, "directory", func() (*api.Core, error) {
		return api.New(&http.Client{Transport: s.wire}, userAgent, c.options.directoryURL(), kid, key)
	})
	return s, err
}

// ask makes a call that lego would not let go of: lego sleeps between retries
// of refused nonces. The call ends by itself soon after ctx does.
func ask[T any](s *session, doing string, call func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := call()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		err := s.ca.fault(doing, r.err)
		if isProblem(r.err, "accountDoesNotExist") && s.ca.disown(s.kid) {
			err = fault.New(fault.Transient, "%w; making the account again", err)
		}
		return r.value, err
	case <-s.ctx.Done():
		var none T
		return none, s.ca.fault(doing, s.ctx.Err())
	}
}

// at makes a call about a URL that the CA gave.
func at[T any](s *session, doing, url string, call func(string) (T, error)) (T, error) {
	return ask(s, doing, func() (T, error) {
		if err := secure(url); err != nil {
			var none T
			return none, err
		}
		return call(url)
	})
}

func (s *session) order(url string) (legoacme.ExtendedOrder, error) {
	return at(s, "order", url, s.core.Orders.Get)
}

func (s *session) authorization(url string) (legoacme.Authorization, error) {
	return at(s, "authorization", url, s.core.Authorizations.Get)
}

func (s *session) accept(url string) error {
	_, err := at(s, "challenge", url, s.core.Challenges.New)
	return err
}

// finalize gives the order as it is afterwards, invalid ones too.
func (s *session) finalize(url string, order legoacme.ExtendedOrder, csr []byte) (legoacme.ExtendedOrder, error) {
	return at(s, "finalize", order.Finalize, func(u string) (legoacme.ExtendedOrder, error) {
		after, err := s.core.Orders.UpdateForCSR(u, csr)
		if err != nil && strings.HasPrefix(err.Error(), "invalid order:") { // lego keeps the order to itself
			return s.core.Orders.Get(url)
		}
		return after, err
	})
}

// retryAfter is what the CA asked for in its latest good answer.
func (s *session) retryAfter() time.Time { return s.wire.retryAfter }

func readAll(resp *http.Response) ([]byte, error) {
	defer func() { _ = resp.Body.Close() }()
	return io.ReadAll(resp.Body)
}
