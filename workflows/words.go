package workflows

import (
	"strings"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

var words = map[lifecycle.Reason]string{
	lifecycle.RetireAsked:         "somebody retired it",
	lifecycle.RetireWaits:         "it is retired when what is under way has ended",
	lifecycle.FirstLook:           "nothing was seen of it yet",
	lifecycle.LookAsked:           "somebody asked for a look",
	lifecycle.LookBeforeTelling:   "nobody shall be told old news",
	lifecycle.LookRoutine:         "it is time for a routine look",
	lifecycle.EvidenceFound:       "the trouble is over, as the evidence shows",
	lifecycle.RollBackAsked:       "somebody asked to roll back",
	lifecycle.DeployAsked:         "somebody asked to deploy a version",
	lifecycle.RevokeAsked:         "somebody asked to revoke a version",
	lifecycle.RenewAsked:          "somebody asked for a renewal",
	lifecycle.FirstIssuance:       "it was never issued",
	lifecycle.RenewalDue:          "it is time to renew",
	lifecycle.WindowReached:       "the CA's window for it is reached",
	lifecycle.RetryDue:            "the attempt before failed, and the next is due",
	lifecycle.WaitOver:            "the CA may be asked again",
	lifecycle.ApprovalAsked:       "people have to approve it",
	lifecycle.ApprovalUnanswered:  "nobody decided in time, so the policy does",
	lifecycle.ApprovalMoot:        "nothing waits for approval any more",
	lifecycle.FreezeYields:        "a freeze yields, for this is the last safe moment",
	lifecycle.NextCAAfterFailures: "the CA failed several times in a row, so the next one is tried",
	lifecycle.NextCAToBeSafe:      "the CA would not be asked again before the last safe moment, so the next one is tried",
	lifecycle.NamesNotCovered:     "the certificate does not cover the names that were asked for",
	lifecycle.BehindRetryDue:      "a target still lacks the version",
	lifecycle.ThresholdCrossed:    "a threshold was crossed",
	lifecycle.ConditionRaised:     "something needs a human",
	lifecycle.StepUnanswered:      "nobody answered the notice before",
	lifecycle.AckLapsed:           "the acknowledgement lapsed",
	lifecycle.QuietHoursOver:      "quiet hours are over",
	lifecycle.SnoozeEnded:         "the snooze ended",
	lifecycle.RepeatUnanswered:    "nobody answered so far, so it is told again",
	lifecycle.NobodyReached:       "the notice before reached nobody",
	lifecycle.ImportAsks:          "the import that enrolled it sums up for each owner what stands",
	lifecycle.SummaryMissed:       "no summary of the import told it in time",
	lifecycle.InboxMissed:         "no inbox told it in time",
	lifecycle.HandedOver:          "it was given to others, who are told from the beginning",
	lifecycle.MessagesOutdated:    "messages that were sent say what is not so any more",
	lifecycle.UntilThreshold:      "a threshold is crossed then",
	lifecycle.UntilRenewal:        "renewal begins then",
	lifecycle.UntilWindow:         "renewal begins then, inside the CA's window",
	lifecycle.UntilRetry:          "the next attempt begins then",
	lifecycle.UntilCARoom:         "the CA allows the order by then",
	lifecycle.UntilCABack:         "the CA is tried again by then at the latest",
	lifecycle.UntilNextCA:         "the next CA is tried then",
	lifecycle.UntilBehindRetry:    "the targets that are behind are tried again then",
	lifecycle.UntilSupply:         "the next version has to be ordered by then",
	lifecycle.UntilRevoke:         "the CA is asked again to revoke",
	lifecycle.UntilEscalation:     "the next notice is sent then if nobody answers",
	lifecycle.UntilSummary:        "it is told by itself then, if no summary of the import did",
	lifecycle.UntilInbox:          "it is told by itself then, if nothing came of its waiting for others",
	lifecycle.UntilAckLapses:      "the acknowledgement lapses then",
	lifecycle.UntilSnoozeEnds:     "the snooze ends then",
	lifecycle.UntilQuietHoursEnd:  "quiet hours end then",
	lifecycle.UntilPauseEnds:      "the pause ends then",
	lifecycle.UntilAsked:          "people are asked to approve it then",
	lifecycle.UntilPolicyDecides:  "the policy decides then, if nobody did",
	lifecycle.UntilFreezeEnds:     "the freeze ends then",
	lifecycle.UntilFreezeYields:   "the freeze yields at the last safe moment",
	lifecycle.UntilLastSafeMoment: "automation resumes at the last safe moment",
	lifecycle.UntilLook:           "a routine look is due then",
	lifecycle.UntilUnseenTooLong:  "nothing was seen for too long by then",
	lifecycle.UntilBackstop:       "nothing else is due before",
}

// inWords is a reason for a reader; one that a newer brain recorded speaks for itself.
func inWords(r lifecycle.Reason) string {
	if w, ok := words[r]; ok {
		return w
	}
	return strings.ReplaceAll(string(r), "-", " ")
}

var deeds = map[lifecycle.StepKind]string{
	lifecycle.StepLook:     "every place is looked at",
	lifecycle.StepTell:     "people are told",
	lifecycle.StepEdit:     "sent messages are brought up to date",
	lifecycle.StepReport:   "the import that enrolled it is told how it stands",
	lifecycle.StepClose:    "an alert is closed",
	lifecycle.StepRun:      "a renewal, deployment or roll-back begins",
	lifecycle.StepApproval: "people are asked to approve, or the policy decides",
	lifecycle.StepRevoke:   "a version is revoked",
	lifecycle.StepFinish:   "the guard ends",
}

func nextInWords(d lifecycle.Decision) string {
	if deed, ok := deeds[d.Step.Kind]; ok {
		return "now " + deed
	}
	return clock(d.Next.At) + ": " + inWords(d.Next.Reason)
}

// causes tell why the next thing will happen, for what is due by the calendar.
var causes = map[lifecycle.Reason]string{
	lifecycle.UntilThreshold:      "the policy has people told while no longer-lived replacement is proven",
	lifecycle.UntilRenewal:        "that is when the policy has it renewed",
	lifecycle.UntilWindow:         "the CA suggests a window (ARI); each certificate has a fixed point in it",
	lifecycle.UntilRetry:          "the attempt before did not succeed; the budget spreads the next ones up to the last safe moment",
	lifecycle.UntilCARoom:         "the CA's limits allow no order yet; renewals wait in the order of their last safe moments and cost no attempt",
	lifecycle.UntilCABack:         "the CA is down; all its certificates wait for it, and are woken when it is back",
	lifecycle.UntilNextCA:         "the CA before kept failing, and all had their turn: they are tried in turns now",
	lifecycle.UntilBehindRetry:    "a target could not be reached and still lacks the version",
	lifecycle.UntilEscalation:     "an alert fires and nobody has answered",
	lifecycle.UntilSummary:        "it was enrolled with many others, and each owner is told of all of them in one message",
	lifecycle.UntilInbox:          "the notice waits for others that go to the same people, so that many at once are one message",
	lifecycle.UntilAckLapses:      "acknowledging quiets people for a while and closes nothing",
	lifecycle.UntilSnoozeEnds:     "somebody asked for quiet until then",
	lifecycle.UntilPauseEnds:      "somebody paused the renewal until then",
	lifecycle.UntilAsked:          "the policy has people approve it before anything is issued",
	lifecycle.UntilPolicyDecides:  "it waits for approval, and nothing may lapse for want of an answer",
	lifecycle.UntilFreezeEnds:     "a freeze of the policy holds it back until then",
	lifecycle.UntilFreezeYields:   "a freeze of the policy holds it back, but no longer than that",
	lifecycle.UntilLastSafeMoment: "somebody rolled back; automation waits no longer than that",
}

// whyInWords tells the reason of the step that is begun, or of the one that is waited for.
func whyInWords(d lifecycle.Decision) string {
	if c, ok := causes[d.Next.Reason]; ok && d.Step.Kind == lifecycle.StepWait {
		return c
	}
	return inWords(d.Reason)
}
