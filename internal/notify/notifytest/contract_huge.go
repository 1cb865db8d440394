package notifytest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// huge holds that nothing is too large for the other side: it refuses what its
// vendor refuses, and takes each of these.
func huge(t *testing.T, h Harness) {
	long := strings.Repeat("긴 이름 𝕏 <!channel> ", 300)
	names := Sample()
	names.Names = nil
	for i := range 600 {
		names.Names = append(names.Names, fmt.Sprintf("host-%03d.%s.example.com", i, strings.Repeat("아주긴이름", 8)))
	}
	texts := Sample()
	texts.Certificate, texts.Owner, texts.Team, texts.Environment, texts.Evidence, texts.Version.Issuer = long, long, long, long, long, long
	texts.Cause = strings.Repeat(long+"\n", 60)
	texts.Answer = &alert.Answer{By: long, Via: long, At: texts.At, Note: long}
	for i := range 100 {
		texts.Places = append(texts.Places, alert.Place{Where: fmt.Sprintf("%d %s", i, long), Err: long})
		texts.Tried = append(texts.Tried, alert.Try{At: texts.At, Outcome: long, Cause: long})
		texts.Commands = append(texts.Commands, long)
	}
	summary := Sample()
	summary.Reason, summary.Summary = alert.Imported, &alert.Summary{Whole: 5000}
	for i := range alert.MaxStanding {
		summary.Summary.Rows = append(summary.Summary.Rows, alert.Standing{
			Certificate: fmt.Sprintf("%02d-%s", i, strings.Repeat("가", 60)), Severity: alert.P1, NotAfter: summary.At.Add(time.Duration(i) * time.Hour),
		})
	}
	for what, n := range map[string]alert.Notice{"600 names": names, "long Korean texts": texts, "a summary of 40 rows": summary} {
		for _, language := range alert.Languages() {
			t.Run(what+" in "+language, func(t *testing.T) {
				b := h(t)
				b.send(t, b.message(n, language), false)
				if len(b.ids()) != 1 {
					t.Errorf("delivered %v", b.ids())
				}
			})
		}
	}
}
