package storetest

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
)

func TestAPlantedKeyIsFoundInEveryForm(t *testing.T) {
	for name, key := range someKeys(t) {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		must(t, err)
		pem, err := cert.EncodeKey(key)
		must(t, err)
		quoted, err := json.Marshal(map[string]any{"text": string(pem), "n": 1})
		must(t, err)
		payload, err := json.Marshal(map[string]any{"data": pem})
		must(t, err)
		export, err := json.Marshal(map[string]any{"payload": payload})
		must(t, err)
		secret := needlesOf(key)[0].raw
		forms := map[string]string{
			"DER":                    string(der),
			"PEM":                    string(pem),
			"PEM with CRLF":          strings.ReplaceAll(string(pem), "\n", "\r\n"),
			"PEM in a JSON string":   string(quoted),
			"PEM as JSON bytes":      string(payload),
			"a JSON export of that":  string(export),
			"hex":                    hex.EncodeToString(secret),
			"upper-case hex":         strings.ToUpper(hex.EncodeToString(secret)),
			"hex with colons":        strings.Join(strings.Split(fmt.Sprintf("% x", secret), " "), ":"),
			"%v of the bytes":        fmt.Sprint(secret),
			"JSON list of the bytes": strings.ReplaceAll(fmt.Sprint(secret), " ", ","),
			"base64 for URLs":        base64.RawURLEncoding.EncodeToString(der),
		}
		for offset := range 3 {
			forms[fmt.Sprintf("base64 at offset %d", offset)] =
				base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", offset) + string(secret) + "tail"))
		}
		if name != "Ed25519" {
			forms["%v of the key"] = fmt.Sprintf("%v", key)
		}
		for form, text := range forms {
			if FindKey([]byte("before "+text+" after"), key) == "" {
				t.Errorf("%s: not found in %s", name, form)
			}
		}
	}
}

func TestAnotherKeyIsNotFound(t *testing.T) {
	keys := someKeys(t)
	others := someKeys(t)
	for name, key := range keys {
		var data []byte
		for _, other := range others {
			pem, err := cert.EncodeKey(other)
			must(t, err)
			data = append(data, pem...)
		}
		public, err := x509.MarshalPKIXPublicKey(key.Public())
		must(t, err)
		data = append(data, public...)
		data = append(data, base64.StdEncoding.EncodeToString(public)...)
		if found := FindKey(data, key); found != "" {
			t.Errorf("%s: found (%s) where there are only other keys and its own public key", name, found)
		}
	}
}

func someKeys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	out := map[string]crypto.Signer{}
	for _, kind := range []cert.KeyType{cert.EC256, cert.EC384, cert.RSA2048} {
		key, err := cert.GenerateKey(kind)
		must(t, err)
		out[string(kind)] = key
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	out["Ed25519"] = key
	return out
}
