package main

import (
	"slices"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

func TestARequestThatWasGivenStaysUntilAnotherOrNoneIsGiven(t *testing.T) {
	first, second := &cert.CSR{DER: []byte("first")}, &cert.CSR{DER: []byte("second")}
	kept := lifecycle.Spec{Name: "pay", Managed: true, CA: "ca", Targets: []string{"web"}, KeyType: "RSA3072", CSR: first}
	made := lifecycle.Spec{Name: "pay", Managed: true, CA: "ca", Targets: []string{"web"}, KeyType: cert.EC384, ReuseKey: true}
	for _, c := range []struct {
		what  string
		flags []string
		wish  wish
		spec  lifecycle.Spec
		csr   string
		kind  cert.KeyType // asked for; of a request it is the request's own
		reuse bool
	}{
		{"another owner", []string{"owner"}, wish{owner: "jiho"}, kept, "first", "", false},
		{"another request", []string{"csr"}, wish{csr: "f", request: second}, kept, "second", "", false},
		{"keys made here again", []string{"csr"}, wish{}, kept, "", "", false},
		{"keys made here again, of a kind", []string{"csr", "key-type"}, wish{keyType: "EC384"}, kept, "", cert.EC384, false},
		{"a request for what had keys made here", []string{"csr"}, wish{csr: "f", request: first}, made, "first", "", false},
		{"nothing of it", nil, wish{}, made, "", cert.EC384, true},
	} {
		c.wish.given = func(flag string) bool { return slices.Contains(c.flags, flag) }
		in := c.wish.over(c.spec)
		if string(in.CSR) != c.csr || in.KeyType != c.kind || in.ReuseKey != c.reuse {
			t.Errorf("%s: the request %q, kind %q, reuse %t; want %q, %q, %t", c.what, in.CSR, in.KeyType, in.ReuseKey, c.csr, c.kind, c.reuse)
		}
	}
}
