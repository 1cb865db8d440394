package target

import (
	"errors"
	"fmt"
	"path/filepath"
)

// HAProxyOptions are the options of the kind haproxy. Combined is needed; with
// Directory it is bundle.pem unless said otherwise. One of Socket and Master is needed.
type HAProxyOptions struct {
	Files  `mapstructure:",squash"`
	Binary string   `mapstructure:"binary"` // default haproxy
	Config []string `mapstructure:"config"` // each is one -f; default /etc/haproxy/haproxy.cfg
	// Socket is the stats socket, of level admin: the running process gets the
	// new pair through it, without a reload.
	Socket string `mapstructure:"socket"`
	// Master is the socket of the master process (-S): HAProxy is reloaded
	// through it, where there is no Socket or where it is not enough.
	Master string `mapstructure:"master"`
}

func (o HAProxyOptions) binary() string {
	if o.Binary == "" {
		return "haproxy"
	}
	return o.Binary
}

func (o HAProxyOptions) config() []string {
	if len(o.Config) == 0 {
		return []string{"/etc/haproxy/haproxy.cfg"}
	}
	return o.Config
}

// files are the options with the default of a directory.
func (o HAProxyOptions) files() Files {
	f := o.Files
	if f.Directory != "" && f.Fullchain+f.Certificate+f.Chain+f.Key+f.Combined+f.PKCS12+f.JKS == "" {
		f.Combined = "bundle.pem"
	}
	return f
}

// bundle is the path of the file, as HAProxy's configuration is expected to have it.
func (o HAProxyOptions) bundle() string {
	f := o.files()
	if f.Directory != "" {
		return filepath.Join(f.Directory, liveName, f.Combined)
	}
	return f.Combined
}

// Validate tells everything that is wrong with the options, each with its field.
func (o HAProxyOptions) Validate() error {
	if o.KeptKey != "" {
		return errors.New("kept_key: HAProxy's bundle holds key and chain, so the key cannot be left alone; let HAProxy read the key from a file beside the chain (NAME.pem and NAME.pem.key), and use a target of the kind file with kept_key and a reload")
	}
	f := o.files()
	errs := []error{f.Validate(), validateCommand("binary", []string{o.binary()})}
	if f.Combined == "" {
		errs = append(errs, errors.New("combined: HAProxy reads key and chain from one file; set combined, or directory alone for bundle.pem"))
	} else if o.Socket != "" && !sayable.MatchString(o.bundle()) {
		errs = append(errs, fmt.Errorf("combined: with socket, the path %q must do without spaces and signs that mean something to HAProxy's commands; use letters, digits and . _ - + @ = : / only", o.bundle()))
	}
	if o.Socket == "" && o.Master == "" {
		errs = append(errs, errors.New("socket: nothing tells the running HAProxy of a new pair; set socket (its stats socket, level admin), master (the socket of -S), or both"))
	}
	for _, p := range []struct{ field, path string }{{"socket", o.Socket}, {"master", o.Master}} {
		if p.path == "" {
			continue
		}
		errs = append(errs, validatePath(p.field, p.path))
		if len(p.path) > maxSocketPath {
			errs = append(errs, fmt.Errorf("%s: the path of a socket has at most %d bytes, this one %d", p.field, maxSocketPath, len(p.path)))
		}
	}
	for i, c := range o.Config {
		errs = append(errs, validatePath(fmt.Sprintf("config[%d]", i), c))
	}
	return errors.Join(errs...)
}

// maxSocketPath is what the kernel takes.
const maxSocketPath = 107
