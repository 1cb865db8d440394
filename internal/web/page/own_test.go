package page

import (
	"net/http"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

func TestACertificateIsTakenOverAndGivenAwayOnThePage(t *testing.T) {
	w := populated()
	base := serve(t, w, nil)
	jun, hana := visit(t, base).as("jun"), visit(t, base).as("hana")
	_, before := hana.get("/c/vpn")
	if status, text := jun.send("pay", "take-over", nil); status != http.StatusOK || !strings.Contains(text, "It is jun (team platform)’s.") {
		t.Fatalf("%d\n%s", status, text)
	}
	if s := w.states["pay"]; s.Spec.Owner != "jun" || s.Alerts[0].Status != lifecycle.Acknowledged || s.Alerts[0].Answer.By != "jun" {
		t.Errorf("owned by %s, %+v", s.Spec.Owner, s.Alerts[0].Answer)
	}
	if status, text := jun.send("vpn", "reassign", map[string]string{"owner": "minji", "note": "on leave"}); status != http.StatusOK || w.states["vpn"].Spec.Owner != "minji" {
		t.Fatalf("%d\n%s", status, text)
	}
	if s := w.states["vpn"]; !s.Alerts[0].Handed || s.Handed.By != "jun" || s.Handed.Note != "on leave" {
		t.Errorf("%+v", s.Handed)
	}
	for _, verb := range []string{"take-over", "reassign"} { // as it was before
		status, text := hana.sendFrom(before, "vpn", verb, map[string]string{"owner": "hana"})
		if status != http.StatusConflict || !strings.Contains(text, "jun was first: gave vpn to minji") || w.states["vpn"].Spec.Owner != "minji" {
			t.Errorf("%s: %d, owned by %s", verb, status, w.states["vpn"].Spec.Owner)
		}
	}
	for _, to := range []map[string]string{nil, {"owner": "nobody"}, {"team": "none"}} {
		if status, _ := hana.send("vpn", "reassign", to); status != http.StatusUnprocessableEntity {
			t.Errorf("to %v: %d", to, status)
		}
	}
}
