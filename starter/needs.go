package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// The exit codes of needs-renewal are those of step, so that scripts and timers
// that were written for it go on.
const (
	exitNeeds    = 0
	exitNeedsNot = 1
	exitNoFile   = 2
	exitOther    = 255
)

// needsView is the JSON of needs-renewal.
type needsView struct {
	Argument     string    `json:"argument"`
	NeedsRenewal bool      `json:"needsRenewal"`
	Subject      string    `json:"subject"` // of the certificate that ends first
	NotAfter     time.Time `json:"notAfter"`
	DaysLeft     int       `json:"daysLeft"`
	RenewFrom    time.Time `json:"renewFrom"` // when it begins to need renewal
}

func (c *cli) needsRenewal() *cobra.Command {
	var within, sni, starttls, roots, password string
	var bundle bool
	cmd := &cobra.Command{
		Use: "needs-renewal FILE|HOST[:PORT]", Short: "Say by the exit code whether a certificate needs renewal",
		Long: `Look at one file or host, as inspect does, and exit 0 if its certificate needs
renewal, 1 if it does not, 2 if the file is not there, 255 for everything else: the
codes of 'step certificate needs-renewal', so that timers written for it go on. Of
several certificates or addresses one is enough.

--expires-in is the time that has to be left, or a share of the lifetime. Mind that
step counts the share that has passed: its 66% is 34% here.`,
		Example: `  neverlapse needs-renewal /etc/ssl/shop/fullchain.pem && systemctl start renew-shop
  neverlapse needs-renewal www.example.com --expires-in 30d
  neverlapse needs-renewal smtp://mail.example.com --expires-in 50%`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil
			}
			return problem{exitOther, fmt.Sprintf("needs-renewal takes one file or host, got %d; write: %s", len(args), cmd.UseLine())}
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			span, err := lifecycle.ParseSpan(within)
			if err != nil {
				return problem{exitOther, "--expires-in: " + err.Error()}
			}
			all, err := subjects(args, sni, starttls, nil)
			if err != nil {
				return problem{exitOther, err.Error()}
			}
			secret := ""
			if password != "" {
				if secret, err = config.ReadSecret(password); err != nil {
					return problem{exitOther, "--password-file: " + err.Error()}
				}
			}
			return c.needs(cmd.Context(), all[0], roots, secret, span, bundle)
		},
	}
	f := cmd.Flags()
	f.StringVar(&within, "expires-in", "33%", "`time` that has to be left, or a share of the lifetime: 30d, 33%, 1/3, min(30d,33%)")
	f.BoolVar(&bundle, "bundle", false, "look at every certificate of the chain")
	f.StringVar(&sni, "sni", "", "`name` to ask for in the handshake (default the host)")
	f.StringVar(&starttls, "starttls", "", starttlsUsage)
	f.StringVar(&roots, "roots", "", "PEM `file` with the roots of a private CA; a wrong chain does not change the answer")
	f.StringVar(&password, "password-file", "", "`file` that holds the password of a PKCS#12 file")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return problem{exitOther, err.Error()} })
	return cmd
}

// needs looks and answers.
func (c *cli) needs(ctx context.Context, l *looked, roots, password string, within lifecycle.Span, bundle bool) error {
	if l.file {
		if _, err := os.Stat(l.arg); errors.Is(err, fs.ErrNotExist) {
			return problem{exitNoFile, l.arg + ": there is no such file"}
		}
	}
	eyes, err := app.NewInspector(roots, c.patience(0), c.now)
	if err != nil {
		return problem{exitOther, "--roots: " + err.Error()}
	}
	lookAt(ctx, eyes, []*looked{l}, password)
	switch {
	case ctx.Err() != nil:
		return problem{exitOther, "stopped"}
	case l.err != nil:
		return problem{exitOther, l.err.Error()}
	}
	v := c.firstToNeed(l, within, bundle)
	if !v.NeedsRenewal && len(l.found.Unread) > 0 {
		return problem{exitOther, "nobody knows: " + l.found.Unread[0]}
	}
	left, from := cert.LeftUntil(c.now(), v.NotAfter), c.when(v.RenewFrom)
	if !c.text() {
		err = c.result(v)
	} else if v.NeedsRenewal {
		c.say("%s needs renewal since %s: %s", clean(v.Subject, 0), from, left)
	}
	if err != nil || v.NeedsRenewal {
		return err
	}
	return problem{exitNeedsNot, fmt.Sprintf("%s needs no renewal before %s: %s", v.Subject, from, left)}
}

// firstToNeed is the certificate that needs renewal first.
func (c *cli) firstToNeed(l *looked, within lifecycle.Span, bundle bool) needsView {
	v := needsView{Argument: l.arg}
	for _, s := range l.found.Subjects {
		links := s.Chain
		if !bundle {
			links = links[:1]
		}
		for _, link := range links {
			from := link.NotAfter.Add(-within.Of(link.NotAfter.Sub(link.NotBefore)))
			if v.RenewFrom.IsZero() || from.Before(v.RenewFrom) {
				v.Subject, v.NotAfter, v.RenewFrom = link.Subject, link.NotAfter, from
			}
		}
	}
	v.DaysLeft, v.NeedsRenewal = cert.DaysLeft(c.now(), v.NotAfter), !c.now().Before(v.RenewFrom)
	return v
}
