package workflows_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// flock is a fleet that carries policies.
type flock struct {
	all  []activities.Ward
	sent []string
	away map[string]bool // cannot be reached, once
}

const flockPage = 2

func (f *flock) Page(_ context.Context, owner string, token []byte) ([]activities.Ward, []byte, error) {
	var mine []activities.Ward
	for _, w := range f.all {
		if owner == "" || w.Owner == owner {
			mine = append(mine, w)
		}
	}
	from := min(len(token), len(mine)) // there are fewer once some were given away
	to := min(len(mine), from+flockPage)
	if to == len(mine) {
		return slices.Clone(mine[from:to]), nil, nil
	}
	return slices.Clone(mine[from:to]), make([]byte, to), nil
}

func (f *flock) SetPolicy(_ context.Context, name, id string, policy json.RawMessage) (bool, error) {
	var p lifecycle.Policy
	if err := json.Unmarshal(policy, &p); err != nil {
		return false, err
	}
	if f.away[name] {
		delete(f.away, name)
		return false, fault.New(fault.Unavailable, "no worker answers")
	}
	i := slices.IndexFunc(f.all, func(w activities.Ward) bool { return w.Name == name })
	if carried := f.all[i].Policy; carried != p.Name {
		if carried != "" {
			return false, errors.New("asked needlessly")
		}
		return false, fault.New(fault.Invalid, "it carries another")
	}
	f.all[i].PolicyHash = p.Hash()
	f.sent = append(f.sent, name+" "+p.Name)
	return true, nil
}

func (f *flock) Reassign(_ context.Context, w activities.Ward, _ string, h activities.Handing) (bool, error) {
	i := slices.IndexFunc(f.all, func(x activities.Ward) bool { return x.Name == w.Name })
	if f.all[i].Owner != h.Person {
		return false, fault.New(fault.Invalid, "it is another's by now")
	}
	if h.Owner != "" || h.TeamAlone {
		f.all[i].Owner = h.Owner
	}
	if h.Team != "" {
		f.all[i].Team = h.Team
	}
	f.sent = append(f.sent, w.Name+" "+h.Owner+h.Team)
	return true, nil
}

func TestAChangedPolicyReachesThoseThatCarryItAndNobodyElse(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(start)
	calm := lifecycle.Policy{Name: "calm"}.WithDefaults()
	f := &flock{away: map[string]bool{"d": true}}
	for _, x := range [][3]string{{"a", "calm", "old"}, {"b", "default", "x"}, {"c", "calm", calm.Hash()}, {"d", "calm", "old"}, {"e", "", ""}} {
		f.all = append(f.all, activities.Ward{Name: x[0], Policy: x[1], PolicyHash: x[2]})
	}
	env.RegisterActivity(&activities.Activities{Wards: f, Now: time.Now})
	story := &workflows.Workflows{}
	env.RegisterWorkflow(story.PoliciesWorkflow)
	env.RegisterDelayedCallback(func() { f.all = append(f.all, activities.Ward{Name: "late", Policy: "calm", PolicyHash: "old"}) }, 30*time.Second)
	text, err := json.Marshal(calm)
	if err != nil {
		t.Fatal(err)
	}
	env.ExecuteWorkflow(story.PoliciesWorkflow, workflows.PoliciesInput{Policies: []activities.ChangedPolicy{{Name: "calm", Hash: calm.Hash(), JSON: text}}})
	var out workflows.PoliciesOutput
	if err := env.GetWorkflowResult(&out); err != nil {
		t.Fatal(err)
	}
	slices.Sort(f.sent)
	if got := fmt.Sprint(f.sent); got != "[a calm d calm late calm]" || out.Changed != 3 || len(out.Missed) > 0 {
		t.Errorf("sent %s, %+v", got, out)
	}
}

func TestACertificateCarriesAPolicyThatChangedAndSaysSo(t *testing.T) {
	s := tell(t, "slack")
	p := ladder()
	changed := p
	changed.Inform, changed.Thresholds = 0, []lifecycle.Threshold{{Left: lifecycle.Span{Fixed: 80 * 24 * time.Hour}, Severity: "P2"}}
	s.at(days(5), func() {
		for _, id := range []string{"x", "x", "y"} { // of several workers
			s.env.UpdateWorkflow(workflows.SetPolicy.Name, id+s.env.Now().String(), discard{}, workflows.SetPolicyRequest{Request: workflows.Request{ID: id, By: "neverlapse", Via: "configuration"}, Policy: changed})
		}
	})
	s.run(lifecycle.Spec{Policy: p}, days(20))
	var said []string
	for _, e := range s.journal {
		if e.Kind == "changed" {
			said = append(said, e.Text)
		}
	}
	if len(said) != 1 || !contains(said[0], "policy "+p.Name+" changed: "+changed.Hash()) {
		t.Errorf("the journal says %q", said)
	}
	if len(s.heard()) == 0 || !contains(s.heard()[0], "P2 expiring") {
		t.Errorf("heard %v", s.heard())
	}
}
