package main

import (
	"net/url"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/test/harness"
)

// ran tells, from Temporal's own history, which activities the latest attempt to
// replace a version ran, in order, and links to it.
func (a *act) ran(replaced cert.Fingerprint) ([]string, error) {
	c, err := a.Client()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	id := "renewal/" + a.scene.name + "/" + replaced.Short()
	var names []string
	history := c.GetWorkflowHistory(a.ctx, id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		e, err := history.Next()
		if err != nil {
			return nil, err
		}
		if s := e.GetActivityTaskScheduledEventAttributes(); s != nil {
			names = append(names, s.GetActivityType().GetName())
		}
		if name := harness.LocalActivity(e.GetMarkerRecordedEventAttributes().GetDetails()); name != "" {
			names = append(names, name)
		}
	}
	a.console.tell(line{scene: a.scene, from: "temporal", text: id + " ran: " + strings.Join(names, ", "),
		link: a.ui + "/namespaces/default/workflows/" + url.PathEscape(id)})
	return names, nil
}

// rolledBack tells whether the attempt put the old certificate back and then
// proved that it is.
func rolledBack(activities []string) bool {
	i := slices.Index(activities, "RollBack")
	return i >= 0 && slices.Contains(activities[i:], "Verify")
}
