package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/test/harness"
)

// The mail addresses of the people of a harness.World.
const (
	ownerMail, managerMail = "minji@example.com", "hana@example.com"
	onCallMail, teamMail   = "jun@example.com", "platform@example.com"
)

// plays are the scenes by tag; each plays and says what was seen.
func (a *act) plays() map[string]func() (string, error) {
	return map[string]func() (string, error){
		"renewal": a.healthyRenewal, "alert": a.answeredAlert, "escalation": a.escalation, "rollback": a.brokenDeployment, "page": a.spentAttempts,
	}
}

func (a *act) healthyRenewal() (string, error) {
	old, err := a.begin()
	if err != nil {
		return "", err
	}
	now, err := a.replaced()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("renewed, deployed and proven: %s -> %s", old.Short(), now.Short()), a.wait("the journal to say so", func() bool {
		return a.seen.entries(a.scene.name, "outcome", "proven") > 0
	})
}

func (a *act) answeredAlert() (string, error) {
	if _, err := a.begin(); err != nil {
		return "", err
	}
	if err := a.shell("pause", a.scene.name, "--until", "55s", "--reason", "a freeze"); err != nil {
		return "", err
	}
	if err := a.wait("the owner to be told", func() bool { return len(a.slackTo(harness.OwnerSlack)) > 0 }); err != nil {
		return "", err
	}
	first := func() notifytest.SlackMessage { return a.slackTo(harness.OwnerSlack)[0] }
	a.tell("demo", "minji presses Acknowledge (a signed click, as Slack sends it)")
	if err := a.presses(first(), alert.ActAcknowledge, owner); err != nil {
		return "", err
	}
	// In every language its headline names whoever has it, and it offers that to nobody else.
	has := func(m notifytest.SlackMessage) bool {
		return strings.Contains(m.Text, owner) && !slices.Contains(m.Buttons(), string(alert.ActAcknowledge))
	}
	if err := a.wait("the message to show who has it", func() bool { return has(first()) }); err != nil {
		return "", err
	}
	now, err := a.replaced()
	if err != nil {
		return "", err
	}
	if err := a.wait("the message to be resolved", func() bool { return len(first().Buttons()) == 0 }); err != nil {
		return "", err
	}
	if n := len(a.slackTo(harness.TeamSlack)) + len(a.mailsTo(teamMail)); n > 0 {
		return "", fmt.Errorf("the team was told %d times although minji had it", n)
	}
	return fmt.Sprintf("in a freeze minji was told and has it, the team was not disturbed; then closed by the proof of %s", now.Short()), nil
}

func (a *act) escalation() (string, error) {
	if _, err := a.begin(); err != nil {
		return "", err
	}
	var at [3]time.Time
	for i, told := range []struct {
		who string
		by  func() int
	}{
		{"the owner", func() int { return len(a.slackTo(harness.OwnerSlack)) + len(a.mailsTo(ownerMail)) }},
		{"the team", func() int { return len(a.slackTo(harness.TeamSlack)) + len(a.mailsTo(teamMail)) }},
		{"the manager", func() int { return min(len(a.slackTo(harness.ManagerSlack)), len(a.mailsTo(managerMail))) }},
	} {
		if err := a.wait(told.who+" to be told", func() bool { return told.by() > 0 }); err != nil {
			return "", err
		}
		at[i] = time.Now()
	}
	return fmt.Sprintf("nobody answered: owner, %s later the team, %s later the manager", whole(at[1].Sub(at[0])), whole(at[2].Sub(at[1]))), nil
}

func (a *act) brokenDeployment() (string, error) {
	old, err := a.age()
	if err != nil {
		return "", err
	}
	if err := a.site.pinKey(); err != nil {
		return "", err
	}
	a.tell("demo", "somebody pins the key in %s to %s; %s still starts with it", a.site.config, a.site.pinnedKey(), a.site.server)
	if err := a.enroll(); err != nil {
		return "", err
	}
	failing := func() bool {
		mails, posts := a.mailsTo(ownerMail), a.slackTo(harness.OwnerSlack)
		return len(posts) > 0 && len(mails) > 0 && strings.Contains(mails[0].Text, "key") && reasonOf(mails[0]) == alert.RenewalFailing
	}
	if err := a.wait("the owner to be told by Slack and by mail", failing); err != nil {
		return "", err
	}
	if err := a.still(old); err != nil {
		return "", err
	}
	if activities, err := a.ran(old); err != nil || !rolledBack(activities) {
		return "", fmt.Errorf("nothing was rolled back: %v %w", activities, err)
	}
	a.tell("handshake", "%s serves %s as before; certificates at the CA for it: %d", a.site.address, old.Short(), a.CA.IssuedFor(a.scene.host))
	if err := a.site.unpinKey(); err != nil {
		return "", err
	}
	a.tell("demo", "somebody mends %s", a.site.config)
	if err := a.shell("renew", a.scene.name, "--wait", "--note", "key path mended"); err != nil {
		return "", err
	}
	now, err := a.replaced()
	if err != nil {
		return "", err
	}
	if err := a.wait("the message to be resolved", func() bool { return len(a.slackTo(harness.OwnerSlack)[0].Buttons()) == 0 }); err != nil {
		return "", err
	}
	if n := a.CA.IssuedFor(a.scene.host); n != 1 {
		return "", fmt.Errorf("the CA issued %d certificates for %s, want 1", n, a.scene.host)
	}
	return fmt.Sprintf("refused and rolled back to %s; mended, then renewed with the same certificate %s (1 at the CA)", old.Short(), now.Short()), nil
}

func (a *act) spentAttempts() (string, error) {
	a.CA.DNS().AddDNSARecord(a.scene.host, []string{"127.0.0.66"})
	a.tell("demo", "somebody moves the name %s to 127.0.0.66, where nobody answers: the CA cannot validate it", a.scene.host)
	old, err := a.begin()
	if err != nil {
		return "", err
	}
	paged := func(slack, mail string) bool {
		posted := false
		for _, m := range a.slackTo(slack) {
			posted = posted || strings.Contains(m.Reading(), "/"+string(alert.AttemptsSpent))
		}
		for _, m := range a.mailsTo(mail) {
			if posted && reasonOf(m) == alert.AttemptsSpent {
				return true
			}
		}
		return false
	}
	err = a.wait("owner, manager and on-call to be paged by Slack and mail", func() bool {
		return paged(harness.OwnerSlack, ownerMail) && paged(harness.ManagerSlack, managerMail) && paged(harness.OnCallSlack, onCallMail)
	})
	if err != nil {
		return "", err
	}
	if err := a.still(old); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d attempts failed; minji, hana and jun were paged by Slack and mail; %s still serves %s", a.seen.entries(a.scene.name, "outcome", "failed"), a.scene.host, old.Short()), nil
}
