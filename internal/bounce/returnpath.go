package bounce

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"net/mail"
	"strconv"
	"strings"
	"time"
)

// lifetime is for how long a return path is good: mail servers try for days, and
// whoever sees one later can do nothing with it.
const lifetime = 30 * 24 * time.Hour

// Paths makes and reads return paths. Each is an address of ours that names, to
// whoever has the key, the channel that sent a message and the address that it
// was sent to: a bounce is believed because it knows one.
type Paths struct {
	user, domain string
	key          []byte
}

// NewPaths makes return paths below an address: bounces@mail.example.com gives
// bounces+TOKEN@mail.example.com.
func NewPaths(address string, key []byte) (*Paths, error) {
	a, err := mail.ParseAddress(address)
	if err != nil {
		return nil, fmt.Errorf("%q is not an address: %w", address, err)
	}
	user, domain, _ := strings.Cut(a.Address, "@")
	switch {
	case a.Address != address:
		return nil, fmt.Errorf("%q is not a bare address; write %s", address, a.Address)
	case strings.Contains(user, "+") || len(user) > 20:
		return nil, fmt.Errorf("%q: before the @ there may be 20 characters and no +, for a token follows", address)
	}
	return &Paths{user: strings.ToLower(user), domain: strings.ToLower(domain), key: key}, nil
}

// Domain is the one that the return paths are in.
func (p *Paths) Domain() string { return p.domain }

// For gives the return path of a message.
func (p *Paths) For(channel, address string, now time.Time) string {
	day := now.Unix() / 86400
	return fmt.Sprintf("%s+%s-%s@%s", p.user, strconv.FormatInt(day, 36), p.sign(day, channel, address), p.domain)
}

var letters = base32.HexEncoding.WithPadding(base32.NoPadding)

func (p *Paths) sign(day int64, channel, address string) string {
	mac := hmac.New(sha256.New, p.key)
	fmt.Fprintf(mac, "return path\x00%d\x00%s\x00%s", day, channel, strings.ToLower(address))
	return strings.ToLower(letters.EncodeToString(mac.Sum(nil)[:15]))
}

// Sender is an address that a channel sends to.
type Sender struct{ Channel, Address string }

// Read finds which of the senders a return path is of; false if of none, or if it
// is too old.
func (p *Paths) Read(path string, senders []Sender, now time.Time) (Sender, bool) {
	user, domain, ok := strings.Cut(strings.ToLower(strings.TrimSpace(path)), "@")
	token, ours := strings.CutPrefix(user, p.user+"+")
	digits, sum, signed := strings.Cut(token, "-")
	if !ok || !ours || !signed || domain != p.domain {
		return Sender{}, false
	}
	day, err := strconv.ParseInt(digits, 36, 64)
	age := now.Unix()/86400 - day
	if err != nil || age < -1 || age > int64(lifetime/(24*time.Hour)) {
		return Sender{}, false
	}
	for _, s := range senders {
		if hmac.Equal([]byte(sum), []byte(p.sign(day, s.Channel, s.Address))) {
			return s, true
		}
	}
	return Sender{}, false
}
