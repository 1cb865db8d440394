package scan

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// record is one record of TLS 1.2 in the clear.
func record(kind byte, body []byte) []byte {
	return append([]byte{kind, 3, 3, byte(len(body) >> 8), byte(len(body))}, body...)
}

// hello is a server's that speaks TLS 1.2.
func hello() []byte {
	body := append([]byte{3, 3}, make([]byte, 32)...)
	body = append(body, 0, 0xc0, 0x2b, 0) // no session, ECDHE-ECDSA-AES128-GCM, no compression
	return record(recordHandshake, append([]byte{2, 0, 0, byte(len(body))}, body...))
}

// Whatever a server sends, the look ends, memory stays bounded, and nothing of it
// reaches a terminal.
func TestHostileServersAreBoundedAndReported(t *testing.T) {
	endless := func(first, again []byte) func(net.Conn) {
		return func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 4096))
			_, err := conn.Write(first)
			for err == nil {
				_, err = conn.Write(again)
			}
		}
	}
	big := make([]byte, 16<<10)
	sixteenMB := append([]byte{messageCertificate, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc}, big[:1024]...)
	for name, answer := range map[string]func(net.Conn){
		"a message of 16 MB":         endless(slices.Concat(hello(), record(recordHandshake, sixteenMB)), record(recordHandshake, big)),
		"empty records":              endless(nil, record(recordHandshake, nil)),
		"warnings":                   endless(nil, record(21, []byte{1, 0})),
		"changes of the cipher":      endless(nil, record(20, []byte{1})),
		"application data":           endless(nil, record(23, big[:100])),
		"hellos":                     endless(nil, hello()),
		"requests for another hello": endless(nil, record(recordHandshake, []byte{0, 0, 0, 0})),
		"escapes":                    endless([]byte("\x1b]0;owned\x07\x1b[2J\r\n"), []byte("\x1b[2J")),
	} {
		t.Run(name, func(t *testing.T) {
			e := serve(t, host+":0", answer)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			s := New(Options{Timeout: 2 * time.Second, Bound: 10 * time.Second})
			seen := s.Inspect(t.Context(), e, nil)
			runtime.GC()
			runtime.ReadMemStats(&after)
			if len(seen) != 1 || seen[0].Observation.Seen() || seen[0].Err != clean1(seen[0].Err) {
				t.Errorf("got %+v", seen)
			}
			wantCodes(t, seen[0].Findings, []cert.FindingCode{cert.Unreachable})
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
				t.Errorf("%d bytes are still held", grown)
			}
		})
	}
}

func TestAVeryLongChainIsReadOrRefused(t *testing.T) {
	a := newAuthority(t)
	leaf := a.Leaf(t, nil, host)
	for name, n := range map[string]int{"100 certificates": 100, "5,000 certificates": 5000} {
		t.Run(name, func(t *testing.T) {
			sent := tls.Certificate{Certificate: [][]byte{leaf.Cert.Raw}, PrivateKey: leaf.Key}
			sent.Certificate = append(sent.Certificate, slices.Repeat([][]byte{a.Intermediate.Cert.Raw}, n)...)
			seen := New(Options{Roots: a.Roots}).Inspect(t.Context(), serveTLS(t, host+":0", sent, nil), nil)
			if len(seen) != 1 || len(seen[0].Findings) == 0 || len(seen[0].Problems) > maxProblems+1 {
				t.Errorf("got %d findings, %d problems, %q", len(seen[0].Findings), len(seen[0].Problems), seen[0].Err)
			}
		})
	}
}

func FuzzOutline(f *testing.F) {
	der := newAuthority(&testing.T{}).Root.Cert.Raw
	f.Add(der)
	f.Add(der[:len(der)/2])
	f.Add([]byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		o := OutlineOf(data)
		if text := o.Issuer + o.Subject; text != clean1(text) {
			t.Errorf("control characters in %q", text)
		}
		if c, err := x509.ParseCertificate(data); err == nil {
			v := cert.VersionOf(c)
			if o.Serial != strings.TrimPrefix(v.Serial, "-") && c.SerialNumber.Sign() > 0 || !o.NotAfter.Equal(v.NotAfter) || !o.NotBefore.Equal(v.NotBefore) {
				t.Errorf("outline %+v of %+v", o, v)
			}
		}
	})
}

func FuzzOverheard(f *testing.F) {
	f.Add(hello())
	f.Add(slices.Concat(hello(), record(recordHandshake, []byte{messageCertificate, 0, 0, 8, 0, 0, 5, 0, 0, 2, 0x30, 0})))
	f.Fuzz(func(t *testing.T, said []byte) {
		all := certificatesIn(said)
		if len(all) > maxSent {
			t.Errorf("%d certificates", len(all))
		}
		for _, der := range all {
			OutlineOf(der)
		}
	})
}

// An endless or broken server of TLS 1.3 is left after a bounded amount.
func TestAGlimpseIsBounded(t *testing.T) {
	answer := func(share []byte) []byte { // a ServerHello with some key
		body := slices.Concat([]byte{3, 3}, make([]byte, 32), []byte{0, 0x13, 1, 0, 0, 46, 0, 43, 0, 2, 3, 4, 0, 51, 0, 36, 0, 29, 0, 32}, share)
		return append([]byte{messageServerHello, 0, 0, byte(len(body))}, body...)
	}
	point := append([]byte{9}, make([]byte, 31)...)
	for name, said := range map[string][]byte{
		"nothing":                   nil,
		"TLS 1.2":                   hello(),
		"an alert":                  {21, 3, 3, 0, 2, 2, 40},
		"no point of the curve":     record(recordHandshake, answer(make([]byte, 32))),
		"more before its keys":      record(recordHandshake, append(answer(point), 8, 0, 0, 0)),
		"plain after its keys":      slices.Concat(record(recordHandshake, answer(point)), record(recordHandshake, []byte{8, 0, 0, 0})),
		"what nobody can open":      slices.Concat(record(recordHandshake, answer(point)), record(recordApplicationData, make([]byte, 64))),
		"empty records for ever":    bytes.Repeat(record(recordChangeCipherSpec, []byte{1}), maxOverheard),
		"a message without end":     bytes.Repeat(record(recordHandshake, slices.Concat([]byte{messageServerHello, 0xff, 0xff, 0xff}, make([]byte, 1<<14-4))), 100),
		"a record that is too long": {recordHandshake, 3, 3, 0xff, 0xff, 2},
	} {
		left := bytes.NewReader(said)
		got, err := glimpsed(struct {
			io.Reader
			io.Writer
		}{left, io.Discard}, "a.test", byRSA)
		if err == nil || got != nil {
			t.Errorf("%s: %d certificates", name, len(got))
		}
		if read := len(said) - left.Len(); read > maxOverheard+maxRecord {
			t.Errorf("%s: %d bytes were read", name, read)
		}
	}
}

func FuzzGlimpse(f *testing.F) {
	f.Add(hello(), []byte{0, 0, 0, 7, 0, 0, 2, 0x30, 0, 0, 0})
	f.Add([]byte{recordHandshake, 3, 3, 0, 4, messageServerHello, 0, 0, 0}, []byte{})
	f.Fuzz(func(t *testing.T, said, certificates []byte) {
		if got, err := glimpsed(struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(said), io.Discard}, "", byECC); err == nil {
			t.Errorf("%d certificates of a server that does not know our key", len(got))
		}
		if got, err := certificatesSent(certificates); len(got) > maxSent || err != nil && got != nil {
			t.Errorf("%d certificates", len(got))
		}
	})
}
