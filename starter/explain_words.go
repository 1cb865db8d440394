package main

import (
	"fmt"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// grounds says in words what the brain calls by a code.
var grounds = map[lifecycle.GroundCode]func(*cli, lifecycle.Ground) string{
	lifecycle.BecauseRetiring: func(c *cli, g lifecycle.Ground) string { return fmt.Sprintf("%s retired it at %s", g.By, c.when(g.At)) },
	lifecycle.BecauseNeverSeen: func(c *cli, g lifecycle.Ground) string {
		return "no certificate was seen since it was enrolled at " + c.when(g.At)
	},
	lifecycle.BecauseNeverIssued: func(c *cli, g lifecycle.Ground) string {
		return "no certificate was issued since it was enrolled at " + c.when(g.At)
	},
	lifecycle.BecauseUnderWay: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("a run (%s) is under way since %s", g.Note, c.when(g.At))
	},
	lifecycle.BecauseSpent: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("all %d attempts to renew it failed, the last at %s: %s", g.Of, c.when(g.At), orUnknown(g.Cause))
	},
	lifecycle.BecauseFiring: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("%s %s fires since %s %s", g.Severity, g.Reason, c.when(g.At), unanswered(g.N)) + because(g.Cause)
	},
	lifecycle.BecauseAcknowledged: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("%s has %s %s until %s", g.By, g.Severity, g.Reason, c.when(g.Until)) + because(g.Note)
	},
	lifecycle.BecauseSnoozed: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("%s put off %s %s until %s", g.By, g.Severity, g.Reason, c.when(g.Until)) + because(g.Note)
	},
	lifecycle.BecauseUnproven: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("nobody knows what a target serves since %s: %s", c.when(g.At), g.Cause)
	},
	lifecycle.BecauseFailed: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("%d of %d attempts to renew it failed, the last at %s: %s", g.N, g.Of, c.when(g.At), orUnknown(g.Cause))
	},
	lifecycle.BecauseUndone: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("the rollout of %s was undone at %s after batch %d of %d", g.Note, c.when(g.At), g.N, g.Of) + because(g.Cause)
	},
	lifecycle.BecauseStopped: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("the rollout of %s was stopped at %s after batch %d of %d", g.Note, c.when(g.At), g.N, g.Of) + because(g.Cause)
	},
	lifecycle.BecauseCADown: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("the CA does not issue since %s; it is asked again at %s", c.when(g.At), c.when(g.Until)) + because(g.Cause)
	},
	lifecycle.BecauseNextCA: func(c *cli, g lifecycle.Ground) string {
		if g.N == 0 {
			return fmt.Sprintf("%s has no room in time, so %s is tried since %s", g.Where, g.Note, c.when(g.At)) + because(g.Cause)
		}
		return fmt.Sprintf("renewing at %s failed %s in a row, so %s is tried since %s", g.Where, numbered(g.N, "time"), g.Note, c.when(g.At)) + because(g.Cause)
	},
	lifecycle.BecauseRevoking: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("%s wants %s revoked since %s", g.By, g.Note, c.when(g.At)) + because(g.Cause)
	},
	lifecycle.BecauseWaitsForCA: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("its renewal waits for the account at %s since %s, which is foreseen to let it go at %s", g.Note, c.when(g.At), c.when(g.Until)) + because(g.Cause)
	},
	lifecycle.BecausePaused: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("%s paused its renewal until %s", g.By, c.when(g.Until)) + because(g.Note)
	},
	lifecycle.BecauseAsked: func(c *cli, g lifecycle.Ground) string {
		text := fmt.Sprintf("it waits for approval since %s, %d of %d given", c.when(g.At), g.N, g.Of)
		if g.Note != "" {
			text += fmt.Sprintf("; %s, which is issued already, is deployed after it", g.Note)
		}
		if g.By != "" {
			text += "; asked for by " + g.By
		}
		if !g.Until.IsZero() {
			text += "; the policy decides at " + c.when(g.Until)
		}
		return text
	},
	lifecycle.BecauseDenied: func(c *cli, g lifecycle.Ground) string {
		text := fmt.Sprintf("%s denied it at %s", g.By, c.when(g.At)) + because(g.Note)
		if !g.Until.IsZero() {
			text += "; people are asked again at " + c.when(g.Until)
		}
		return text
	},
	lifecycle.BecauseApproved: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("%s approved it at %s", g.By, c.when(g.At))
	},
	lifecycle.BecauseFrozen: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("freeze %s of its policy has nothing begin from %s until %s", g.Note, c.when(g.At), c.when(g.Until))
	},
	lifecycle.BecauseOverridden: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("%s overrode freeze %s, which lasts until %s, at %s", g.By, g.Where, c.when(g.Until), c.when(g.At)) + because(g.Note)
	},
	lifecycle.BecauseFreezeAhead: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("its renewal is planned earlier than usual, before freeze %s from %s until %s", g.Note, c.when(g.At), c.when(g.Until))
	},
	lifecycle.BecauseHeld: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("%s rolled it back at %s; automation keeps its hands off until %s", g.By, c.when(g.At), c.when(g.Until)) + because(g.Note)
	},
	lifecycle.BecauseBehind: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("target %s is behind since %s and is tried again at %s", g.Where, c.when(g.At), c.when(g.Until)) + because(g.Cause)
	},
	lifecycle.BecausePlaceWrong: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("%s, looked at %s: %s", g.Where, c.when(g.At), g.Cause)
	},
	lifecycle.BecausePlaceOther: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("%s serves another version, %s until %s", g.Where, g.Note, c.when(g.Until))
	},
	lifecycle.BecauseCrossed: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("the %s threshold was crossed at %s; it ends at %s, %s", g.Severity, c.when(g.At), c.when(g.Until), cert.LeftUntil(c.now(), g.Until))
	},
	lifecycle.BecauseNotCovered: func(_ *cli, g lifecycle.Ground) string { return "what is live does not cover " + g.Note },
	lifecycle.BecauseInDate: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("it is valid until %s, %s, and no threshold is crossed", c.when(g.Until), cert.LeftUntil(c.now(), g.Until))
	},
	lifecycle.BecauseExpired: func(c *cli, g lifecycle.Ground) string { return fmt.Sprintf("it ended at %s", c.when(g.At)) },
	lifecycle.BecausePlanned: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("renewal is planned for %s by policy %q; the last safe moment is %s", c.when(g.At), g.Note, c.when(g.Until))
	},
	lifecycle.BecauseSuggested: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("the CA suggests to renew it between %s and %s", c.when(g.At), c.when(g.Until))
	},
	lifecycle.BecauseKeyKept: func(_ *cli, g lifecycle.Ground) string {
		return "its private key stays on its host; every renewal uses the request that was given for it (" + g.Note + ")"
	},
	lifecycle.BecauseKeyToCome: func(c *cli, g lifecycle.Ground) string {
		return fmt.Sprintf("its private key stays on its host; the request was replaced, so the next renewal, planned for %s, brings another key (%s)", c.when(g.At), g.Note)
	},
	lifecycle.BecauseKeyKnown: func(_ *cli, g lifecycle.Ground) string {
		return "others may know the private key that stays on its host (" + g.Note + "): nothing is issued for it any more; make a new key and request there, and replace the request"
	},
	lifecycle.BecauseWindowIgnored: func(_ *cli, g lifecycle.Ground) string { return "what the CA suggests is ignored: " + g.Cause },
}

func (c *cli) groundInWords(g lifecycle.Ground) string {
	if say, ok := grounds[g.Code]; ok {
		return say(c, g)
	}
	return strings.ReplaceAll(string(g.Code), "-", " ") + because(g.Cause)
}

func unanswered(notices int) string {
	if notices == 0 {
		return "and nobody was told yet"
	}
	return "and nobody has answered " + numbered(notices, "notice")
}

func because(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

func orUnknown(text string) string {
	if text == "" {
		return "no cause was told"
	}
	return text
}

// moves says what a command would bring about.
var moves = map[lifecycle.MoveCode]func(*cli, lifecycle.Move) string{
	lifecycle.MoveAck: func(c *cli, m lifecycle.Move) string {
		return "people are quiet until " + c.when(m.Until) + "; it closes nothing"
	},
	lifecycle.MoveSnooze: func(c *cli, m lifecycle.Move) string {
		return "nobody is told before " + c.when(m.Until) + "; it closes nothing"
	},
	lifecycle.MoveCheck: func(*cli, lifecycle.Move) string { return "every place is looked at now; what it shows closes alerts" },
	lifecycle.MoveRenew: func(c *cli, m lifecycle.Move) string {
		text := "an attempt begins"
		if m.Note != "" {
			text += " and deploys " + m.Note + ", which was issued already"
		}
		return text + c.at(m)
	},
	lifecycle.MoveRenewNew: func(c *cli, m lifecycle.Move) string {
		return m.Note + " is discarded and another one ordered" + c.at(m)
	},
	lifecycle.MoveAnyway: func(c *cli, m lifecycle.Move) string {
		return "the order at " + m.Note + " is not waited for: another certificate is ordered, and there may be two" + c.at(m)
	},
	lifecycle.MoveResume: func(c *cli, m lifecycle.Move) string {
		if m.At.IsZero() {
			return "automation goes on"
		}
		return "automation goes on, with an attempt" + c.at(m)
	},
	lifecycle.MoveRollBack: func(c *cli, m lifecycle.Move) string {
		return fmt.Sprintf("%s is deployed again, which lasts until %s; automation waits for resume", m.Note, c.when(m.Until))
	},
	lifecycle.MoveDeploy: func(_ *cli, m lifecycle.Move) string {
		return m.Note + ", the live version, is deployed there again; --dry-run shows what would change"
	},
	lifecycle.MoveApprove: func(_ *cli, m lifecycle.Move) string {
		if m.Note != "" {
			return m.Note + ", which is issued already, is deployed; somebody else than who asked has to say so"
		}
		return "it is issued when it is due; somebody else than who asked has to say so"
	},
	lifecycle.MoveDeny: func(*cli, lifecycle.Move) string {
		return "it is held back; alerts go on, and people are asked again"
	},
	lifecycle.MoveThaw: func(c *cli, m lifecycle.Move) string {
		return fmt.Sprintf("an attempt begins at once, in spite of freeze %s until %s; who and why is kept on record", m.Note, c.when(m.Until))
	},
	lifecycle.MoveRevokeNot: func(_ *cli, m lifecycle.Move) string { return m.Note + " is not revoked after all" },
	lifecycle.MovePause:     func(*cli, lifecycle.Move) string { return "nothing is renewed for three days; alerts go on" },
	lifecycle.MoveRequest: func(_ *cli, m lifecycle.Move) string {
		return "prints the request to order the next version from " + m.Note + " with"
	},
	lifecycle.MoveSupply: func(_ *cli, m lifecycle.Move) string {
		return "stores, deploys and proves what " + m.Note + " sent"
	},
	lifecycle.MoveDropPlace: func(_ *cli, m lifecycle.Move) string { return m.Note + " does not count any more" },
	lifecycle.MoveEndpoints: func(*cli, lifecycle.Move) string { return "another place is looked at instead" },
	lifecycle.MoveCA: func(_ *cli, m lifecycle.Move) string {
		return "another CA than " + m.Note + " issues it, with all attempts"
	},
	lifecycle.MoveCSR: func(_ *cli, m lifecycle.Move) string {
		return "the next renewal is for the key of another request than the present one (" + m.Note + ")"
	},
	lifecycle.MoveManage: func(*cli, lifecycle.Move) string { return "it is renewed here from now on" },
	lifecycle.MoveOwner:  func(*cli, lifecycle.Move) string { return "somebody is told first" },
	lifecycle.MoveRetire: func(*cli, lifecycle.Move) string { return "nobody guards it any more" },
}

// at says when a move takes effect; now goes without saying.
func (c *cli) at(m lifecycle.Move) string {
	if !m.At.After(c.now()) {
		return " at once"
	}
	return " at " + c.when(m.At) + ", as the CA asked to wait"
}

func (c *cli) moveInWords(m lifecycle.Move) string {
	if say, ok := moves[m.Code]; ok {
		return say(c, m)
	}
	return strings.ReplaceAll(string(m.Code), "-", " ")
}
