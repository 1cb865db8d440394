package main

import (
	"context"
	"slices"
	"strings"
)

// scenarios are the tests of test/e2e that tell how the main job runs. With the
// engine on PostgreSQL and two workers they are run once more.
var scenarios = []struct {
	about string
	long  bool // in a long run only
	tests []string
}{
	{"an alert is answered, renewed and resolved by evidence", false, []string{
		"TestAnAlertIsAcknowledgedByAClickAndClosedByTheRenewal", "TestAWatchedCertificateReplacedByHandIsResolvedByCheckAgain"}},
	{"a server refuses or serves the wrong certificate", true, []string{
		"TestNginxRefusesAndTheRepairUsesTheSameCertificate", "TestTheFirstFailureReachesTheOwnerWhileOneChannelIsDown",
		"TestAReloadThatServesTheWrongCertificateIsRolledBackAndProven", "TestAnExpiredPreviousVersionIsNotPutBack", "TestADeadServerIsPagedAtOnce"}},
	{"nobody answers", true, []string{"TestNobodyAnswersUntilSomebodyDoesAndThenItLapses"}},
	{"workers and engine are killed while people are told", false, []string{
		"TestAPowerCutBetweenTwoStepsOfAnEscalationLosesAndRepeatsNothing", "TestAMessageThatSlackTookWhileTheWorkerDiedIsNotSentAgain",
		"TestALostReplySendsSlackOnceAndMailWithOneMessageID", "TestOfTheThresholdsPassedInAnOutageOnlyTheMostUrgentFires",
		"TestAnEscalationOutlivesKillsAtRandomInstants"}},
	{"workers are killed around any activity of a renewal", true, []string{"TestAWorkerKilledAroundAnyActivityOfARenewalCostsNoSecondCertificate"}},
}

// scenarioPattern is what go test -run takes.
func scenarioPattern(long bool) string {
	var names []string
	for _, s := range scenarios {
		if long || !s.long {
			names = append(names, s.tests...)
		}
	}
	slices.Sort(names)
	return "^(" + strings.Join(names, "|") + ")$"
}

// onPostgres runs them. Their results stand beside those of the same tests on the
// embedded engine.
func (w *workshop) onPostgres(ctx context.Context) error {
	w.results.where, w.more = " on PostgreSQL", []string{"NEVERLAPSE_E2E_ON_POSTGRES=1"}
	defer func() { w.results.where, w.more = "", nil }()
	return w.goTest(ctx, w.root, "-parallel", "6", "-run", scenarioPattern(w.settings.long), "./"+endToEnd)
}
