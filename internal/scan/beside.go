package scan

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// KeyFile is a private key in a file of its own, beside a certificate's.
type KeyFile struct {
	Path   string
	Info   os.FileInfo
	Public crypto.PublicKey // nil: it cannot be read, or is encrypted
}

// keyless are ends of names that a key's name goes without.
var keyless = []string{"fullchain", "chain", "chained", "bundle", "cert", "crt"}

func withoutEnd(stem string) string {
	if i := strings.LastIndexAny(stem, "._-"); i >= 0 && slices.Contains(keyless, stem[i+1:]) {
		return stem[:i]
	}
	return stem
}

// ofCertbot gives the number in a name that certbot gives to a version; it may be empty.
func ofCertbot(name string) (number string, ok bool) {
	stem, ok := strings.CutSuffix(name, ".pem")
	if !ok {
		return "", false
	}
	if number, ok = strings.CutPrefix(stem, "cert"); !ok {
		number, ok = strings.CutPrefix(stem, "fullchain")
	}
	return number, ok && strings.Trim(number, "0123456789") == ""
}

// KeyNames are the paths at which the private key of a certificate file lies by
// custom: nginx, Apache and Debian (shop.crt, shop.key), certbot (fullchain.pem,
// privkey.pem), Kubernetes (tls.crt, tls.key), cfssl (shop.pem, shop-key.pem), and
// the folder private beside certs (Debian, Red Hat).
func KeyNames(path string) []string {
	dir, name := filepath.Split(path)
	stem := strings.TrimSuffix(name, filepath.Ext(name))
	short := withoutEnd(stem)
	var out []string
	add := func(dir string, names ...string) {
		for _, n := range names {
			if p := filepath.Join(dir, n); p != filepath.Clean(path) {
				out = append(out, p)
			}
		}
	}
	if number, ok := ofCertbot(name); ok {
		add(dir, "privkey"+number+".pem")
	}
	for _, s := range slices.Compact([]string{stem, short}) {
		add(dir, s+".key", s+"-key.pem", s+".key.pem")
	}
	if stem == "cert" || stem == "fullchain" || stem == "server" {
		add(dir, "key.pem")
	}
	if filepath.Base(filepath.Clean(dir)) == "certs" {
		add(filepath.Join(dir, "..", "private"), short+".key", short+".pem")
	}
	return out
}

// keysBeside reads the public halves of the keys that lie beside a certificate
// file. What was read of a key is forgotten at once. there says what may be there
// at all; nil: that is not known.
func keysBeside(path string, there func(path string) bool) (out []KeyFile) {
	for _, name := range KeyNames(path) {
		if there != nil && !there(name) {
			continue
		}
		data, info, ok, err := Opened(name, func(head []byte) bool { return bytes.Contains(head, []byte("PRIVATE KEY-----")) })
		if info == nil || !info.Mode().IsRegular() || err == nil && !ok {
			continue
		}
		k := KeyFile{Path: name, Info: info}
		if err == nil {
			if key, err := cert.DecodeKey(data); err == nil {
				k.Public = key.Public()
			}
			clear(data)
		}
		out = append(out, k)
	}
	return out
}

// Paired tells which of the keys beside a certificate is its own, and what is wrong
// with them. Encrypted keys, and those that may not be read, say nothing.
func Paired(leaf *x509.Certificate, keys []KeyFile) (own string, out []cert.Finding) {
	other := ""
	for _, k := range keys {
		public, ok := k.Public.(interface{ Equal(crypto.PublicKey) bool })
		switch {
		case !ok:
		case public.Equal(leaf.PublicKey):
			if mode := k.Info.Mode().Perm(); mode&0o004 != 0 {
				out = found(cert.KeyExposed, "its private key lies in %s, and everybody on this machine may read it (%s)", clean(k.Path), mode)
			}
			return k.Path, out
		case other == "":
			other = k.Path
		}
	}
	if other != "" {
		out = found(cert.KeyMismatch, "the private key beside it, %s, is that of another certificate", clean(other))
	}
	return "", out
}

// Beside pairs a chain of a file with the keys beside the file. One that holds a
// key itself, or several chains, has none. there is as for keysBeside.
func (c *Contents) Beside(path string, there func(path string) bool) (own string, keys []KeyFile) {
	if len(c.Held) != 1 || c.Held[0].Keyed || c.Held[0].Alias != "" {
		return "", nil
	}
	h := &c.Held[0]
	keys = keysBeside(path, there)
	own, more := Paired(h.Chain[0], keys)
	h.Findings = append(h.Findings, more...)
	return own, keys
}
