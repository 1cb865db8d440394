package alert

import (
	"strings"
	"testing"
)

func TestAReferenceComesBackOnlyWhole(t *testing.T) {
	want := Ref{Certificate: "shop", AlertID: ID("shop", "aaaa", Expiring)}
	s, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseRef(s); err != nil || got != want {
		t.Errorf("ParseRef(%s) = %v, %v", s, got, err)
	}
	for _, in := range []string{
		"", "{}", "shop", `{"certificate":"shop"}`, `{"certificate":"../x","alertID":"../x/y"}`,
		`{"certificate":"shop","alertID":"other/none/expiring"}`, `{"certificate":"shop","alertID":"shop/\u202e"}`,
		`{"certificate":"shop","alertID":"shop/none/expiring","admin":true}`,
	} {
		if got, err := ParseRef(in); err == nil {
			t.Errorf("ParseRef(%q) = %v, want an error", in, got)
		}
	}
}

func TestTheKeyOfAnIncidentLeadsBackToItsAlert(t *testing.T) {
	ref := Ref{Certificate: "shop.example.com", AlertID: "shop.example.com/001122334455/expiring", Standing: "2"}
	if got, err := ParseIncident(Incident(ref.AlertID, 2)); err != nil || got != ref {
		t.Errorf("%+v %v", got, err)
	}
	if n := len(Incident(ID(strings.Repeat("x", 100), "00112233445566", RevocationFailing), 1<<40)); n > 255 {
		t.Errorf("a key has %d bytes", n)
	}
	for _, bad := range []string{"", "d3640fbd41094207a1c11e58e46b1662", "neverlapse/", "neverlapse/shop/x/expiring", "neverlapse/../x@1", "neverlapse/shop/x@one", "neverlapse/shop\n/x@1", "neverlapse/SHOP/x@1"} {
		if got, err := ParseIncident(bad); err == nil {
			t.Errorf("%q was taken for %+v", bad, got)
		}
	}
}
