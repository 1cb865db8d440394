package scan

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/netip"
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// A glimpse is a handshake of TLS 1.3 (RFC 8446) up to the server's certificates and
// no further. crypto/tls offers every kind of signature and gives nobody a
// certificate that it cannot parse; a glimpse asks for one type of key alone and
// takes whatever is sent. It proves nothing: neither that the server holds the key,
// nor who it is. It offers X25519 and AES-128-GCM with SHA-256, which is what every
// implementation has to have (RFC 8446, 9.1, but for the curve).

// Signatures that need one type of key.
var (
	byRSA = []tls.SignatureScheme{tls.PSSWithSHA256, tls.PSSWithSHA384, tls.PSSWithSHA512, tls.PKCS1WithSHA256, tls.PKCS1WithSHA384, tls.PKCS1WithSHA512}
	byECC = []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, tls.ECDSAWithP384AndSHA384, tls.ECDSAWithP521AndSHA512, tls.Ed25519}
)

// glimpse gives the certificates that a server has for clients that take these
// signatures; none if it does not speak so far.
func (s *Scanner) glimpse(ctx context.Context, w *watch, addr netip.AddrPort, e cert.Endpoint, schemes []tls.SignatureScheme) ([][]byte, error) {
	conn, err := s.connect(ctx, w, addr, e)
	if err != nil {
		return nil, err
	}
	release, err := take(ctx, s.computing)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Conn.Close() })
	defer stop()
	defer conn.Close()
	out, err := glimpsed(conn, serverName(e), schemes)
	release()
	w.left = conn.left
	return out, err
}

const (
	recordChangeCipherSpec = 20
	recordApplicationData  = 23
	maxRecord              = 1<<14 + 256 // RFC 8446, 5.2

	messageServerHello         = 2
	messageEncryptedExtensions = 8
	messageCertificateRequest  = 13

	extensionServerName        = 0
	extensionGroups            = 10
	extensionSignatures        = 13
	extensionVersions          = 43
	extensionSignaturesOfChain = 50
	extensionKeyShare          = 51

	suite = 0x1301 // TLS_AES_128_GCM_SHA256
)

// glimpsed says hello and reads what is answered.
func glimpsed(conn io.ReadWriter, name string, schemes []tls.SignatureScheme) ([][]byte, error) {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	hello, err := clientHello(name, key.PublicKey().Bytes(), schemes)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(append([]byte{recordHandshake, 3, 1, byte(len(hello) >> 8), byte(len(hello))}, hello...)); err != nil {
		return nil, err
	}
	transcript := sha256.New()
	transcript.Write(hello)
	in := &spoken{in: conn}
	answer, err := in.message(messageServerHello)
	if err != nil {
		return nil, err
	}
	share, err := serverShare(answer[4:])
	if err != nil {
		return nil, err
	}
	transcript.Write(answer)
	public, err := ecdh.X25519().NewPublicKey(share)
	if err != nil {
		return nil, err
	}
	secret, err := key.ECDH(public)
	if err != nil {
		return nil, err
	}
	if err := in.open(secret, transcript.Sum(nil)); err != nil {
		return nil, err
	}
	sent, err := in.message(messageCertificate, messageEncryptedExtensions, messageCertificateRequest)
	if err != nil {
		return nil, err
	}
	return certificatesSent(sent[4:])
}

func clientHello(name string, share []byte, schemes []tls.SignatureScheme) ([]byte, error) {
	random := make([]byte, 64)
	if _, err := rand.Read(random); err != nil {
		return nil, err
	}
	type builder = cryptobyte.Builder
	var b builder
	list := func(b *builder, all []tls.SignatureScheme) {
		b.AddUint16LengthPrefixed(func(b *builder) {
			for _, s := range all {
				b.AddUint16(uint16(s))
			}
		})
	}
	extension := func(b *builder, kind uint16, body func(b *builder)) {
		b.AddUint16(kind)
		b.AddUint16LengthPrefixed(body)
	}
	b.AddUint8(1)
	b.AddUint24LengthPrefixed(func(b *builder) {
		b.AddUint16(tls.VersionTLS12)
		b.AddBytes(random[:32])
		b.AddUint8LengthPrefixed(func(b *builder) { b.AddBytes(random[32:]) })
		b.AddUint16LengthPrefixed(func(b *builder) { b.AddUint16(suite) })
		b.AddUint8LengthPrefixed(func(b *builder) { b.AddUint8(0) })
		b.AddUint16LengthPrefixed(func(b *builder) {
			if name != "" {
				extension(b, extensionServerName, func(b *builder) {
					b.AddUint16LengthPrefixed(func(b *builder) {
						b.AddUint8(0)
						b.AddUint16LengthPrefixed(func(b *builder) { b.AddBytes([]byte(name)) })
					})
				})
			}
			extension(b, extensionGroups, func(b *builder) {
				b.AddUint16LengthPrefixed(func(b *builder) { b.AddUint16(uint16(tls.X25519)) })
			})
			extension(b, extensionSignatures, func(b *builder) { list(b, schemes) })
			extension(b, extensionSignaturesOfChain, func(b *builder) {
				list(b, slices.Concat(byRSA, byECC, []tls.SignatureScheme{tls.PKCS1WithSHA1, tls.ECDSAWithSHA1}))
			})
			extension(b, extensionVersions, func(b *builder) {
				b.AddUint8LengthPrefixed(func(b *builder) { b.AddUint16(tls.VersionTLS13) })
			})
			extension(b, extensionKeyShare, func(b *builder) {
				b.AddUint16LengthPrefixed(func(b *builder) {
					b.AddUint16(uint16(tls.X25519))
					b.AddUint16LengthPrefixed(func(b *builder) { b.AddBytes(share) })
				})
			})
		})
	})
	return b.Bytes()
}

var errNoGlimpse = errors.New("the server does not speak TLS 1.3 with X25519 and AES-128-GCM")

// serverShare gives the server's part of the key from a ServerHello. A request to
// begin anew with another curve has none.
func serverShare(hello cryptobyte.String) (share []byte, err error) {
	var session, extensions cryptobyte.String
	var chosen uint16
	if !hello.Skip(2+32) || !hello.ReadUint8LengthPrefixed(&session) || !hello.ReadUint16(&chosen) || !hello.Skip(1) || !hello.ReadUint16LengthPrefixed(&extensions) || chosen != suite {
		return nil, errNoGlimpse
	}
	var version uint16
	for !extensions.Empty() {
		var kind, group uint16
		var body, key cryptobyte.String
		switch {
		case !extensions.ReadUint16(&kind) || !extensions.ReadUint16LengthPrefixed(&body):
			return nil, errNoGlimpse
		case kind == extensionVersions && !body.ReadUint16(&version):
			return nil, errNoGlimpse
		case kind != extensionKeyShare:
		case !body.ReadUint16(&group) || group != uint16(tls.X25519) || !body.ReadUint16LengthPrefixed(&key):
			return nil, errNoGlimpse
		default:
			share = key
		}
	}
	if version != tls.VersionTLS13 || share == nil {
		return nil, errNoGlimpse
	}
	return share, nil
}

// certificatesSent reads a Certificate message (RFC 8446, 4.4.2).
func certificatesSent(body cryptobyte.String) (out [][]byte, err error) {
	var request, list cryptobyte.String
	if !body.ReadUint8LengthPrefixed(&request) || !body.ReadUint24LengthPrefixed(&list) {
		return nil, errNoGlimpse
	}
	for len(out) < maxSent && !list.Empty() {
		var der, extensions cryptobyte.String
		if !list.ReadUint24LengthPrefixed(&der) || !list.ReadUint16LengthPrefixed(&extensions) {
			return nil, errNoGlimpse
		}
		out = append(out, der)
	}
	return out, nil
}

// spoken is what a server says: handshake messages in records.
type spoken struct {
	in       io.Reader
	buffered []byte // messages that were not taken yet
	read     int    // bytes so far
	opener   cipher.AEAD
	iv       []byte
	sequence uint64
}

// message gives the next message of a kind, with its header; those of other kinds
// may come before it.
func (s *spoken) message(kind uint8, before ...uint8) ([]byte, error) {
	for {
		for len(s.buffered) < 4 || len(s.buffered) < 4+lengthOf(s.buffered) {
			if err := s.record(); err != nil {
				return nil, err
			}
		}
		n := 4 + lengthOf(s.buffered)
		m := s.buffered[:n:n]
		s.buffered = s.buffered[n:]
		switch {
		case m[0] == kind:
			return m, nil
		case !slices.Contains(before, m[0]):
			return nil, errNoGlimpse
		}
	}
}

func lengthOf(m []byte) int { return int(m[1])<<16 | int(m[2])<<8 | int(m[3]) }

// record reads one more record.
func (s *spoken) record() error {
	var head [5]byte
	if _, err := io.ReadFull(s.in, head[:]); err != nil {
		return err
	}
	n := int(head[3])<<8 | int(head[4])
	if s.read += len(head) + n; n > maxRecord || s.read > maxOverheard {
		return fmt.Errorf("%w: it says too much", errNoGlimpse)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(s.in, body); err != nil {
		return err
	}
	kind := head[0]
	if kind == recordChangeCipherSpec { // means nothing (RFC 8446, D.4)
		return nil
	}
	if s.opener != nil {
		if kind != recordApplicationData {
			return errNoGlimpse
		}
		var err error
		if body, err = s.opener.Open(body[:0], s.nonce(), body, head[:]); err != nil {
			return err
		}
		end := len(body)
		for end > 0 && body[end-1] == 0 {
			end--
		}
		if end == 0 {
			return errNoGlimpse
		}
		kind, body = body[end-1], body[:end-1]
	}
	if kind != recordHandshake {
		return errNoGlimpse
	}
	s.buffered = append(s.buffered, body...)
	return nil
}

func (s *spoken) nonce() []byte {
	out := slices.Clone(s.iv)
	for i := range 8 {
		out[len(out)-1-i] ^= byte(s.sequence >> (8 * i))
	}
	s.sequence++
	return out
}

// open derives the key by which the server's messages are read from now on (RFC
// 8446, 7.1). What came before must have been taken.
func (s *spoken) open(shared, transcript []byte) error {
	if len(s.buffered) > 0 {
		return errNoGlimpse
	}
	none := sha256.Sum256(nil)
	early, err := hkdf.Extract(sha256.New, make([]byte, sha256.Size), nil)
	if err != nil {
		return err
	}
	salt, err := labelled(early, "derived", none[:], sha256.Size)
	if err != nil {
		return err
	}
	secret, err := hkdf.Extract(sha256.New, shared, salt)
	if err != nil {
		return err
	}
	traffic, err := labelled(secret, "s hs traffic", transcript, sha256.Size)
	if err != nil {
		return err
	}
	key, err := labelled(traffic, "key", nil, 16)
	if err != nil {
		return err
	}
	if s.iv, err = labelled(traffic, "iv", nil, 12); err != nil {
		return err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	s.opener, err = cipher.NewGCM(block)
	return err
}

// labelled is HKDF-Expand-Label.
func labelled(secret []byte, label string, about []byte, length int) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddUint16(uint16(length))
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte("tls13 " + label)) })
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(about) })
	info, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	return hkdf.Expand[hash.Hash](sha256.New, secret, string(info), length)
}
