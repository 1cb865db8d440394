package files

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/keystore"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/survey"
	"github.com/neverlapse/neverlapse/internal/sshhost"
)

// Bounds of what is read on a host, in bytes.
const (
	maxNamed   = 4 << 20   // of a file that is called as one with certificates
	maxUnnamed = 256 << 10 // of another one
	maxPart    = 16 << 20  // of the files that one command there reads
	maxDER     = 64 << 10
	headOfDER  = 20 // enough to tell what a file is, and too little to hold a key
)

// fromHost is what was read of a file there: certificates, and the public halves
// of keys.
type fromHost struct {
	path  string
	mode  fs.FileMode
	chain []byte // PEM or DER; no key
	keyed bool   // it holds a private key
	keys  []scan.KeyFile
	held  scan.Contents // of a keystore that was opened
	cut   bool          // what the host said of it may not be all
	why   string        // it was not read
}

// certificates prints the certificates of a PEM file and nothing else of it, and
// says that there is a key without showing it.
const certificates = `/^-----BEGIN /{p=0} /^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/{print "-----KEY-----"} /^-----BEGIN (X509 )?CERTIFICATE-----/{p=1} p{print} /^-----END /{p=0}`

// cutShort stands where what reads a file failed, or was not done in time.
const cutShort = "-----CUT-----"

// read reads files that are worth it.
func (m *machine) read(ctx context.Context, paths []string) (out []*fromHost, err error) {
	var part []*fromHost
	size := int64(0)
	flush := func() error {
		if len(part) == 0 {
			return nil
		}
		err := m.pems(ctx, part)
		part, size = nil, 0
		return err
	}
	for _, p := range paths {
		info := m.infos[p]
		switch {
		case info.Size() > maxNamed:
			out = append(out, &fromHost{path: p, why: fmt.Sprintf("it is longer than %d MB: no certificate is", maxNamed>>20)})
			continue
		}
		if size+info.Size() > maxPart {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		f := &fromHost{path: p, mode: info.Mode()}
		out, part, size = append(out, f), append(part, f), size+info.Size()
	}
	if err := flush(); err != nil {
		return nil, err
	}
	for _, f := range out {
		if f.why == "" && len(f.chain) == 0 && survey.NamedSo(f.path) {
			m.binary(f)
		}
	}
	return out, m.keysOf(ctx, out)
}

// pems has the host read PEM files.
func (m *machine) pems(ctx context.Context, files []*fromHost) error {
	var script strings.Builder
	mark := rand.Text()
	fmt.Fprintf(&script, "c() { echo %s $1; timeout -k 2 20 awk %s \"$2\" 2>/dev/null || echo %s; }\n", mark, sshhost.Quote(certificates), cutShort)
	for i, f := range files {
		fmt.Fprintf(&script, "c %d %s\n", i, sshhost.Quote(f.path))
	}
	said, err := m.run(ctx, script.String())
	if err != nil {
		return err
	}
	for i, text := range sections(said, mark, len(files)) {
		lines := strings.SplitAfter(text, "\n")
		for _, l := range lines {
			switch strings.TrimSpace(l) {
			case "-----KEY-----":
				files[i].keyed = true
			case cutShort:
				files[i].cut = true
			default:
				files[i].chain = append(files[i].chain, l...)
			}
		}
	}
	return nil
}

// worthy reports whether a file that was met may hold certificates.
func (m *machine) worthy(path string) bool {
	info := m.infos[path]
	return info != nil && info.Size() > 0 && (survey.NamedSo(path) || info.Size() <= maxUnnamed)
}

// worth are those of the files that were met that are read.
func (m *machine) worth(paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return !m.worthy(p) })
}

// binary reads a certificate in DER, or the certificates of a keystore. Keys, which
// begin otherwise, stay where they are.
func (m *machine) binary(f *fromHost) {
	file, err := m.files.Open(f.path)
	if err != nil {
		f.why = scan.Clean(err.Error())
		return
	}
	defer file.Close()
	head := make([]byte, headOfDER)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return
	}
	switch head = head[:n]; {
	case len(head) > 4 && binary.BigEndian.Uint32(head) == keystore.MagicJKS:
		info, err := file.Stat()
		if err != nil {
			f.why = scan.Clean(err.Error())
			return
		}
		f.open(m.scanner.JKS(file, min(info.Size(), maxNamed), f.mode))
	case len(head) > 4 && binary.BigEndian.Uint32(head) == keystore.MagicJCEKS:
		f.open(m.scanner.Read(head, f.mode, "", nil)) // says that it is not read
	case pkcs12So(head) && m.keystores:
		rest, err := io.ReadAll(io.LimitReader(file, maxNamed))
		if err != nil {
			f.why = scan.Clean(err.Error())
			return
		}
		f.open(m.scanner.Read(append(head, rest...), f.mode, m.password, nil))
	case pkcs12So(head):
		f.why = "a PKCS#12 keystore is not opened over SSH, since its keys would leave the host with it; say ssh.keystores: true if the worker may open it in its memory, or run a worker there (neverlapse-worker --role target)"
	case certificateSo(head):
		rest, err := io.ReadAll(io.LimitReader(file, maxDER))
		if err != nil {
			f.why = scan.Clean(err.Error())
			return
		}
		f.chain = append(head, rest...)
	}
}

// open takes what is in a keystore, or why it cannot be opened.
func (f *fromHost) open(c scan.Contents, err error) {
	if f.held = c; err != nil {
		f.why = scan.Clean(err.Error())
	}
}

// contentOf skips the header of a DER SEQUENCE.
func contentOf(b []byte) []byte {
	if len(b) < 4 || b[0] != 0x30 {
		return nil
	}
	if b[1] < 0x80 {
		return b[2:]
	}
	n := 2 + int(b[1]&0x7f)
	if n >= len(b) {
		return nil
	}
	return b[n:]
}

// certificateSo tells a certificate by its beginning: a sequence that begins with
// one which begins with a version or a serial (RFC 5280, 4.1). An encrypted key
// has the name of an algorithm there, another one a number outside.
func certificateSo(head []byte) bool {
	tbs := contentOf(contentOf(head))
	return len(tbs) > 0 && (tbs[0] == 0xa0 || tbs[0] == 0x02)
}

// pkcs12So tells PKCS#12, which begins with version 3 (RFC 7292, 4).
func pkcs12So(head []byte) bool { return bytes.HasPrefix(contentOf(head), []byte{2, 1, 3}) }

// keysOf has the host say the public halves of the keys that are in the files or
// lie beside them.
func (m *machine) keysOf(ctx context.Context, files []*fromHost) error {
	type asked struct {
		of   *fromHost
		path string
	}
	var all []asked
	var script strings.Builder
	mark := rand.Text()
	fmt.Fprintf(&script, "k() { [ -f \"$2\" ] && [ ! -h \"$2\" ] || return 0; echo %s $1; timeout -k 2 10 openssl pkey -in \"$2\" -passin pass: -pubout </dev/null 2>/dev/null; [ $? -lt 124 ] || echo %s; }\n", mark, cutShort)
	for _, f := range files {
		if len(f.chain) == 0 {
			continue
		}
		names := []string{f.path}
		if !f.keyed {
			names = scan.KeyNames(f.path)
		}
		for _, name := range names {
			fmt.Fprintf(&script, "k %d %s\n", len(all), sshhost.Quote(name))
			all = append(all, asked{f, name})
		}
	}
	if len(all) == 0 {
		return nil
	}
	said, err := m.run(ctx, script.String())
	if err != nil {
		return err
	}
	for i, text := range sections(said, mark, len(all)) {
		if strings.HasPrefix(text, cutShort) {
			all[i].of.cut = true
		}
		block, _ := pem.Decode([]byte(text))
		if block == nil || block.Type != "PUBLIC KEY" {
			continue
		}
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			continue
		}
		info, err := m.files.Lstat(all[i].path)
		if err != nil {
			continue
		}
		all[i].of.keys = append(all[i].of.keys, scan.KeyFile{Path: all[i].path, Info: info, Public: public})
	}
	return nil
}
