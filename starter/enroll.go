package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/workflows"
)

// wish is what somebody typed.
type wish struct {
	name                             string
	domains, targets, endpoints      []string
	manage, reuseKey, update, dry    bool
	acceptIrreversible               bool
	ca, keyType, profile, dns        string
	fallback                         []string
	starttls                         string
	http, tlsALPN                    bool
	owner, team, environment, policy string
	note, file, csr                  string
	request                          *cert.CSR
	unreachable                      bool
	adopts                           estate.Key
	given                            func(flag string) bool
	host                             *cert.Endpoint
	places                           []cert.Endpoint
}

func (c *cli) enroll() *cobra.Command {
	var w wish
	cmd := &cobra.Command{
		Use: "enroll [HOST[:PORT]]", Aliases: []string{"add"}, Short: "Begin to guard certificates, or change what is asked for", Args: cobra.MaximumNArgs(1),
		Long: `Begin to guard the certificate that HOST serves (port 443 if none is given). What is
served is read first and shown; its names are what the certificate has to cover
unless --domains says otherwise. It is then watched: people are told before it ends.

Where TLS has to be asked for first (STARTTLS), name the protocol by --starttls, or as
smtp://HOST: smtp, imap, pop3, ftp, ldap, postgres, mysql or xmpp.

With --manage it is renewed here too: that needs a CA (--ca) and at least one target
(--target) of the worker's configuration. Without HOST, say --cert-name and --domains.

With --update an enrolled certificate is changed: what is not given stays as it is,
lists are replaced as a whole, and HOST only says which certificate is meant. A
changed --environment brings its own policy unless --policy is given.

With --file a whole inventory is watched: one HOST[:PORT] a line, or a table (CSV, or
Unicode text) with a header of host, port, owner, team, environment, note, name, sni,
policy. Each row has its result; a bad one is named and stops no other, and the exit
code is then 1. What is enrolled already is left as it is, so the same file can be
given again and again. --owner, --team, --environment and --policy count for rows that
say nothing themselves. docs/enrolling.md tells the rest.

With --csr the private key never leaves the host that uses it: make key and request
there, and give the request. Its names are what the certificate has to cover, every
renewal uses it until another is given (--update --csr), and only the chain is handled.
The targets must say where the key lies (kept_key). docs/csr.md goes through it.

It waits for a worker, 2m at most for each certificate unless --timeout says otherwise.`,
		Example: `  neverlapse enroll www.example.com --owner minji --team web
  neverlapse enroll mail.example.com:993 --environment prod
  neverlapse enroll smtp://mail.example.com:587 --cert-name mail-submission
  neverlapse enroll shop.example.com --manage --ca letsencrypt --target web-1 --target web-2 \
      --endpoint 10.0.0.11:443#shop.example.com@web-1 --endpoint 10.0.0.12:443#shop.example.com@web-2
  neverlapse enroll pay.example.com --manage --csr pay.csr --ca letsencrypt --target pay-web
  neverlapse enroll www.example.com --update --owner jiho
  neverlapse enroll --file inventory.csv --team web --dry-run`,
		RunE: func(cmd *cobra.Command, args []string) error {
			w.given = cmd.Flags().Changed
			if w.file != "" {
				return c.enrollFile(cmd.Context(), w, args, cmd.InOrStdin())
			}
			if err := w.read(args, cmd.InOrStdin()); err != nil {
				return err
			}
			if err := c.load(); err != nil {
				return err
			}
			if err := c.openEyes(); err != nil {
				return err
			}
			if w.update {
				return c.change(cmd.Context(), w)
			}
			return c.enlist(cmd.Context(), w)
		},
	}
	w.wishes(cmd)
	f := cmd.Flags()
	f.BoolVar(&w.update, "update", false, "change a certificate that is enrolled")
	f.StringVarP(&w.file, "file", "f", "", "`inventory` to enroll: lines or CSV; - reads the standard input")
	f.BoolVar(&w.unreachable, "unreachable", false, "with --file: enroll hosts that do not answer, too; they are watched, and people are told")
	return cmd
}

// wishes are the flags that say what is asked for.
func (w *wish) wishes(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&w.name, "cert-name", "", "`name` to call it by (default HOST)")
	f.StringSliceVarP(&w.domains, "domains", "d", nil, "`names` it has to cover; repeat or separate by commas (default those it serves)")
	f.BoolVar(&w.manage, "manage", false, "renew it here too")
	f.StringVarP(&w.ca, "ca", "s", "", "configured `CA` that issues it")
	f.StringSliceVar(&w.fallback, "fallback-ca", nil, "`CA`s that are tried in this order when --ca keeps failing; none: no other, whatever the policy says")
	f.StringVar(&w.ca, "server", "", "the same `CA` as --ca")
	f.StringVarP(&w.keyType, "key-type", "k", "", "`kind` of key: EC256, EC384, RSA2048, RSA3072, RSA4096 (default the usual one of the CA)")
	f.BoolVar(&w.reuseKey, "reuse-key", false, "keep the private key when renewing")
	f.StringVar(&w.csr, "csr", "", "`file` with the certificate request (PEM or DER) of a key that stays on its host; - reads the standard input, \"\" with --update: keys are made here again")
	f.StringVar(&w.profile, "profile", "", "`profile` of the CA")
	f.BoolVar(&w.http, "http", false, "prove its names by http-01, whatever is usual for the CA")
	f.BoolVar(&w.tlsALPN, "tls-alpn", false, "prove its names by tls-alpn-01")
	f.StringVar(&w.dns, "dns", "", "prove its names by dns-01 and the configured DNS provider `NAME`; \"\" with --update: as is usual for the CA")
	f.StringSliceVar(&w.targets, "target", nil, "configured `target` that receives it; repeat or separate by commas")
	f.BoolVar(&w.acceptIrreversible, "accept-irreversible", false, "deploy also where what a target has now cannot be read, and so not be put back")
	f.StringSliceVar(&w.endpoints, "endpoint", nil, "`[PROTOCOL://]HOST:PORT[#SNI][@TARGET]` that serves it; repeat (default HOST:PORT)")
	f.StringVar(&w.starttls, "starttls", "", starttlsUsage)
	f.StringVar(&w.owner, "owner", "", "`person` who is told first")
	f.StringVar(&w.team, "team", "", "`team` that is told next")
	f.StringVar(&w.environment, "environment", "", "`environment`, for filters and its policy")
	f.StringVar(&w.policy, "policy", "", "`policy` of alerts and renewal (default the environment's)")
	f.StringVar(&w.note, "note", "", "`text` that people should know, for the record")
	f.BoolVar(&w.dry, "dry-run", false, "show what would be asked for and send nothing")
}

// managing are the flags that mean nothing where a certificate is only watched.
var managing = []string{"ca", "server", "fallback-ca", "csr", "key-type", "reuse-key", "profile", "http", "tls-alpn", "dns", "target", "accept-irreversible"}

// read checks what was typed, as far as it can be without asking anybody; all
// complaints come at once.
func (w *wish) read(args []string, stdin io.Reader) error {
	var errs []string
	note := func(err error) {
		if err != nil {
			errs = append(errs, err.Error())
		}
	}
	if len(args) == 1 {
		e, err := endpoint(args[0], w.starttls)
		note(err)
		w.host = &e
		if w.name == "" && err == nil {
			w.name = e.Host
		}
	}
	for _, text := range w.endpoints {
		e, err := endpoint(text, w.starttls)
		note(err)
		w.places = append(w.places, e)
	}
	if len(w.places) == 0 && w.host != nil && !w.update {
		w.places = []cert.Endpoint{*w.host}
	}
	switch {
	case w.name == "" && len(args) == 0:
		note(errors.New("which certificate? give HOST[:PORT], or --cert-name"))
	case w.name != "":
		if _, err := certificateName(w.name); err != nil && !w.given("cert-name") {
			note(errors.New(err.Error() + "; choose one by --cert-name"))
		} else {
			note(err)
		}
	}
	if w.unreachable {
		note(errors.New("--unreachable is for --file; name by --domains what a single host that does not answer has to cover"))
	}
	note(checkNote(w.note))
	note(w.readCSR(stdin))
	note(w.readNames())
	note(w.readManaging())
	if len(errs) > 0 {
		return usage("%s", strings.Join(errs, "\n"))
	}
	return nil
}

func (w *wish) readNames() error {
	if !w.given("domains") {
		if w.request != nil && !w.update {
			w.domains = w.request.Names
		}
		if len(w.places) == 0 && !w.update && w.host == nil && w.name != "" && w.request == nil {
			return errors.New("which names has it to cover? without HOST or --endpoint, give --domains")
		}
		return nil
	}
	names, err := cert.ParseNames(w.domains)
	w.domains = names
	if err == nil && w.request != nil {
		if err := w.request.CheckNames(names); err != nil {
			return fmt.Errorf("--csr: %w", err)
		}
	}
	return err
}

// readCSR reads the request of a key that stays on its host; the worker looks at it again.
func (w *wish) readCSR(stdin io.Reader) error {
	if w.csr == "" {
		return nil
	}
	data, err := fileOrInput(w.csr, stdin)
	if err != nil {
		return fmt.Errorf("--csr: %w", err)
	}
	csr, err := cert.ParseCSR(data)
	if err != nil {
		return fmt.Errorf("--csr: %s: %w", w.csr, err)
	}
	w.request = &csr
	return nil
}

func fileOrInput(file string, stdin io.Reader) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(io.LimitReader(stdin, cert.MaxCSR+1))
	}
	return readAtMost(file)
}

func (w *wish) readManaging() error {
	if w.given("ca") && w.given("server") {
		return errors.New("--ca and --server mean the same; give one of them")
	}
	if w.csr != "" && (w.given("key-type") || w.reuseKey) {
		return errors.New("--csr brings a key that was made on its host and stays there: leave --key-type and --reuse-key out")
	}
	if w.keyType != "" {
		kind, err := cert.ParseKeyType(w.keyType)
		if err != nil {
			return err
		}
		w.keyType = string(kind)
	}
	if b := []bool{w.http, w.tlsALPN, w.dns != ""}; b[0] && b[1] || b[0] && b[2] || b[1] && b[2] {
		return errors.New("--http, --tls-alpn and --dns are three ways to prove the same; give one of them")
	}
	if w.update {
		return nil
	}
	if w.manage && w.ca == "" {
		return errors.New("--manage needs a CA: name one of the worker's configuration by --ca")
	}
	if w.manage && len(w.targets) == 0 {
		return errors.New("--manage needs a place to put the certificate: name one of the worker's configuration by --target")
	}
	i := slices.IndexFunc(managing, w.given)
	if !w.manage && i >= 0 {
		return errors.New("--" + managing[i] + " needs --manage: without it the certificate is only watched")
	}
	return nil
}

// way is how the names are to be proven; empty leaves it to the CA's configuration.
func (w *wish) way() (challenge, dns string) {
	switch {
	case w.http:
		return "http-01", ""
	case w.tlsALPN:
		return "tls-alpn-01", ""
	case w.dns != "":
		return "dns-01", w.dns
	}
	return "", ""
}

// input is the request for a certificate that is not enrolled yet.
func (w *wish) input(names []string) workflows.EnrollmentInput {
	var in workflows.EnrollmentInput
	in.Name, in.Names, in.Managed, in.Endpoints = w.name, names, w.manage, w.places
	in.Owner, in.Team, in.Environment, in.Policy, in.Note = w.owner, w.team, w.environment, w.policy, w.note
	in.Adopts = w.adopts
	in.CA, in.FallbackCAs, in.Targets, in.Profile, in.ReuseKey = w.ca, w.fallback, w.targets, w.profile, w.reuseKey
	in.Challenge, in.DNS = w.way()
	in.AcceptIrreversible = w.acceptIrreversible
	if w.manage {
		in.KeyType = cert.KeyType(w.keyType)
	}
	if w.request != nil {
		in.CSR = w.request.DER
	}
	return in
}
