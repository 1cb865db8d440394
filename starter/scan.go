package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/app/lint"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/config"
)

// never is the word for a scan that fails for nothing that it finds.
const never = "never"

// scanFlags are what a scan is asked for beside its places.
type scanFlags struct {
	lists, ports, names, allow, deny, unwanted, codes []string
	sni, starttls, roots, password, cache             string
	networks, deep, crl, lint, noWildcards            bool
	most, parallel, perHost                           int
	within                                            length
	severity, failOn                                  choice
}

func (c *cli) scan() *cobra.Command {
	gravities := []string{string(cert.Error), string(cert.Warning), string(cert.Note)}
	o := scanFlags{severity: choice{of: gravities}, failOn: choice{value: string(cert.Warning), of: append(gravities, never)}}
	cmd := &cobra.Command{
		Use: "scan [HOST[:PORT]|NETWORK|FILE|FOLDER]...", Short: "Look at very many hosts, files and folders at once",
		Long: `Look at hosts, lists of hosts, whole networks, files and folders, and show every
certificate that is there once, with all its places and what is wrong with it. It
needs no engine and no worker, and changes nothing; of the configuration, if there
is one, it reads the section scan. docs/scanning.md says more.

A list (--list, - is the input) has a line for each endpoint:
  HOST[:PORT] [ports=443,8443] [sni=NAME] [starttls=PROTOCOL] [names=A,B]
An argument with a '/' in it, or that names a file or folder here, is one; except
that 10.0.0.0/28 is a network, for which --networks is needed. Files are PEM, DER,
PKCS#12 and JKS; links in folders are not followed. --timeout bounds each address.

Link-local addresses, and those at which clouds keep credentials, are not asked
unless --allow or scan.allow names them, whatever list or name leads there.

It exits 0 if nothing is wrong; 5 if something could not be read, 6 if something is
wrong, 7 if a certificate has expired, ends within --expires-within or, without it,
has crossed a threshold of the default policy. Of several, the highest counts.
--fail-on says how bad it has to be; with never it exits 0 whatever it finds.`,
		Example: `  neverlapse scan www.example.com mail.example.com:993 smtp://mx.example.com
  neverlapse scan --list hosts.txt --expires-within 30d
  neverlapse scan 10.0.0.0/24 --networks --ports 443,8443 --roots corporate-root.pem
  neverlapse scan /etc/ssl /opt/tomcat --password-file p12.password --cache scan.cache
  neverlapse scan --list hosts.txt -o jsonl | jq -r 'select(.kind == "certificate") | .fingerprint'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args)+len(o.lists) == 0 {
				return usage("nothing to look at; name hosts, files or folders, or a list by --list")
			}
			if err := c.load(); err != nil {
				return err
			}
			return c.scanned(cmd.Context(), args, o)
		},
	}
	o.declare(cmd)
	return cmd
}

func (o *scanFlags) declare(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&o.lists, "list", nil, "`file` with a line for each endpoint; - for the input; repeat for more")
	f.StringSliceVar(&o.ports, "ports", nil, "`ports` where none is given: 443,8443,9000-9010 (default 443, or that of the protocol)")
	f.StringVar(&o.sni, "sni", "", "`name` to ask for in handshakes where none is given (default the host)")
	f.StringVar(&o.starttls, "starttls", "", starttlsUsage)
	f.StringSliceVar(&o.names, "names", nil, "`names` that certificates have to cover (default the host)")
	f.BoolVar(&o.networks, "networks", false, "scan whole networks: they are meant, and you may")
	f.IntVar(&o.most, "most-addresses", 4096, "how many addresses and ports of networks at most")
	f.StringVar(&o.roots, "roots", "", "PEM `file` with the roots of a private CA, trusted beside the system's (default scan.roots_file)")
	f.StringVar(&o.password, "password-file", "", "`file` that holds the password of PKCS#12 files")
	f.StringSliceVar(&o.allow, "allow", nil, "`networks` that may be asked although a wider one is not; beside scan.allow")
	f.StringSliceVar(&o.deny, "deny", nil, "`networks` that are not asked; beside scan.deny")
	f.IntVar(&o.parallel, "parallel", 0, "connections at once at most; few suffice while all answer soon (default 2048, or what the system's limit of files allows)")
	f.IntVar(&o.perHost, "per-host", 0, "of these, to one address (default 16)")
	f.BoolVar(&o.deep, "deep", false, "connect up to twice more: for the certificate of the other type of key, and for old protocols")
	f.BoolVar(&o.crl, "crl", false, "ask the lists of CAs whether they took certificates back")
	f.BoolVar(&o.lint, "lint", false, "have zlint look whether CAs kept their rules, once for each certificate")
	f.StringSliceVar(&o.unwanted, "unwanted-ca", nil, "`pieces` of the names of CAs to find fault with; beside scan.unwanted_cas")
	f.BoolVar(&o.noWildcards, "no-wildcards", false, "find fault with wildcards")
	f.StringVar(&o.cache, "cache", "", "`file` to keep what is known in: files that did not change are not read again, and who did not answer is asked first")
	f.Var(&o.within, "expires-within", "show only what has expired or ends within this time, and exit 7 for it")
	f.Var(&o.severity, "severity", "show only what has findings as bad as error, warning or note")
	f.StringSliceVar(&o.codes, "code", nil, "show only what has one of these `codes` of findings")
	f.Var(&o.failOn, "fail-on", "how bad a finding makes it exit 6: error, warning, note or never")
}

// scanned reads the places, looks and shows.
func (c *cli) scanned(ctx context.Context, args []string, o scanFlags) error {
	survey, err := c.survey(o)
	if err != nil {
		return err
	}
	asks, paths, err := c.scannedPlaces(survey, args, o)
	if err != nil {
		return err
	}
	bar := c.newProgress(len(asks))
	began := time.Now()
	found, err := survey.Look(ctx, asks, paths, app.Progress{Endpoint: bar.step, File: bar.file})
	bar.end()
	if err != nil {
		return err
	}
	if found.CacheErr != nil {
		c.remark("the cache was not kept: %s", clean(found.CacheErr.Error(), 0))
	}
	r := c.report(found, o)
	r.summary.Took = time.Since(began).Seconds()
	if err := c.showScan(r); err != nil {
		return err
	}
	return r.verdict()
}

// survey makes what looks, of the configuration and the flags.
func (c *cli) survey(o scanFlags) (*app.Survey, error) {
	section := c.config.Scan
	if o.roots != "" {
		section.RootsFile = o.roots
	}
	section.Allow = slices.Concat(section.Allow, o.allow)
	section.Deny = slices.Concat(section.Deny, o.deny)
	section.UnwantedCAs = slices.Concat(section.UnwantedCAs, o.unwanted)
	if o.noWildcards {
		section.Wildcards = config.WildcardsUnwanted
	}
	in := app.SurveyOptions{
		Config: section, Each: c.patience(0), Parallel: o.parallel, PerHost: o.perHost,
		Deep: o.deep, CRL: o.crl, Cache: o.cache, Now: c.now,
	}
	if o.lint {
		linter, err := lint.New()
		if err != nil {
			return nil, err
		}
		in.Lint = linter.Leaf
	}
	var err error
	if o.password != "" {
		if in.Password, err = config.ReadSecret(o.password); err != nil {
			return nil, usage("--password-file: %s", err)
		}
	}
	if len(o.names) > 0 {
		if in.Names, err = cert.ParseNames(o.names); err != nil {
			return nil, usage("--names: %s", err)
		}
	}
	survey, err := app.NewSurvey(in)
	if err != nil {
		return nil, usage("%s", err)
	}
	return survey, nil
}

// scannedPlaces reads arguments and lists; all complaints come at once.
func (c *cli) scannedPlaces(s *app.Survey, args []string, o scanFlags) (asks []app.Ask, paths []string, err error) {
	d, errs := o.defaults()
	for _, a := range args {
		if _, err := netip.ParsePrefix(a); err != nil && isPath(a) {
			paths = append(paths, a)
			continue
		}
		host := hostOf(a)
		if host == "" {
			host = a
		}
		more, err := s.Parse(host, d)
		errs, asks = append(errs, err), append(asks, more...)
	}
	for _, name := range o.lists {
		more, err := c.readList(s, name, d)
		errs, asks = append(errs, err), append(asks, more...)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, usage("%s", err)
	}
	return asks, paths, nil
}

func (c *cli) readList(s *app.Survey, name string, d app.Defaults) ([]app.Ask, error) {
	if name == "-" {
		return s.ReadList("input", c.in, d)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("--list: %w", err)
	}
	defer f.Close()
	return s.ReadList(name, f, d)
}

// defaults are what the flags say for places that do not say it themselves.
func (o scanFlags) defaults() (d app.Defaults, errs []error) {
	var err error
	d.Networks, d.MostAddresses = o.networks, o.most
	if len(o.ports) > 0 {
		d.Ports, err = app.ParsePorts(strings.Join(o.ports, ","))
		errs = append(errs, err)
	}
	if o.sni != "" {
		d.SNI, err = cert.ParseName(o.sni)
		errs = append(errs, err)
	}
	if o.starttls != "" {
		d.StartTLS, err = cert.ParseStartTLS(o.starttls)
		errs = append(errs, err)
	}
	if len(o.names) > 0 {
		d.Names, err = cert.ParseNames(o.names)
		errs = append(errs, err)
	}
	for _, code := range o.codes {
		if !slices.ContainsFunc(cert.Findings, func(f cert.Finding) bool { return string(f.Code) == code }) {
			errs = append(errs, fmt.Errorf("--code: %q is no code of a finding; docs/inspect.md lists them", code))
		}
	}
	return d, errs
}

// isPath: an argument names a file or a folder, that is here or not.
func isPath(arg string) bool {
	if hostOf(arg) == "" {
		return !strings.HasSuffix(arg, "]") && !networkWithPort(arg)
	}
	info, err := os.Stat(arg)
	return err == nil && info.IsDir()
}

func networkWithPort(arg string) bool {
	i := strings.LastIndexByte(arg, ':')
	if i < 0 {
		return false
	}
	_, err := netip.ParsePrefix(strings.Trim(arg[:i], "[]"))
	return err == nil
}
