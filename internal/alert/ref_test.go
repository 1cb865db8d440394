package alert

import "testing"

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
