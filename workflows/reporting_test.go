package workflows_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// enrolledByFile plays a watched certificate with six days left whose import
// takes its report, or is gone.
func enrolledByFile(t *testing.T, gone error, summary *workflows.Summarized) (s *story, reports []workflows.Report) {
	t.Helper()
	s = tell(t, "slack")
	s.served = version("a.test", start.AddDate(0, 0, -84), 90*24*time.Hour)
	s.env.OnSignalExternalWorkflow(mock.Anything, "import/1", "", workflows.SignalReported, mock.Anything).Return(func(_, _, _, _ string, arg any) error {
		reports = append(reports, arg.(workflows.Report))
		return gone
	})
	if summary != nil {
		s.at(start.Add(5*time.Minute), func() { s.env.SignalWorkflow(workflows.SignalSummarized, *summary) })
	}
	s.at(days(0.5), s.retireNow)
	spec := lifecycle.Spec{Name: "a", Names: []string{"a.test"}, Owner: "owner", Team: "team", Policy: lifecycle.Default(), Endpoints: []cert.Endpoint{{Host: "a.test", Port: 443}}}
	s.resume(workflows.Entity{Shown: &lifecycle.Attributes{}, State: lifecycle.State{Spec: spec, EnrolledAt: start, EnrolledBy: "test", Import: &lifecycle.Import{ID: "import/1", Until: start.Add(time.Hour)}}})
	return s, reports
}

func (s *story) wrote(part string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.journal {
		if strings.Contains(e.Text, part) {
			return true
		}
	}
	return false
}

func TestACertificateOfAnImportWaitsForTheSummaryAndClimbsFromThere(t *testing.T) {
	s, reports := enrolledByFile(t, nil, &workflows.Summarized{Import: "import/1", To: []string{"owner by slack"}, Kinds: []string{"slack"}})
	if len(reports) != 1 || reports[0].Severity != alert.P2 || !reports[0].Held || reports[0].Owner != "owner" || !reports[0].NotAfter.Equal(days(6)) {
		t.Errorf("it reports %+v", reports)
	}
	heard := s.heard()
	if len(heard) != 1 || !strings.HasPrefix(heard[0], "01-01 06:05:0") || !strings.Contains(heard[0], "boss") {
		t.Errorf("the step after the summary is the manager, six hours after it: %v", heard)
	}
	if !s.wrote("P2 expiring is told in the summary of import/1, at the latest by itself at") || !s.wrote("told in the summary of import/1, to owner by slack") {
		t.Errorf("the journal does not tell it: %+v", s.journal)
	}
}

func TestACertificateWhoseImportIsSilentGoneOrReachesNobodyTellsByItself(t *testing.T) {
	for name, tc := range map[string]struct {
		gone    error
		summary *workflows.Summarized
		at      string
	}{
		"silent":                     {nil, nil, "01-01 01:00:0"},
		"gone":                       {errors.New("not found"), nil, "01-01 00:00:0"},
		"reaches nobody":             {nil, &workflows.Summarized{Import: "import/1", Cause: "slack to owner: refused"}, "01-01 00:05:0"},
		"speaks for somebody else's": {nil, &workflows.Summarized{Import: "import/2", To: []string{"owner by slack"}}, "01-01 01:00:0"},
	} {
		s, _ := enrolledByFile(t, tc.gone, tc.summary)
		heard := s.heard()
		if len(heard) == 0 || !strings.HasPrefix(heard[0], tc.at) || !strings.Contains(heard[0], "owner") {
			t.Errorf("%s: %v, want the owner at %s", name, heard, tc.at)
		}
	}
}
