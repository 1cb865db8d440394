package target

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// keptKeys is where keys lie that were made on the host of the place and stay there: a file,
// or a folder of such files. They are read to be compared, and nothing else.
type keptKeys struct {
	on     machine
	path   string
	linked bool // the server reads a symlink to one of them, which we set
}

// maxKept bounds how many files of a folder are looked at.
const maxKept = 100

// KeepsKey reports whether the private key stays on the host: the target then
// takes versions without one and no others.
func (p *place) KeepsKey() bool { return p.kept != nil }

// HasKey is nil if the private key of a public one is on the host;
// fault.Configuration that says what is there instead.
func (p *place) HasKey(ctx context.Context, public crypto.PublicKey) error {
	return p.connected(ctx, func(p *place) error {
		if p.kept == nil {
			return fault.New(fault.Configuration, "no kept_key is set, so it takes only versions that bring their key")
		}
		_, err := p.kept.find(public)
		return err
	})
}

func newKept(f Files, on machine) *keptKeys {
	if f.KeptKey == "" {
		return nil
	}
	linked := slices.ContainsFunc(f.items(), func(it item) bool { return it.role == key })
	return &keptKeys{on, filepath.Clean(f.KeptKey), linked}
}

// find gives the file that holds the private key of a public one.
func (k keptKeys) find(public crypto.PublicKey) (string, error) {
	files, err := k.files()
	if err != nil {
		return "", err
	}
	var others []string
	for _, f := range files {
		signer, err := k.read(f)
		if err == nil && belongs(signer, public) {
			return f, nil
		}
		if err == nil {
			err = errors.New("another key")
		}
		others = append(others, fmt.Sprintf("%s: %s", f, err))
	}
	ref, err := cert.KeyReference(public)
	if err != nil {
		return "", fault.New(fault.Invalid, "%w", err)
	}
	if len(others) == 0 {
		others = []string{"no file is there"}
	}
	return "", fault.New(fault.Configuration, "the key of the certificate (SHA-256 of the public key %.12s…) is not at kept_key %s of this host (%s); put the key there that the certificate request was made with, or make another request with the key that is there: neverlapse enroll --cert-name NAME --update --csr FILE",
		ref, k.path, strings.Join(others[:min(len(others), 5)], "; "))
}

// files lists the path itself, or what lies in it if it is a folder.
func (k keptKeys) files() ([]string, error) {
	dir, err := k.on.folder(k.path)
	if err != nil { // a file, or nothing
		return []string{k.path}, nil
	}
	names, err := dir.names()
	if err = errors.Join(err, dir.Close()); err != nil {
		return nil, fault.New(fault.Configuration, "kept_key %s cannot be read as %s: %w; give that user the right to read it", k.path, k.on.whoami(), err)
	}
	if !k.linked {
		return nil, fault.New(fault.Configuration, "kept_key %s is a folder: set key to the path where the server reads the key, which becomes a symlink to the one that belongs to the certificate", k.path)
	}
	var out []string
	for _, n := range names {
		if !strings.HasPrefix(n, ".") {
			out = append(out, filepath.Join(k.path, n))
		}
	}
	if len(out) > maxKept {
		return nil, fault.New(fault.Configuration, "kept_key %s holds %d files; it is for the keys of one certificate: keep at most %d there", k.path, len(out), maxKept)
	}
	slices.Sort(out)
	return out, nil
}

// read reads a private key; the error never quotes it.
func (k keptKeys) read(path string) (crypto.Signer, error) {
	data, err := k.on.readThrough(path)
	switch {
	case err != nil:
		return nil, err
	case data == nil:
		return nil, errors.New("no file")
	case bytes.Contains(data, []byte("ENCRYPTED")):
		return nil, errors.New("an encrypted key, which cannot be compared")
	}
	return cert.DecodeKey(data)
}

// render turns a pair into file contents for this target. Where the key stays on
// the host, it is found first, and its file is a symlink to it.
func (p *place) render(pair cert.Pair) (content, error) {
	switch {
	case p.kept == nil && pair.KeptKey:
		return content{}, fault.New(fault.Configuration, "the key of this certificate stays on its host, and this target would have to write it; set kept_key to where it lies there")
	case p.kept == nil:
		return render(pair, p.files.Keystores)
	case !pair.KeptKey:
		return content{}, fault.New(fault.Configuration, "kept_key is set, so no key is written here, and this version brings one; enroll the certificate with --csr, or take kept_key out")
	}
	certs, err := cert.DecodeChain(pair.Chain)
	if err != nil {
		return content{}, fault.New(fault.Invalid, "pair: %w", err)
	}
	file, err := p.kept.find(certs[0].PublicKey)
	if err != nil {
		return content{}, err
	}
	c := chainContent(certs)
	c.bytes[key] = []byte(file)
	return c, nil
}

// keyless refuses a capture that would copy a key which was made here.
func (p *place) keyless(c capture) error {
	if p.kept == nil {
		return nil
	}
	for path, n := range c.Nodes {
		if versionName.MatchString(filepath.Base(path)) { // ours: its key came with it
			continue
		}
		link := slices.ContainsFunc(p.layout.files(), func(it item) bool { return it.role == key && it.path == path })
		if holdsKey(n) || link && n.Kind == kindFile {
			return fault.New(fault.Configuration, "%s holds a private key, and with kept_key none is copied; let the key lie at kept_key %s alone, with a symlink at most where the server reads it", path, p.kept.path)
		}
	}
	return nil
}

func holdsKey(n node) bool {
	if n.Kind == kindFile && bytes.Contains(n.Bytes, []byte("PRIVATE KEY-----")) {
		return true
	}
	for _, e := range n.Entries {
		if holdsKey(e) {
			return true
		}
	}
	return false
}

// returns tells why putting a capture back would leave the server without the
// key of its certificate; nil if it would not.
func (p *place) returns(old capture) error {
	certs, err := cert.DecodeChain(old.Leaf)
	if p.kept == nil || err != nil { // nothing was there
		return nil
	}
	for _, n := range old.Nodes {
		if holdsKey(n) {
			return nil // it brings its key
		}
	}
	if _, err := p.kept.find(certs[0].PublicKey); err != nil {
		return fmt.Errorf("%s is not put back, for it would not work: %w", cert.FingerprintOf(certs[0]).Short(), err)
	}
	return nil
}

// fitsKept tells whether a read-back version has its key here, where no file of
// the layout shows it.
func (p *place) fitsKept(found map[role][]byte) error {
	if p.kept == nil || p.kept.linked {
		return nil
	}
	pem, err := leafOf(found, p.files.Keystores)
	if err != nil {
		return nil // said by coherent
	}
	certs, err := cert.DecodeChain(pem)
	if err != nil {
		return err
	}
	if _, err := p.kept.find(certs[0].PublicKey); err != nil {
		return fault.New(fault.Proof, "the files do not belong together: %w", err)
	}
	return nil
}

// swapped reports whether somebody replaced the key in place, so that the
// certificate which is there cannot pass a check until the next one comes.
func (p *place) swapped() bool {
	found, err := p.layout.read()
	return err == nil && fault.Is(p.fitsKept(found), fault.Proof)
}
