package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestMetricsAreForThoseWhoShowTheToken(t *testing.T) {
	h := Bearer("correct-horse", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	for header, want := range map[string]int{
		"": 401, "Bearer wrong": 401, "Bearer": 401, "Bearer ": 401, "Basic correct-horse": 401, "correct-horse": 401,
		"Bearer correct-horse": 200, "bearer correct-horse": 200, "Bearer correct-horse2": 401,
	} {
		r := httptest.NewRequest("GET", "/metrics", nil)
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: %d, want %d", header, w.Code, want)
		}
	}
}
