package page

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/neverlapse/neverlapse/internal/people"
)

func TestWhoAsksIsToldByASessionOrAToken(t *testing.T) {
	w := populated()
	known := tokens(t, "hana "+tokenOfHana+"\nminji "+tokenOfMinji)
	inForce, here := known, directory
	p, err := New(Config{URL: "https://certs.example.com", Listen: ":8080", Tokens: func() Tokens { return inForce }, Directory: func() people.Directory { return here }, Certificates: w, Records: w, Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	begun := &recorder{header: http.Header{}}
	hana, _ := known.find(tokenOfHana)
	in := p.sessions.begin(begun, hana)
	cookie, err := http.ParseSetCookie(begun.header.Get("Set-Cookie"))
	if err != nil {
		t.Fatal(err)
	}
	who := func(authorization string, with *http.Cookie) string {
		r := httptest.NewRequest(http.MethodPost, "/codec/decode", nil)
		r.Header.Set("Authorization", authorization)
		if with != nil {
			r.AddCookie(with)
		}
		person, wait := p.Who(r)
		if wait > 0 {
			return person + " has to wait"
		}
		return person
	}
	holds := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	holds("a session", who("", cookie), "hana")
	holds("a session of another site's token", who("Bearer eyJhbGciOi", cookie), "hana")
	holds("a token", who("bearer "+tokenOfMinji, nil), "minji")
	holds("a token without its scheme", who(tokenOfMinji, nil), "")
	holds("nothing", who("", nil), "")
	holds("a cookie that says who", who("", &http.Cookie{Name: "person", Value: "hana"}), "")

	here = people.Directory{People: []people.Person{{ID: "minji"}}}
	holds("a session of who left", who("", cookie), "")
	holds("a token of who left", who("Bearer "+tokenOfHana, nil), "")
	here = directory
	p.sessions.end(begun, in)
	holds("a session that ended", who("", cookie), "")

	for range maxFailures {
		who("Bearer guess-0123456789abcdef", nil)
	}
	holds("who guesses", who("Bearer "+tokenOfMinji, nil), " has to wait")

	inForce = nil // everybody at a loopback address opens the page then
	open := &recorder{header: http.Header{}}
	p.sessions.begin(open, token{})
	cookie, err = http.ParseSetCookie(open.header.Get("Set-Cookie"))
	if err != nil {
		t.Fatal(err)
	}
	holds("a session of nobody", who("", cookie), "")
}
