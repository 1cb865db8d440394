package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/config"
)

// looked is what somebody asked to inspect, and what came of it.
type looked struct {
	arg      string
	file     bool
	endpoint cert.Endpoint
	names    []string
	found    app.Inspection
	err      error
}

func (c *cli) inspect() *cobra.Command {
	var names []string
	var sni, roots, password, starttls string
	cmd := &cobra.Command{
		Use: "inspect HOST[:PORT]|FILE...", Short: "Say what is wrong with a certificate, and what would be told about it", Args: cobra.MinimumNArgs(1),
		Long: `Look at what a host serves (port 443 if none is given; every address of the name)
or at a file, and show the days left, the chain, what is wrong and how to mend it,
what the coming year would bring under the default policy, and how to enroll it.
It needs no engine, no worker and no configuration, and changes nothing.

A file is PEM, DER, PKCS#12 (its password by --password-file) or a Java keystore
(JKS, which needs none). An argument with a '/' in it, or that names a file here,
is a file; everything else is a host. --timeout bounds each address (5s).

Where TLS has to be asked for first, name the protocol: by --starttls smtp, or as
smtp://HOST (smtp, imap, pop3, ftp, ldap, postgres, mysql, xmpp, each on its own
port if none is given).

It exits 0 if nothing is wrong; 5 if something could not be read, 6 if something is
wrong, 7 if a certificate has expired or a threshold of the default policy is
crossed. Of several, the highest counts. Notes do not change it.`,
		Example: `  neverlapse inspect www.example.com
  neverlapse inspect 10.0.0.11:8443 --sni shop.example.com --roots corporate-root.pem
  neverlapse inspect /etc/letsencrypt/live/*/fullchain.pem
  neverlapse inspect mail.example.com --starttls smtp
  neverlapse inspect postgres://db.example.com ldap://ldap.example.com --roots corporate-root.pem
  neverlapse inspect mail.example.com:993 -o json | jq '.[].subjects[].findings[].code'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := subjects(args, sni, starttls, names)
			if err != nil {
				return err
			}
			secret := ""
			if password != "" {
				if secret, err = config.ReadSecret(password); err != nil {
					return usage("--password-file: %s", err)
				}
			}
			eyes, err := app.NewInspector(roots, c.patience(0), c.now)
			if err != nil {
				return usage("--roots: %s", err)
			}
			lookAt(cmd.Context(), eyes, all, secret)
			if cmd.Context().Err() != nil {
				return cmd.Context().Err()
			}
			return c.inspected(all)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&names, "names", nil, "`names` it has to cover; repeat or separate by commas (default the host)")
	f.StringVar(&sni, "sni", "", "`name` to ask for in the handshake (default the host)")
	f.StringVar(&starttls, "starttls", "", starttlsUsage)
	f.StringVar(&roots, "roots", "", "PEM `file` with the roots of a private CA, trusted beside the system's")
	f.StringVar(&password, "password-file", "", "`file` that holds the password of PKCS#12 files")
	return cmd
}

// subjects reads the command line; all complaints come at once.
func subjects(args []string, sni, starttls string, names []string) ([]*looked, error) {
	var out []*looked
	var errs []string
	var err error
	if len(names) > 0 {
		if names, err = cert.ParseNames(names); err != nil {
			errs = append(errs, "--names: "+err.Error())
		}
	}
	if sni != "" {
		if sni, err = cert.ParseName(sni); err != nil {
			errs = append(errs, "--sni: "+err.Error())
		}
	}
	for _, arg := range args {
		l := &looked{arg: arg, names: names}
		host := hostOf(arg)
		if l.file = host == ""; !l.file {
			if l.endpoint, err = endpoint(host, starttls); err != nil {
				errs = append(errs, err.Error())
			}
			if sni != "" {
				l.endpoint.ServerName = sni
			}
		}
		out = append(out, l)
	}
	if len(errs) > 0 {
		return nil, usage("%s", strings.Join(errs, "\n"))
	}
	return out, nil
}

// keystores are the ends of names that nobody gives a host.
var keystores = []string{".pem", ".crt", ".cer", ".der", ".p12", ".pfx", ".jks", ".key"}

// hostOf gives the host that is meant; "" if a file is. People paste addresses
// from their browser, too.
func hostOf(arg string) string {
	if u, err := url.Parse(arg); err == nil && u.Scheme == "https" && u.Host != "" {
		return u.Host
	}
	if scheme, rest, ok := strings.Cut(arg, "://"); ok && rest != "" {
		if _, err := cert.ParseStartTLS(scheme); err == nil {
			return arg
		}
	}
	if strings.ContainsRune(arg, '/') || strings.ContainsRune(arg, filepath.Separator) || arg == "" {
		return ""
	}
	for _, end := range keystores {
		if strings.HasSuffix(strings.ToLower(arg), end) {
			return ""
		}
	}
	if info, err := os.Stat(arg); err == nil && !info.IsDir() {
		return ""
	}
	return arg
}

// lookAt looks at all at once; the scanner bounds how many there are at a time.
func lookAt(ctx context.Context, eyes *app.Inspector, all []*looked, password string) {
	var wg sync.WaitGroup
	for _, l := range all {
		wg.Go(func() {
			if l.file {
				l.found, l.err = eyes.File(l.arg, password, l.names)
				return
			}
			l.found = eyes.Host(ctx, l.endpoint, l.names)
			if len(l.found.Subjects) == 0 {
				l.err = fmt.Errorf("%s cannot be read: %s", l.endpoint, strings.Join(l.found.Unread, "; "))
			}
		})
	}
	wg.Wait()
}

// verdict is the exit code of one subject.
func (l *looked) verdict() int {
	code := exitOK
	if l.err != nil {
		code = exitUnreachable
	}
	for _, f := range l.found.All() {
		switch {
		case f.Code == cert.Expired || f.Code == cert.Expiring:
			return exitExpiring
		case f.Severity != cert.Note:
			code = exitTrouble
		}
	}
	return code
}
