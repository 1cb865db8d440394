package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// Bearer serves next to those who show the token (RFC 6750, 2.1) and nobody else.
func Bearer(token string, next http.Handler) http.Handler {
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(strings.TrimSpace(shown)))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="metrics"`)
			http.Error(w, "Metrics are for those who show the token of metrics.token_file.", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// NoMetrics says why there are none here, and how that is mended.
func NoMetrics() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "There are no metrics here: http.listen is not a loopback address, and metrics name certificates and their owners. "+
			"To enable them, name a file with a token in metrics.token_file, or another address in metrics.listen.", http.StatusForbidden)
	})
}
