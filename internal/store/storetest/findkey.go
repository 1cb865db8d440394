package storetest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// FindKey looks for a private key in data and tells in which form it is there;
// empty if it is not. It finds the secret numbers (the scalar of an elliptic
// key, the seed of Ed25519, the private exponent or a prime of RSA) raw, as
// DER holds them too; in hex, with colons or without; in decimal, as fmt prints
// numbers; as a list of bytes, as fmt and JSON print []byte; and in base64 of
// either alphabet at every offset, wrapped as in PEM, escaped as in JSON, and
// up to three layers deep, as a PEM text in a JSON payload in a JSON export is.
func FindKey(data []byte, key crypto.Signer) string {
	for _, n := range needlesOf(key) {
		if found := n.in(data, 3); found != "" {
			return found
		}
	}
	return ""
}

// needle is one secret number in the forms to look for.
type needle struct {
	raw      []byte
	literal  []form // as it stands
	squeezed []form // in data without line breaks and other separators
}

type form struct {
	name string
	text []byte
}

func needlesOf(key crypto.Signer) []needle {
	var secrets [][]byte
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		scalar, err := k.Bytes()
		if err != nil {
			panic(fmt.Sprintf("storetest: %v", err))
		}
		secrets = [][]byte{scalar}
	case ed25519.PrivateKey:
		secrets = [][]byte{k.Seed()}
	case *rsa.PrivateKey:
		secrets = [][]byte{k.D.Bytes()}
		for _, p := range k.Primes {
			secrets = append(secrets, p.Bytes())
		}
	default:
		panic(fmt.Sprintf("storetest: no way to look for a %T", key))
	}
	var out []needle
	for _, s := range secrets {
		out = append(out, newNeedle(bytes.TrimLeft(s, "\x00")))
	}
	return out
}

func newNeedle(secret []byte) needle {
	list := strings.Trim(fmt.Sprint(secret), "[]")
	n := needle{
		raw: secret,
		literal: []form{
			{"raw", secret},
			{"decimal", []byte(new(big.Int).SetBytes(secret).String())},
			{"list of bytes", []byte(list)},
		},
		squeezed: []form{
			{"hex", []byte(hex.EncodeToString(secret))},
			{"hex", []byte(strings.ToUpper(hex.EncodeToString(secret)))},
			{"list of bytes", []byte(strings.ReplaceAll(list, " ", ","))},
		},
	}
	for offset := range 3 {
		n.squeezed = append(n.squeezed, form{fmt.Sprintf("base64 at offset %d", offset), base64At(secret, offset)})
	}
	return n
}

// base64At gives the characters that secret alone decides when it stands at
// offset (mod 3) in what was encoded, in the standard alphabet.
func base64At(secret []byte, offset int) []byte {
	text := base64.RawStdEncoding.EncodeToString(append(make([]byte, offset), secret...))
	first := (offset*8 + 5) / 6
	last := (offset + len(secret)) * 8 / 6
	return []byte(text[first:last])
}

func (n needle) in(data []byte, layers int) string {
	for _, f := range n.literal {
		if bytes.Contains(data, f.text) {
			return f.name
		}
	}
	tight := squeeze(data)
	for _, f := range n.squeezed {
		if bytes.Contains(tight, f.text) {
			return f.name
		}
	}
	if layers == 0 {
		return ""
	}
	for _, run := range base64Runs(tight, len(n.raw)) {
		for skip := range 4 {
			decoded := make([]byte, base64.RawStdEncoding.DecodedLen(len(run)))
			size, _ := base64.RawStdEncoding.Decode(decoded, run[skip:len(run)-(len(run)-skip)%4])
			if found := n.in(decoded[:size], layers-1); found != "" {
				return found + " inside base64"
			}
		}
	}
	return ""
}

// squeeze takes out what may stand between the characters of one value, and
// turns the URL alphabet of base64 into the standard one.
func squeeze(data []byte) []byte {
	data = slices.Clone(data)
	for _, escaped := range []string{`\n`, `\r`, `\t`} {
		data = bytes.ReplaceAll(data, []byte(escaped), nil)
	}
	out := data[:0]
	for _, c := range data {
		switch c {
		case ' ', '\n', '\r', '\t', ':':
		case '-':
			out = append(out, '+')
		case '_':
			out = append(out, '/')
		default:
			out = append(out, c)
		}
	}
	return out
}

// base64Runs gives the stretches of base64 characters that could hold size bytes.
func base64Runs(data []byte, size int) [][]byte {
	runs := bytes.FieldsFunc(data, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '+' && r != '/'
	})
	return slices.DeleteFunc(runs, func(run []byte) bool { return len(run) < size*4/3 })
}
