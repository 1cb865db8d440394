// Package sshhost reaches another host by SSH: it knows the host by its key,
// proves who we are, and watches over the connection. The target ssh writes over
// it and the source files reads; what runs there is theirs. It keeps nothing.
package sshhost

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"github.com/neverlapse/neverlapse/internal/fault"
)

const (
	aliveEvery = 5 * time.Second
	aliveWait  = 15 * time.Second // for an answer, before the connection counts as lost
)

// Conn is a connection to a host.
type Conn struct {
	*ssh.Client
	lost  atomic.Bool // it ended before we closed it
	stop  context.CancelFunc
	agent net.Conn // nil: none
}

// Dial connects. The errors have kinds of package fault.
func Dial(ctx context.Context, o Options) (*Conn, error) {
	known, err := knownhosts.NewDB(o.KnownHostsFile)
	if err != nil {
		return nil, fault.New(fault.Configuration, "known_hosts_file: %w", err)
	}
	c := &Conn{stop: func() {}}
	auth, err := c.login(o)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	bounded, cancel := context.WithTimeout(ctx, o.Patience())
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(bounded, "tcp", o.Address())
	if err != nil {
		return nil, errors.Join(fault.New(fault.Unavailable, "the host %s cannot be reached: %w", o.Address(), err), c.Close())
	}
	hang := context.AfterFunc(bounded, func() { conn.Close() })
	defer hang()
	// Without HostKeyAlgorithms the host may show a key of a kind that is not known.
	inner, channels, requests, err := ssh.NewClientConn(conn, o.Address(), &ssh.ClientConfig{
		User: o.User, Auth: auth,
		HostKeyCallback: known.HostKeyCallback(), HostKeyAlgorithms: known.HostKeyAlgorithms(o.Address()),
		ClientVersion: "SSH-2.0-neverlapse",
	})
	if err != nil {
		return nil, errors.Join(o.refusal(err), conn.Close(), c.Close())
	}
	c.Client = ssh.NewClient(inner, channels, requests)
	watch, stop := context.WithCancel(context.Background())
	c.stop = stop
	go func() {
		_ = c.Wait() // however it ended
		c.lost.Store(watch.Err() == nil)
		stop()
	}()
	go c.keepAlive(watch)
	return c, nil
}

// Lost reports whether the connection ended before it was closed here.
func (c *Conn) Lost() bool { return c.lost.Load() }

// keepAlive closes a connection that nobody answers on any more, so that
// nothing waits for it.
func (c *Conn) keepAlive(ctx context.Context) {
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !c.Alive() {
			return
		}
	}
}

// Alive asks the host for a sign of life, and ends the connection if there is none.
func (c *Conn) Alive() bool {
	dead := time.AfterFunc(aliveWait, func() { c.Client.Close() })
	defer dead.Stop()
	_, _, err := c.SendRequest("keepalive@openssh.com", true, nil)
	return err == nil
}

// Close ends the connection.
func (c *Conn) Close() error {
	c.stop()
	if c.agent != nil {
		c.agent.Close()
	}
	if c.Client == nil {
		return nil
	}
	return c.Client.Close()
}

// refusal explains why no connection came about.
func (o Options) refusal(err error) error {
	var revoked *xknownhosts.RevokedError
	switch {
	case knownhosts.IsHostKeyChanged(err):
		return fault.New(fault.Configuration, "THE KEY OF THE HOST %s IS NOT THE ONE IN %s: another host answers there, or it was set up anew. Nothing was sent. Compare fingerprints on the host itself, and only then change the line: %w", o.Address(), o.KnownHostsFile, err)
	case knownhosts.IsHostUnknown(err):
		return fault.New(fault.Configuration, "the host %s is not in %s; add its key (ssh-keyscan -p %d %s) after comparing its fingerprint with the host's own: %w", o.Address(), o.KnownHostsFile, o.port(), o.Host, err)
	case errors.As(err, &revoked):
		return fault.New(fault.Configuration, "the key of the host %s is marked as revoked in %s: %w", o.Address(), o.KnownHostsFile, err)
	case strings.Contains(err.Error(), "unable to authenticate"): // has no type
		return fault.New(fault.Configuration, "the host %s lets %s not in: %w; put the public key into authorized_keys of that user", o.Address(), o.User, err)
	case strings.Contains(err.Error(), "no common algorithm"):
		return fault.New(fault.Configuration, "the host %s and Neverlapse share no algorithm: %w", o.Address(), err)
	}
	return fault.New(fault.Unavailable, "the host %s accepts connections but does not speak SSH to the end: %w", o.Address(), err)
}

// login gives the ways of proving who we are.
func (c *Conn) login(o Options) ([]ssh.AuthMethod, error) {
	var out []ssh.AuthMethod
	if o.IdentityFile != "" {
		signer, err := o.identity()
		if err != nil {
			return nil, fault.New(fault.Configuration, "%w", err)
		}
		out = append(out, ssh.PublicKeys(signer))
	}
	if o.AgentSocket != "" {
		conn, err := net.Dial("unix", o.AgentSocket)
		if err != nil {
			return nil, fault.New(fault.Configuration, "agent_socket: %w; is the agent running?", err)
		}
		c.agent = conn
		out = append(out, ssh.PublicKeysCallback(agent.NewClient(conn).Signers))
	}
	return out, nil
}
