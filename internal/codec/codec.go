// Package codec encrypts what Neverlapse sends to Temporal and decrypts what it
// reads there, so that a cluster keeps nothing in clear text but what it has to
// find things by. app puts it into every client; its HTTP side, which lets the
// Web UI show clear text, is internal/web. It reads no file and knows no
// configuration: keys are given to it. docs/encryption.md says what stays clear.
package codec

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

// What marks an encrypted payload; the names are those of Temporal's samples.
const (
	Encoding      = "binary/encrypted"
	MetadataKeyID = "encryption-key-id"
)

// KeySize is that of a key, in bytes: AES-256.
const KeySize = 32

// Key is one by which payloads are encrypted.
type Key struct {
	ID     string // written beside each payload, in clear text
	Secret []byte // KeySize bytes
}

// ParseKey reads the base64 of a key. The error does not repeat it.
func ParseKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != KeySize {
		return nil, fmt.Errorf("is not the base64 of %d bytes; make a key with: openssl rand -base64 %d", KeySize, KeySize)
	}
	return key, nil
}

// Codec is a converter.PayloadCodec. It may be used by many at once.
type Codec struct {
	use  string
	open map[string]cipher.AEAD // by the ID of the key
	name map[string]string      // see Names
}

// New makes a codec that encrypts with the key called use and decrypts with all.
// Where use is empty it decrypts only, and sends clear text.
func New(use string, keys []Key) (*Codec, error) {
	c := &Codec{use: use, open: map[string]cipher.AEAD{}, name: map[string]string{}}
	for _, k := range keys {
		if len(k.Secret) != KeySize {
			return nil, fmt.Errorf("key %q has %d bytes, not %d", k.ID, len(k.Secret), KeySize)
		}
		block, err := aes.NewCipher(k.Secret)
		if err != nil {
			return nil, err
		}
		// The nonce is random and stands before the ciphertext: good for 2^32 payloads by one key.
		if c.open[k.ID], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			return nil, err
		}
		sum := sha256.Sum256(append([]byte("neverlapse name of a payload key\x00"+k.ID+"\x00"), k.Secret...))
		c.name[k.ID] = hex.EncodeToString(sum[:4])
	}
	if use != "" && c.open[use] == nil {
		return nil, fmt.Errorf("there is no key %q", use)
	}
	return c, nil
}

// Encrypts reports whether anything is encrypted at all.
func (c *Codec) Encrypts() bool { return c.use != "" }

// Use is the ID of the key that encrypts, and its name; both empty if none does.
func (c *Codec) Use() (id, name string) { return c.use, c.name[c.use] }

// Names are those of all keys, in order. A name follows from ID and content, so
// that others can tell whether they have the same; it tells nothing of the key.
func (c *Codec) Names() []string { return slices.Sorted(maps.Values(c.name)) }

// Encode encrypts each payload as a whole, with its metadata.
func (c *Codec) Encode(clear []*commonpb.Payload) ([]*commonpb.Payload, error) {
	if !c.Encrypts() {
		return clear, nil
	}
	out := make([]*commonpb.Payload, len(clear))
	for i, p := range clear {
		text, err := proto.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("encrypt a payload: %w", err)
		}
		out[i] = &commonpb.Payload{
			Metadata: map[string][]byte{converter.MetadataEncoding: []byte(Encoding), MetadataKeyID: []byte(c.use)},
			Data:     c.open[c.use].Seal(nil, nil, text, []byte(c.use)),
		}
	}
	return out, nil
}

// Decode decrypts what Encode made; anything else is given back as it is. An
// error names the key.
func (c *Codec) Decode(in []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(in))
	for i, p := range in {
		if string(p.GetMetadata()[converter.MetadataEncoding]) != Encoding {
			out[i] = p
			continue
		}
		clear, err := c.decrypt(p)
		if err != nil {
			return nil, err
		}
		out[i] = clear
	}
	return out, nil
}

func (c *Codec) decrypt(p *commonpb.Payload) (*commonpb.Payload, error) {
	id := string(p.GetMetadata()[MetadataKeyID])
	key := c.open[id]
	if key == nil {
		return nil, fmt.Errorf("a payload of Temporal is encrypted with key %s, which is not in temporal.encryption.keys (%s); add that key to the configuration here, with the content that the workers have", shown(id), c.known())
	}
	text, err := key.Open(nil, nil, p.GetData(), []byte(id))
	out := &commonpb.Payload{}
	if err == nil {
		err = proto.Unmarshal(text, out)
	}
	if err != nil {
		return nil, fmt.Errorf("a payload of Temporal does not open with key %s: it was changed or cut, or another key has this id elsewhere; give the workers and this machine the same content for it in temporal.encryption.keys", shown(id))
	}
	return out, nil
}

// known lists the IDs of the keys, for a reader.
func (c *Codec) known() string {
	if len(c.open) == 0 {
		return "it has none"
	}
	var ids []string
	for id := range c.open {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return "it has " + strings.Join(ids, ", ")
}

// longest is how much of a key's ID is shown: who writes payloads chooses it.
const longest = 64

func shown(id string) string {
	if len(id) > longest {
		id = id[:longest] + "..."
	}
	return fmt.Sprintf("%q", id)
}
