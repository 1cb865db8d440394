package alert

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestATicketIsGoodAsItWasSignedAndUntilItEnds(t *testing.T) {
	key, now := []byte("0123456789abcdef0123456789abcdef"), time.Unix(1795000000, 0)
	ticket := Ticket{Ref: Ref{"shop", "shop/0011/expiring", "1/P1/firing/0"}, To: "minji", Kind: "email", Action: ActSnooze, Ends: now.Add(time.Hour).Unix(), Language: "ko", TimeZone: "Asia/Seoul"}
	text, err := ticket.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(text, "/+=&?# ") || len(text) > 600 {
		t.Errorf("no part of an address: %s", text)
	}
	if got, err := ReadTicket(key, text, now); err != nil || got != ticket {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := ReadTicket(key, text, now.Add(time.Hour)); !errors.Is(err, ErrExpired) || got.Certificate != "shop" {
		t.Errorf("after its end: %+v %v", got, err)
	}
	for i := range text { // every character counts
		other := byte('A')
		if text[i] == other {
			other = 'B'
		}
		forged := text[:i] + string(other) + text[i+1:]
		if _, err := ReadTicket(key, forged, now); !errors.Is(err, ErrForged) && forged != text {
			if got, _ := ReadTicket(key, forged, now); got != ticket { // the unused bits of the last one
				t.Fatalf("changed at %d it is taken: %v", i, err)
			}
		}
	}
	payload, signature, _ := strings.Cut(text, ".")
	for name, forged := range map[string]string{
		"empty": "", "a dot": ".", "no signature": payload, "an empty one": payload + ".", "only a signature": "." + signature, "too long": text + strings.Repeat("A", maxTicket),
	} {
		if _, err := ReadTicket(key, forged, now); !errors.Is(err, ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, other := range [][]byte{nil, []byte("another key of the same length..")} {
		if _, err := ReadTicket(other, text, now); !errors.Is(err, ErrForged) {
			t.Errorf("by the key %q: %v", other, err)
		}
	}
	empty, _ := ticket.Sign(nil)
	if _, err := ReadTicket(nil, empty, now); !errors.Is(err, ErrForged) {
		t.Error("signed by no key it is taken")
	}
}

func TestATicketOfAnotherCertificatesAlertIsNone(t *testing.T) {
	key := []byte("k")
	text, err := Ticket{Ref: Ref{"shop", "pay/0011/expiring", ""}, To: "minji", Action: ActSnooze, Ends: 1 << 40}.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadTicket(key, text, time.Now()); !errors.Is(err, ErrForged) {
		t.Error(err)
	}
}
