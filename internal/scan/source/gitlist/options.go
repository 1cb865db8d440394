package gitlist

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Options are the options of the kind git-list.
type Options struct {
	// Repository is an https or ssh URL, or an absolute path. It holds no password.
	Repository string `mapstructure:"repository"`
	Ref        string `mapstructure:"ref"`  // branch or tag; empty: what HEAD is there
	File       string `mapstructure:"file"` // path of the list inside the repository
	// CredentialsFile is one of git-credential-store, for https.
	CredentialsFile string `mapstructure:"credentials_file"`
	RootFile        string `mapstructure:"root_file"` // PEM of the roots to trust, for https; empty: the system's
	// SSHKeyFile and KnownHostsFile are for ssh; empty: the usual ones of the worker's user.
	SSHKeyFile     string `mapstructure:"ssh_key_file"`
	KnownHostsFile string `mapstructure:"known_hosts_file"`
	Ports          []int  `mapstructure:"ports"`    // of lines that name none
	Networks       bool   `mapstructure:"networks"` // lines may name whole networks, and that is meant
	// Timeout bounds fetching; 0 means two minutes.
	Timeout time.Duration `mapstructure:"timeout"`
}

const (
	defaultTimeout = 2 * time.Minute
	maxTimeout     = 5 * time.Minute
)

func (o Options) timeout() time.Duration { return cmp.Or(o.Timeout, defaultTimeout) }

func (o Options) ref() string { return cmp.Or(o.Ref, "HEAD") }

var (
	// plainPath needs no quoting where git hands a command line to a shell.
	plainPath = regexp.MustCompile(`^/[A-Za-z0-9_./-]+$`)
	plainRef  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./-]*$`)
	scpLike   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[A-Za-z0-9_~/][A-Za-z0-9_./~-]*$`)
)

// Validate tells everything that is wrong with the options, each with its field.
func (o Options) Validate() error {
	errs := []error{o.validateRepository()}
	if o.Ref != "" && (!plainRef.MatchString(o.Ref) || strings.Contains(o.Ref, "..")) {
		errs = append(errs, fmt.Errorf("ref: %q is not the name of a branch or tag", o.Ref))
	}
	if o.File == "" || path.IsAbs(o.File) || path.Clean(o.File) != o.File || strings.HasPrefix(o.File, "..") || strings.ContainsFunc(o.File, func(r rune) bool { return r < ' ' }) {
		errs = append(errs, fmt.Errorf("file: %q is not the path of a file inside the repository, such as tls/hosts.txt", o.File))
	}
	for _, f := range []struct{ field, path string }{
		{"credentials_file", o.CredentialsFile}, {"root_file", o.RootFile}, {"ssh_key_file", o.SSHKeyFile}, {"known_hosts_file", o.KnownHostsFile},
	} {
		if f.path != "" && !plainPath.MatchString(f.path) {
			errs = append(errs, fmt.Errorf("%s: %q is not an absolute path of letters, digits, '-', '_' and '.'; git hands it to a shell", f.field, f.path))
		}
	}
	if o.Timeout < 0 || o.Timeout > maxTimeout {
		errs = append(errs, fmt.Errorf("timeout: %s is not between 0 and %s", o.Timeout, maxTimeout))
	}
	return errors.Join(errs...)
}

func (o Options) validateRepository() error {
	if scpLike.MatchString(o.Repository) || filepath.IsAbs(o.Repository) && !strings.ContainsRune(o.Repository, 0) {
		return nil
	}
	u, err := url.Parse(o.Repository)
	if err != nil {
		u = &url.URL{}
	}
	_, secret := u.User.Password()
	switch {
	case u.Host == "" || strings.HasPrefix(u.Host, "-"):
		return fmt.Errorf("repository: %.100q is no repository; write https://HOST/PATH, ssh://USER@HOST/PATH, USER@HOST:PATH or an absolute path", o.Repository)
	case secret:
		return errors.New("repository: holds a password, which everybody would see in the list of processes; put it into credentials_file")
	case u.Scheme != "https" && u.Scheme != "ssh":
		return fmt.Errorf("repository: %s is not read from; use https or ssh", u.Scheme)
	}
	return nil
}
