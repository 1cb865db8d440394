package web

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// readyWithin bounds all checks together.
const readyWithin = 3 * time.Second

// Check is one thing that must work before the process can serve, or, if it is
// advisory, that people want to see although the process serves without it.
type Check struct {
	Name     string
	Run      func(context.Context) error
	Advisory bool
}

// Readiness is the body of /readyz.
type Readiness struct {
	Ready  bool          `json:"ready"`
	Checks []CheckResult `json:"checks"`
}

// CheckResult is how one check went.
type CheckResult struct {
	Name     string `json:"name"`
	OK       bool   `json:"ok"`
	Error    string `json:"error,omitempty"`
	Advisory bool   `json:"advisory,omitempty"` // does not count
}

// Healthz says that the process is up; it checks nothing, for restarting does
// not mend what is broken elsewhere.
func Healthz() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]bool{"up": true})
	})
}

// Readyz runs all checks at once: 200 when all that count pass, else 503, and in
// the body how each went.
func Readyz(checks ...Check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyWithin)
		defer cancel()
		out := Readiness{Ready: true, Checks: make([]CheckResult, len(checks))}
		var all sync.WaitGroup
		for i, c := range checks {
			all.Go(func() { out.Checks[i] = run(ctx, c) })
		}
		all.Wait()
		status := http.StatusOK
		for _, c := range out.Checks {
			if !c.OK && !c.Advisory {
				out.Ready, status = false, http.StatusServiceUnavailable
			}
		}
		writeJSON(w, status, out)
	})
}

// run gives up on a check that does not heed its context.
func run(ctx context.Context, c Check) CheckResult {
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return CheckResult{Name: c.Name, Error: alert.Clean(err.Error()), Advisory: c.Advisory}
	}
	return CheckResult{Name: c.Name, OK: true, Advisory: c.Advisory}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "cannot encode the answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A reader that has gone is of no interest.
	w.Write(append(data, '\n'))
}
