package page

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/people"
)

type switchboard struct {
	all []Channel
	err error
}

func (s switchboard) Channels(context.Context) ([]Channel, error) { return s.all, s.err }

func TestWhatDoesNotArriveIsInOnePlace(t *testing.T) {
	w := populated()
	now := w.now()
	listed := func(name, kind string) delivery.Listed { return delivery.Listed{Name: name, Kind: kind, Proves: true} }
	board := switchboard{all: []Channel{
		{Listed: listed("slack", "slack"), Trouble: delivery.Trouble{Since: now.Add(-time.Hour), TryAt: now.Add(time.Hour), Cause: "token_revoked <b>"}},
		{Listed: listed("mail", "email"), Life: delivery.Life{AskedAt: now.Add(-48 * time.Hour), AnsweredAt: now.Add(-time.Hour), By: "minji"}},
		{Listed: listed("sms", "sms"), Life: delivery.Life{AskedAt: now.Add(-240 * time.Hour), Doubtful: true}},
		{Listed: listed("pager", "pagerduty"), Silent: true},
	}, err: errors.New("one is away")}
	who := directory
	who.People = append([]people.Person{{ID: "boss", Email: "hana@example.com"}}, directory.People...)
	base := serve(t, w, func(c *Config) {
		c.Letters = &letterbox{{ID: delivery.ID("a"), At: now, Certificate: "pay", To: "jun", Channel: "mail", Why: "550 no"}}
		c.Channels, c.Directory = board, func() people.Directory { return who }
	})
	_, text := visit(t, base).get("/delivery")
	contains(t, text, "Messages that did not arrive: 1", "hana@example.com", "550 5.1.1 &lt;b&gt;no such user", "Fails for everybody since", "token_revoked &lt;b&gt;",
		"minji answered at", "neverlapse channels confirm sms", "and nobody answered", "it did not answer", "Not every channel answered", `href="/delivery"`)
	if strings.Contains(text, "long-gone@example.com") {
		t.Error("an address of nobody in the directory is shown")
	}
}
