package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	concurrent "sync/atomic"
	"time"

	"github.com/pkg/sftp"
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

// remote is a machine behind SSH, for one operation.
type remote struct {
	options SSHOptions
	client  *ssh.Client
	files   *sftp.Client
	lost    concurrent.Bool // the connection ended before we closed it
	stop    context.CancelFunc
	agent   net.Conn // nil: none
}

// dial connects, knows the host by its key and proves who we are.
func dial(ctx context.Context, o SSHOptions) (*remote, error) {
	known, err := knownhosts.NewDB(o.KnownHostsFile)
	if err != nil {
		return nil, fault.New(fault.Configuration, "known_hosts_file: %w", err)
	}
	r := &remote{options: o, stop: func() {}}
	auth, err := r.login()
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	bounded, cancel := context.WithTimeout(ctx, o.connectTimeout())
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(bounded, "tcp", o.address())
	if err != nil {
		return nil, errors.Join(fault.New(fault.Unavailable, "the host %s cannot be reached: %w", o.address(), err), r.Close())
	}
	hang := context.AfterFunc(bounded, func() { conn.Close() })
	defer hang()
	// Without HostKeyAlgorithms the host may show a key of a kind that is not known.
	c, channels, requests, err := ssh.NewClientConn(conn, o.address(), &ssh.ClientConfig{
		User: o.User, Auth: auth,
		HostKeyCallback: known.HostKeyCallback(), HostKeyAlgorithms: known.HostKeyAlgorithms(o.address()),
		ClientVersion: "SSH-2.0-neverlapse",
	})
	if err != nil {
		return nil, errors.Join(o.refusal(err), conn.Close(), r.Close())
	}
	r.client = ssh.NewClient(c, channels, requests)
	if err := r.open(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// open starts SFTP and the watch over the connection.
func (r *remote) open() (err error) {
	r.files, err = sftp.NewClient(r.client)
	if err != nil {
		return fault.New(fault.Configuration, "the host %s offers no SFTP to %s: %w; its sshd_config needs a Subsystem sftp", r.options.address(), r.options.User, err)
	}
	if _, ok := r.files.HasExtension("posix-rename@openssh.com"); !ok {
		return fault.New(fault.Configuration, "the SFTP server of %s cannot replace a file in one step (posix-rename@openssh.com); OpenSSH's can", r.options.address())
	}
	watch, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() {
		_ = r.client.Wait() // however it ended
		r.lost.Store(watch.Err() == nil)
		stop()
	}()
	go r.keepAlive(watch)
	return nil
}

// keepAlive closes a connection that nobody answers on any more, so that
// nothing waits for it.
func (r *remote) keepAlive(ctx context.Context) {
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !r.alive() {
			return
		}
	}
}

// alive asks the host for a sign of life, and ends the connection if there is none.
func (r *remote) alive() bool {
	dead := time.AfterFunc(aliveWait, func() { r.client.Close() })
	defer dead.Stop()
	_, _, err := r.client.SendRequest("keepalive@openssh.com", true, nil)
	return err == nil
}

// Close ends the connection.
func (r *remote) Close() error {
	r.stop()
	if r.files != nil {
		r.files.Close() // its errors are those of the connection
	}
	if r.agent != nil {
		r.agent.Close()
	}
	if r.client == nil {
		return nil
	}
	return r.client.Close()
}

// explain tells that the connection was lost, where that is why something failed:
// what became of it is unknown, and trying again settles it.
func (r *remote) explain(err error) error {
	if err == nil {
		return nil
	}
	// A session may see the end of the connection before the one who waits for it.
	if !r.lost.Load() && (!errors.Is(err, errNoStatus) || r.alive()) {
		return err
	}
	return fault.New(fault.Unavailable, "the connection to %s was lost, so the outcome is not known: %w", r.options.address(), err)
}

// refusal explains why no connection came about.
func (o SSHOptions) refusal(err error) error {
	var revoked *xknownhosts.RevokedError
	switch {
	case knownhosts.IsHostKeyChanged(err):
		return fault.New(fault.Configuration, "THE KEY OF THE HOST %s IS NOT THE ONE IN %s: another host answers there, or it was set up anew. Nothing was sent. Compare fingerprints on the host itself, and only then change the line: %w", o.address(), o.KnownHostsFile, err)
	case knownhosts.IsHostUnknown(err):
		return fault.New(fault.Configuration, "the host %s is not in %s; add its key (ssh-keyscan -p %d %s) after comparing its fingerprint with the host's own: %w", o.address(), o.KnownHostsFile, o.port(), o.Host, err)
	case errors.As(err, &revoked):
		return fault.New(fault.Configuration, "the key of the host %s is marked as revoked in %s: %w", o.address(), o.KnownHostsFile, err)
	case strings.Contains(err.Error(), "unable to authenticate"): // has no type
		return fault.New(fault.Configuration, "the host %s lets %s not in: %w; put the public key into authorized_keys of that user", o.address(), o.User, err)
	case strings.Contains(err.Error(), "no common algorithm"):
		return fault.New(fault.Configuration, "the host %s and Neverlapse share no algorithm: %w", o.address(), err)
	}
	return fault.New(fault.Unavailable, "the host %s accepts connections but does not speak SSH to the end: %w", o.address(), err)
}

// login gives the ways of proving who we are.
func (r *remote) login() ([]ssh.AuthMethod, error) {
	var out []ssh.AuthMethod
	if r.options.IdentityFile != "" {
		signer, err := r.options.identity()
		if err != nil {
			return nil, fault.New(fault.Configuration, "%w", err)
		}
		out = append(out, ssh.PublicKeys(signer))
	}
	if r.options.AgentSocket != "" {
		conn, err := net.Dial("unix", r.options.AgentSocket)
		if err != nil {
			return nil, fault.New(fault.Configuration, "agent_socket: %w; is the agent running?", err)
		}
		r.agent = conn
		out = append(out, ssh.PublicKeysCallback(agent.NewClient(conn).Signers))
	}
	return out, nil
}

// identity opens the private key, with its certificate if there is one.
func (o SSHOptions) identity() (ssh.Signer, error) {
	data, err := readClosed("identity_file", o.IdentityFile)
	if err != nil {
		return nil, err
	}
	var signer ssh.Signer
	if o.PassphraseFile == "" {
		signer, err = ssh.ParsePrivateKey(data)
	} else {
		var passphrase []byte
		if passphrase, err = readClosed("passphrase_file", o.PassphraseFile); err != nil {
			return nil, err
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(data, []byte(strings.TrimRight(string(passphrase), "\r\n")))
	}
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		return nil, fmt.Errorf("identity_file: %s needs a passphrase; name a file that holds it in passphrase_file", o.IdentityFile)
	}
	if err != nil {
		return nil, fmt.Errorf("identity_file: %s cannot be read: %w", o.IdentityFile, err)
	}
	if o.CertificateFile == "" {
		return signer, nil
	}
	public, err := os.ReadFile(o.CertificateFile)
	if err != nil {
		return nil, fmt.Errorf("certificate_file: %w", err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(public)
	if err != nil {
		return nil, fmt.Errorf("certificate_file: %s: %w", o.CertificateFile, err)
	}
	certificate, ok := key.(*ssh.Certificate)
	if !ok {
		return nil, fmt.Errorf("certificate_file: %s holds a key, not a certificate", o.CertificateFile)
	}
	return ssh.NewCertSigner(certificate, signer)
}
