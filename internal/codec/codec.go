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
	"slices"
	"strings"
	"sync/atomic"
	"time"

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

// Codec is a converter.PayloadCodec. It may be used by many at once, and its keys
// may be replaced meanwhile.
type Codec struct {
	held atomic.Pointer[ring]
	now  func() time.Time
}

// ring is what a Codec has at one time.
type ring struct {
	use  string
	open map[string]*opener // by the ID of the key
}

// opener is a key that is ready for use.
type opener struct {
	cipher.AEAD
	name   string       // see Names
	opened atomic.Int64 // when it last opened a payload here, as Unix nanoseconds; 0: never
}

// New makes a codec that encrypts with the key called use and decrypts with all.
// Where use is empty it decrypts only, and sends clear text. By now it knows when a
// key was last of use.
func New(use string, keys []Key, now func() time.Time) (*Codec, error) {
	r, err := newRing(use, keys)
	if err != nil {
		return nil, err
	}
	c := &Codec{now: now}
	c.held.Store(r)
	return c, nil
}

func newRing(use string, keys []Key) (*ring, error) {
	r := &ring{use: use, open: map[string]*opener{}}
	for _, k := range keys {
		if len(k.Secret) != KeySize {
			return nil, fmt.Errorf("key %q has %d bytes, not %d", k.ID, len(k.Secret), KeySize)
		}
		block, err := aes.NewCipher(k.Secret)
		if err != nil {
			return nil, err
		}
		// The nonce is random and stands before the ciphertext: good for 2^32 payloads by one key.
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(append([]byte("neverlapse name of a payload key\x00"+k.ID+"\x00"), k.Secret...))
		r.open[k.ID] = &opener{AEAD: aead, name: hex.EncodeToString(sum[:4])}
	}
	if use != "" && r.open[use] == nil {
		return nil, fmt.Errorf("there is no key %q", use)
	}
	return r, nil
}

// Adopt takes the keys of another codec in place of its own.
func (c *Codec) Adopt(next *Codec) { c.take(next, next.held.Load().use) }

// AdoptToRead is Adopt but for what encrypts, which goes on as long as its key is
// among them.
func (c *Codec) AdoptToRead(next *Codec) { c.take(next, c.held.Load().use) }

func (c *Codec) take(next *Codec, use string) {
	was, r := c.held.Load(), &ring{open: map[string]*opener{}}
	for id, k := range next.held.Load().open {
		if before := was.open[id]; before != nil && before.name == k.name {
			k = before // it knows when it was last of use
		}
		r.open[id] = k
	}
	if r.open[use] != nil {
		r.use = use
	}
	c.held.Store(r)
}

// Encrypts reports whether anything is encrypted at all.
func (c *Codec) Encrypts() bool { return c.held.Load().use != "" }

// Use is the ID of the key that encrypts, and its name; both empty if none does.
func (c *Codec) Use() (id, name string) {
	r := c.held.Load()
	if r.use == "" {
		return "", ""
	}
	return r.use, r.open[r.use].name
}

// Names are those of all keys, in order. A name follows from ID and content, so
// that others can tell whether they have the same; it tells nothing of the key.
func (c *Codec) Names() (out []string) {
	for _, k := range c.held.Load().open {
		out = append(out, k.name)
	}
	slices.Sort(out)
	return out
}

// Lost lists the keys of c that another codec lacks, or has with another content,
// and when each of them last opened a payload here; zero: never.
func (c *Codec) Lost(next *Codec) map[string]time.Time {
	out, has := map[string]time.Time{}, next.held.Load().open
	for id, k := range c.held.Load().open {
		if n := has[id]; n != nil && n.name == k.name {
			continue
		}
		out[id] = time.Time{}
		if at := k.opened.Load(); at != 0 {
			out[id] = time.Unix(0, at)
		}
	}
	return out
}

// Encode encrypts each payload as a whole, with its metadata.
func (c *Codec) Encode(clear []*commonpb.Payload) ([]*commonpb.Payload, error) {
	r := c.held.Load()
	if r.use == "" {
		return clear, nil
	}
	out := make([]*commonpb.Payload, len(clear))
	for i, p := range clear {
		text, err := proto.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("encrypt a payload: %w", err)
		}
		out[i] = &commonpb.Payload{
			Metadata: map[string][]byte{converter.MetadataEncoding: []byte(Encoding), MetadataKeyID: []byte(r.use)},
			Data:     r.open[r.use].Seal(nil, nil, text, []byte(r.use)),
		}
	}
	return out, nil
}

// Decode decrypts what Encode made; anything else is given back as it is. An
// error names the key.
func (c *Codec) Decode(in []*commonpb.Payload) ([]*commonpb.Payload, error) {
	r := c.held.Load()
	out := make([]*commonpb.Payload, len(in))
	for i, p := range in {
		if string(p.GetMetadata()[converter.MetadataEncoding]) != Encoding {
			out[i] = p
			continue
		}
		clear, err := r.decrypt(p, c.now())
		if err != nil {
			return nil, err
		}
		out[i] = clear
	}
	return out, nil
}

func (r *ring) decrypt(p *commonpb.Payload, now time.Time) (*commonpb.Payload, error) {
	id := string(p.GetMetadata()[MetadataKeyID])
	key := r.open[id]
	if key == nil {
		return nil, fmt.Errorf("a payload of Temporal is encrypted with key %s, which is not in temporal.encryption.keys (%s); add that key to the configuration here, with the content that the workers have", shown(id), r.known())
	}
	text, err := key.Open(nil, nil, p.GetData(), []byte(id))
	out := &commonpb.Payload{}
	if err == nil {
		err = proto.Unmarshal(text, out)
	}
	if err != nil {
		return nil, fmt.Errorf("a payload of Temporal does not open with key %s: it was changed or cut, or another key has this id elsewhere; give the workers and this machine the same content for it in temporal.encryption.keys", shown(id))
	}
	key.opened.Store(now.UnixNano())
	return out, nil
}

// known lists the IDs of the keys, for a reader.
func (r *ring) known() string {
	if len(r.open) == 0 {
		return "it has none"
	}
	var ids []string
	for id := range r.open {
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
