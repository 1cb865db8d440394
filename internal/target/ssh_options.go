package target

import (
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/skeema/knownhosts"
)

// SSHOptions are the options of the kind ssh. Paths of Files, check and reload
// are those of the other host; all other paths are the worker's.
type SSHOptions struct {
	Files `mapstructure:",squash"`
	Host  string `mapstructure:"host"` // name or address
	Port  int    `mapstructure:"port"` // default 22
	User  string `mapstructure:"user"`
	// KnownHostsFile holds the host's key in the format of OpenSSH; hosts and
	// keys that are not in it are refused.
	KnownHostsFile string `mapstructure:"known_hosts_file"`
	// IdentityFile is a private key in OpenSSH's or a PEM format, closed to
	// everybody else; PassphraseFile opens it, CertificateFile is what a CA
	// signed for it. AgentSocket is the socket of an agent, instead or beside.
	IdentityFile    string `mapstructure:"identity_file"`
	PassphraseFile  string `mapstructure:"passphrase_file"`
	CertificateFile string `mapstructure:"certificate_file"`
	AgentSocket     string `mapstructure:"agent_socket"`
	// ConnectTimeout bounds reaching the host and proving who we are; 0 means 10 seconds.
	ConnectTimeout time.Duration `mapstructure:"connect_timeout"`
	// Check and Reload are argument lists; the other host's shell gets every word
	// quoted. Empty means none.
	Check  []string `mapstructure:"check"`
	Reload []string `mapstructure:"reload"`
}

const (
	defaultSSHPort        = 22
	defaultConnectTimeout = 10 * time.Second
	maxConnectTimeout     = 2 * time.Minute
)

func (o SSHOptions) port() int {
	if o.Port == 0 {
		return defaultSSHPort
	}
	return o.Port
}

func (o SSHOptions) address() string { return net.JoinHostPort(o.Host, strconv.Itoa(o.port())) }

func (o SSHOptions) connectTimeout() time.Duration {
	if o.ConnectTimeout == 0 {
		return defaultConnectTimeout
	}
	return o.ConnectTimeout
}

var (
	hostName = regexp.MustCompile(`^[0-9A-Za-z]([0-9A-Za-z._-]*[0-9A-Za-z])?$`)
	userName = regexp.MustCompile(`^[0-9A-Za-z._][0-9A-Za-z._@\\-]*\$?$`)
)

// Validate tells everything that is wrong with the options, each with its field.
// It asks the host nothing, but reads the key and known_hosts.
func (o SSHOptions) Validate() error {
	errs := []error{o.Files.validate(nowhere{})}
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !hostName.MatchString(o.Host) && net.ParseIP(o.Host) == nil {
		add("host: %q is neither a host name nor an address; a port goes into port, a user into user", o.Host)
	}
	if o.KeptKey != "" {
		add("kept_key: over ssh the private key would have to be read from here to be compared with a certificate, and so leave its host; run a worker there (neverlapse-worker --role target) and give kept_key to a target of it")
	}
	if o.Port < 0 || o.Port > 65535 {
		add("port: %d is not between 1 and 65535", o.Port)
	}
	if !userName.MatchString(o.User) {
		add("user: %q is no user name; name the one who may write the files on the host", o.User)
	}
	if o.ConnectTimeout < 0 || o.ConnectTimeout > maxConnectTimeout {
		add("connect_timeout: %s is not between 0 and %s", o.ConnectTimeout, maxConnectTimeout)
	}
	errs = append(errs, o.validateHostKey(), o.validateLogin())
	for _, c := range []struct {
		field string
		argv  []string
	}{{"check", o.Check}, {"reload", o.Reload}} {
		if c.argv != nil {
			errs = append(errs, validateArguments(c.field, c.argv))
		}
	}
	return errors.Join(errs...)
}

func (o SSHOptions) validateHostKey() error {
	if o.KnownHostsFile == "" {
		return errors.New("known_hosts_file: is missing; the host's key must be known: ssh-keyscan HOST > FILE, then compare the fingerprint with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there)")
	}
	if err := validatePath("known_hosts_file", o.KnownHostsFile); err != nil {
		return err
	}
	known, err := knownhosts.NewDB(o.KnownHostsFile)
	if err != nil {
		return fmt.Errorf("known_hosts_file: %w", err)
	}
	if len(known.HostKeys(o.address())) == 0 {
		return fmt.Errorf("known_hosts_file: %s has no key of %s; add it (ssh-keyscan -p %d %s) after comparing its fingerprint with the host's own", o.KnownHostsFile, o.address(), o.port(), o.Host)
	}
	return nil
}

func (o SSHOptions) validateLogin() error {
	var errs []error
	if o.IdentityFile == "" && o.AgentSocket == "" {
		errs = append(errs, errors.New("identity_file: is missing; name a private key (ssh-keygen -t ed25519 -f FILE), or an agent_socket"))
	}
	if o.IdentityFile == "" && (o.PassphraseFile != "" || o.CertificateFile != "") {
		errs = append(errs, errors.New("passphrase_file and certificate_file belong to an identity_file; set it"))
	}
	for _, p := range []struct{ field, path string }{
		{"identity_file", o.IdentityFile}, {"passphrase_file", o.PassphraseFile},
		{"certificate_file", o.CertificateFile}, {"agent_socket", o.AgentSocket},
	} {
		if p.path != "" {
			errs = append(errs, validatePath(p.field, p.path))
		}
	}
	if err := errors.Join(errs...); err != nil || o.IdentityFile == "" {
		return err
	}
	_, err := o.identity()
	return err
}

// readClosed reads a secret of the worker that nobody else may open, as ssh insists.
func readClosed(field, path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s: others may use %s (mode %04o); run: chmod go= %s", field, path, mode, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	if len(strings.TrimSpace(string(data))) == 0 {
		return nil, fmt.Errorf("%s: %s is empty", field, path)
	}
	return data, nil
}
