package sshhost

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
)

// Options say which host, and who we are there. All paths are those of this machine.
type Options struct {
	Host string // name or address
	Port int    // 0: 22
	Account
}

// Account is who we are on hosts, and by what they are known.
type Account struct {
	User string `mapstructure:"user"`
	// KnownHostsFile holds the keys of hosts in the format of OpenSSH; hosts and
	// keys that are not in it are refused.
	KnownHostsFile string `mapstructure:"known_hosts_file"`
	// IdentityFile is a private key in OpenSSH's or a PEM format, closed to
	// everybody else; PassphraseFile opens it, CertificateFile is what a CA
	// signed for it. AgentSocket is the socket of an agent, instead or beside.
	IdentityFile    string `mapstructure:"identity_file"`
	PassphraseFile  string `mapstructure:"passphrase_file"`
	CertificateFile string `mapstructure:"certificate_file"`
	AgentSocket     string `mapstructure:"agent_socket"`
	// ConnectTimeout bounds reaching a host and proving who we are; 0 means 10 seconds.
	ConnectTimeout time.Duration `mapstructure:"connect_timeout"`
}

const (
	defaultPort     = 22
	defaultPatience = 10 * time.Second
	maxPatience     = 2 * time.Minute
)

func (o Options) port() int {
	if o.Port == 0 {
		return defaultPort
	}
	return o.Port
}

// PortNumber is the port in digits.
func (o Options) PortNumber() string { return strconv.Itoa(o.port()) }

// Address is where it is dialled.
func (o Options) Address() string { return net.JoinHostPort(o.Host, o.PortNumber()) }

// Patience is how long reaching a host may take.
func (o Account) Patience() time.Duration {
	if o.ConnectTimeout == 0 {
		return defaultPatience
	}
	return o.ConnectTimeout
}

var (
	hostName = regexp.MustCompile(`^[0-9A-Za-z]([0-9A-Za-z._-]*[0-9A-Za-z])?$`)
	userName = regexp.MustCompile(`^[0-9A-Za-z._][0-9A-Za-z._@\\-]*\$?$`)
)

// Validate tells everything that is wrong with the options, each with its field.
// It asks the host nothing, but reads the key and known_hosts.
func (o Options) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !hostName.MatchString(o.Host) && net.ParseIP(o.Host) == nil {
		add("host: %q is neither a host name nor an address; a port goes into port, a user into user", o.Host)
	}
	if o.Port < 0 || o.Port > 65535 {
		add("port: %d is not between 1 and 65535", o.Port)
	}
	errs = append(errs, o.validateHostKey(), o.Account.Validate())
	return errors.Join(errs...)
}

func (o Options) validateHostKey() error {
	if o.KnownHostsFile == "" {
		return nil // the account says so
	}
	known, err := knownhosts.NewDB(o.KnownHostsFile)
	if err != nil {
		return fmt.Errorf("known_hosts_file: %w", err)
	}
	if len(known.HostKeys(o.Address())) == 0 {
		return fmt.Errorf("known_hosts_file: %s has no key of %s; add it (ssh-keyscan -p %d %s) after comparing its fingerprint with the host's own", o.KnownHostsFile, o.Address(), o.port(), o.Host)
	}
	return nil
}

// Validate tells everything that is wrong with the account.
func (o Account) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !userName.MatchString(o.User) {
		add("user: %q is no user name; name the one who may use the files on the host", o.User)
	}
	if o.ConnectTimeout < 0 || o.ConnectTimeout > maxPatience {
		add("connect_timeout: %s is not between 0 and %s", o.ConnectTimeout, maxPatience)
	}
	if o.KnownHostsFile == "" {
		add("known_hosts_file: is missing; the host's key must be known: ssh-keyscan HOST > FILE, then compare the fingerprint with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there)")
	}
	if o.IdentityFile == "" && o.AgentSocket == "" {
		add("identity_file: is missing; name a private key (ssh-keygen -t ed25519 -f FILE), or an agent_socket")
	}
	if o.IdentityFile == "" && (o.PassphraseFile != "" || o.CertificateFile != "") {
		add("passphrase_file and certificate_file belong to an identity_file; set it")
	}
	for _, p := range []struct{ field, path string }{
		{"known_hosts_file", o.KnownHostsFile}, {"identity_file", o.IdentityFile}, {"passphrase_file", o.PassphraseFile},
		{"certificate_file", o.CertificateFile}, {"agent_socket", o.AgentSocket},
	} {
		if p.path != "" && (!filepath.IsAbs(p.path) || filepath.Clean(p.path) != p.path) {
			add("%s: %q is not a clean absolute path; write it from / without '.', '..' or doubled slashes", p.field, p.path)
		}
	}
	if len(errs) == 0 && o.IdentityFile != "" {
		_, err := o.identity()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// identity opens the private key, with its certificate if there is one.
func (o Account) identity() (ssh.Signer, error) {
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

// readClosed reads a secret of this machine that nobody else may open, as ssh insists.
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

// SearchPath is where programs are looked for on hosts.
const SearchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Quote makes one word of any text: between single quotes nothing means
// anything to a POSIX shell but the closing one (XCU 2.2.2).
func Quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
