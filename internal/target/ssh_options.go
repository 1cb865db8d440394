package target

import (
	"errors"
	"fmt"
	"time"

	"github.com/neverlapse/neverlapse/internal/sshhost"
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

// reach is how the host is reached.
func (o SSHOptions) reach() sshhost.Options {
	return sshhost.Options{Host: o.Host, Port: o.Port, Account: sshhost.Account{
		User: o.User, KnownHostsFile: o.KnownHostsFile, IdentityFile: o.IdentityFile, PassphraseFile: o.PassphraseFile,
		CertificateFile: o.CertificateFile, AgentSocket: o.AgentSocket, ConnectTimeout: o.ConnectTimeout,
	}}
}

func (o SSHOptions) address() string { return o.reach().Address() }

// Validate tells everything that is wrong with the options, each with its field.
// It asks the host nothing, but reads the key and known_hosts.
func (o SSHOptions) Validate() error {
	errs := []error{o.Files.validate(nowhere{})}
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.KeptKey != "" {
		add("kept_key: over ssh the private key would have to be read from here to be compared with a certificate, and so leave its host; run a worker there (neverlapse-worker --role target) and give kept_key to a target of it")
	}
	errs = append(errs, o.reach().Validate())
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
