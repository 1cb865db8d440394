package target

import (
	"time"
)

// Files says which files hold the pair and who may read them. A file holds
// the key (key, combined), the leaf (fullchain, certificate, combined), or the
// intermediates alone (chain); at least one of each of the first two is needed.
// A keystore (pkcs12, jks) holds both.
//
// With Directory the pair changes atomically, which is recommended: every
// version lies in <directory>/versions/<fingerprint>/, the server reads through
// the symlink <directory>/live, and one rename switches it. The files are then
// plain names; none given means fullchain.pem and privkey.pem. Without it each
// is an absolute path that is replaced by its own rename.
type Files struct {
	Directory   string `mapstructure:"directory"`
	Fullchain   string `mapstructure:"fullchain"`   // leaf, then intermediates
	Certificate string `mapstructure:"certificate"` // leaf alone
	Chain       string `mapstructure:"chain"`       // intermediates alone
	Key         string `mapstructure:"key"`
	Combined    string `mapstructure:"combined"` // key, leaf, intermediates
	Keystores   `mapstructure:",squash"`

	// KeptKey is for a private key that was made on this host and stays here: its
	// absolute path, or that of a folder of such keys. They are read to be
	// compared with a certificate and never written, copied or captured; only
	// certificates enrolled with --csr are taken. The file of key is then a
	// symlink to the one that belongs to the certificate; without directory it
	// may be left out, if the server reads KeptKey itself.
	KeptKey string `mapstructure:"kept_key"`

	// Owner and Group are names or numbers; empty keeps those of the file
	// that is replaced, or ours for a new one.
	Owner string `mapstructure:"owner"`
	Group string `mapstructure:"group"`
	// Mode and KeyMode are octal with a leading zero ("0644"), for files
	// without and with the key. Empty keeps the mode of the file that is
	// replaced, but a key open to everybody becomes 0600; new files get 0644 and 0600.
	Mode    string `mapstructure:"mode"`
	KeyMode string `mapstructure:"key_mode"`
	// Timeout bounds each command; 0 means 30 seconds.
	Timeout time.Duration `mapstructure:"timeout"`
}

// FileOptions are the options of the kind file.
type FileOptions struct {
	Files `mapstructure:",squash"`
	// Check and Reload are argument lists, never run by a shell; empty means
	// none. They see only PATH, LANG and HOME.
	Check  []string `mapstructure:"check"`
	Reload []string `mapstructure:"reload"`
}

// NginxOptions are the options of the kind nginx.
type NginxOptions struct {
	Files    `mapstructure:",squash"`
	Binary   string `mapstructure:"binary"`    // default nginx
	Config   string `mapstructure:"config"`    // -c; default as built in
	Prefix   string `mapstructure:"prefix"`    // -p; default as built in
	ErrorLog string `mapstructure:"error_log"` // -e, where start-up errors go; default as built in
}

const (
	defaultTimeout = 30 * time.Second
	maxTimeout     = 10 * time.Minute
	defaultMode    = 0o644
	defaultKeyMode = 0o600
)

// role is what a file holds.
type role string

const (
	fullchain   role = "fullchain"
	certificate role = "certificate"
	chain       role = "chain"
	key         role = "key"
	combined    role = "combined"
	pkcs12      role = "pkcs12"
	jks         role = "jks"
)

func (r role) isKeystore() bool { return r == pkcs12 || r == jks }
func (r role) holdsKey() bool   { return r == key || r == combined || r.isKeystore() }
func (r role) holdsLeaf() bool  { return r.holdsKey() && r != key || r == fullchain || r == certificate }

// item is one file to write: a path, or a name within a version's directory.
type item struct {
	role role
	path string
}

// items lists the files that were asked for, with the defaults of a directory.
func (f Files) items() []item {
	var out []item
	for _, it := range []item{{fullchain, f.Fullchain}, {certificate, f.Certificate}, {chain, f.Chain}, {key, f.Key}, {combined, f.Combined}, {pkcs12, f.PKCS12}, {jks, f.JKS}} {
		if it.path != "" {
			out = append(out, it)
		}
	}
	if len(out) == 0 && f.Directory != "" {
		out = []item{{fullchain, "fullchain.pem"}, {key, "privkey.pem"}}
	}
	return out
}

func (f Files) timeout() time.Duration {
	if f.Timeout == 0 {
		return defaultTimeout
	}
	return f.Timeout
}

func (o NginxOptions) binary() string {
	if o.Binary == "" {
		return "nginx"
	}
	return o.Binary
}
