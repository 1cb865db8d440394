package files

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/survey"
	"github.com/neverlapse/neverlapse/internal/sshhost"
)

// Bounds of what is read on a host, in bytes.
const (
	maxNamed   = 4 << 20   // of a file that is called as one with certificates
	maxUnnamed = 256 << 10 // of another one
	maxPart    = 16 << 20  // of the files that one command there reads
	maxAnswer  = 20 << 20  // of what such a command says
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
	why   string // it was not read
}

// certificates prints the certificates of a PEM file and nothing else of it, and
// says that there is a key without showing it.
const certificates = `/^-----BEGIN /{p=0} /^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/{print "-----KEY-----"} /^-----BEGIN (X509 )?CERTIFICATE-----/{p=1} p{print} /^-----END /{p=0}`

// read reads what is worth it of the files that were met.
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
		named := survey.NamedSo(p)
		switch {
		case info == nil || !named && info.Size() > maxUnnamed || info.Size() == 0:
			continue
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
			m.der(f)
		}
	}
	return out, m.keysOf(ctx, out)
}

// pems has the host read PEM files.
func (m *machine) pems(ctx context.Context, files []*fromHost) error {
	var script strings.Builder
	mark := rand.Text()
	fmt.Fprintf(&script, "c() { echo %s $1; timeout -k 2 20 awk %s \"$2\" 2>/dev/null; }\n", mark, sshhost.Quote(certificates))
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
			if strings.TrimSpace(l) == "-----KEY-----" {
				files[i].keyed = true
				continue
			}
			files[i].chain = append(files[i].chain, l...)
		}
	}
	return nil
}

// der reads a certificate in DER. Keys and keystores, which begin otherwise, stay
// where they are.
func (m *machine) der(f *fromHost) {
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
	case keystoreSo(head):
		f.why = "a keystore is not read over SSH, since its keys would leave the host; run a worker there (neverlapse-worker --role target), or name it to neverlapse scan there"
	case certificateSo(head):
		rest, err := io.ReadAll(io.LimitReader(file, maxDER))
		if err != nil {
			f.why = scan.Clean(err.Error())
			return
		}
		f.chain = append(head, rest...)
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

// keystoreSo tells PKCS#12, which begins with version 3 (RFC 7292, 4), and JKS.
func keystoreSo(head []byte) bool {
	return bytes.HasPrefix(contentOf(head), []byte{2, 1, 3}) || bytes.HasPrefix(head, []byte{0xfe, 0xed, 0xfe, 0xed}) || bytes.HasPrefix(head, []byte{0xce, 0xce, 0xce, 0xce})
}

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
	fmt.Fprintf(&script, "k() { [ -f \"$2\" ] && [ ! -h \"$2\" ] || return 0; echo %s $1; timeout -k 2 10 openssl pkey -in \"$2\" -passin pass: -pubout </dev/null 2>/dev/null; }\n", mark)
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

// sections takes apart what a script said, by the numbers behind its mark.
func sections(said, mark string, n int) []string {
	out := make([]string, n)
	for _, part := range strings.Split(said, mark+" ")[1:] {
		number, text, _ := strings.Cut(part, "\n")
		if i, err := strconv.Atoi(number); err == nil && i >= 0 && i < n {
			out[i] = text
		}
	}
	return out
}

// run has /bin/sh on the host read a script from its standard input, so that the
// user's login shell sees no word of it, and gives what it says.
func (m *machine) run(ctx context.Context, script string) (string, error) {
	s, err := m.conn.NewSession()
	if err != nil {
		return "", err
	}
	defer s.Close()
	said := &answer{}
	s.Stdin = strings.NewReader("PATH=" + sshhost.SearchPath + " LC_ALL=C && export PATH LC_ALL && cd /\n" + script + "exit 0\n")
	s.Stdout = said
	err = s.Run("/bin/sh")
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case said.full:
		return "", fmt.Errorf("the host says more than %d MB of files that have less", maxAnswer>>20)
	case err != nil:
		return "", fmt.Errorf("the host does not run what reads the files (sh, awk, timeout): %w", err)
	}
	return said.String(), nil
}

// answer keeps what a host says, up to its bound.
type answer struct {
	bytes.Buffer
	full bool
}

func (a *answer) Write(p []byte) (int, error) {
	if a.Len()+len(p) > maxAnswer {
		a.full = true
		return 0, errors.New("too much")
	}
	return a.Buffer.Write(p)
}
