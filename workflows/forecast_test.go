package workflows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// TestWhatIsForeseenIsWhatPeopleAreTold holds what explain says on the second
// day against the journal of the workflow, to the minute, until the last days.
func TestWhatIsForeseenIsWhatPeopleAreTold(t *testing.T) {
	until := days(86.5)
	s := tell(t, "slack", "email")
	var foreseen []string
	s.at(days(1.5), func() {
		v, err := s.env.QueryWorkflow(workflows.QueryStatus)
		if err != nil {
			t.Error(err)
			return
		}
		var st workflows.Status
		if err := v.Get(&st); err != nil {
			t.Error(err)
		}
		events, whole := lifecycle.Forecast(days(1.5), until, st.State, lifecycle.Assume{Fate: lifecycle.AllFail})
		if !whole {
			t.Error("the forecast is cut")
		}
		for _, e := range events {
			for n := range max(e.Times, 1) {
				foreseen = append(foreseen, said(e, e.At.Add(time.Duration(n)*e.Every)))
			}
		}
		slices.Sort(foreseen)
	})
	s.run(lifecycle.Spec{}, until)
	var told []string
	for _, e := range s.journal {
		if e.Kind == "told" {
			what, _, _ := strings.Cut(e.Text, " (")
			told = append(told, e.At.UTC().Round(time.Minute).Format(time.DateTime)+" "+what)
		}
	}
	slices.Sort(told)
	if len(told) < 15 || !slices.Equal(told, foreseen) {
		t.Errorf("told:\n%s\nforeseen:\n%s", join(told), join(foreseen))
	}
}

func said(e lifecycle.Foreseen, at time.Time) string {
	var roles []string
	for _, r := range e.Roles {
		roles = append(roles, string(r))
	}
	return fmt.Sprintf("%s %s %s: telling %s", at.UTC().Round(time.Minute).Format(time.DateTime), e.Severity, e.Reason, strings.Join(roles, " and "))
}
