package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/workflows"
)

// selectable are the keys of a selector; the index knows all but ca.
var selectable = []string{"owner", "team", "environment", "issuer", "keyAlgorithm", "ca"}

// chosen is one certificate that a selector found.
type chosen struct {
	name    string
	version cert.Version
	served  bool
}

func (c *cli) revokeMany(ctx context.Context, in io.Reader, r revocation) error {
	query, ca, err := selection(r.selectors)
	if err != nil {
		return err
	}
	found, err := c.choose(ctx, query, ca, r.version)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return problem{exitNotFound, "no managed certificate with a " + r.version + " version matches " + strings.Join(r.selectors, ", ")}
	}
	c.listChosen(found, r)
	if r.dry {
		return c.onlyShown(found, r)
	}
	if err := c.confirm(in, len(found), r.yes); err != nil {
		return err
	}
	var all []revokeView
	var refused []error
	for _, x := range found {
		v, err := c.askRevoke(ctx, revokeView{Name: x.name, Fingerprint: x.version.Fingerprint}, r)
		if err != nil {
			v.Text = "refused: " + c.explain(err).text
			refused = append(refused, err)
		}
		all = append(all, v)
	}
	if err := c.revokedAll(all); err != nil || len(refused) == 0 {
		return err
	}
	return problem{exitRefused, fmt.Sprintf("%d of %d were refused: %v", len(refused), len(found), errors.Join(refused...))}
}

// selection is the selector in the language of the index, and the CA, which it does not know.
func selection(selectors []string) (query, ca string, err error) {
	out := []string{filter{}.query()}
	for _, s := range selectors {
		key, value, ok := strings.Cut(s, "=")
		switch {
		case !ok || !slices.Contains(selectable, key):
			return "", "", usage("--selector: %q is not KEY=VALUE with one of %s", s, strings.Join(selectable, ", "))
		case value == "" || alert.Clean(value) != value:
			return "", "", usage("--selector: %s: %q is not a name", key, value)
		case key == "ca" && ca != "" && ca != value:
			return "", "", usage("--selector: nothing is issued by %s and by %s", ca, value)
		case key == "ca":
			ca = value
		default:
			out = append(out, fmt.Sprintf("`%s` = %s", key, quoted([]string{value})[0]))
		}
	}
	return strings.Join(out, " AND "), ca, nil
}

// choose finds the certificates and asks each for what it has.
func (c *cli) choose(ctx context.Context, query, ca, version string) ([]chosen, error) {
	rows, err := c.rows(ctx, query)
	if err != nil {
		return nil, err
	}
	var out []chosen
	for _, r := range rows {
		if !r.Managed {
			continue
		}
		s, err := c.ask(ctx, r.Name)
		if err != nil {
			return nil, err
		}
		v := s.State.Live
		if version == "previous" {
			v = s.State.Previous
		}
		if v.Fingerprint == "" || s.State.Revoked(v.Fingerprint) != nil || ca != "" && issuedBy(v, s) != ca {
			continue
		}
		out = append(out, chosen{r.Name, v, serves(s, v.Fingerprint)})
	}
	slices.SortFunc(out, func(a, b chosen) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

func issuedBy(v cert.Version, s workflows.Status) string {
	if v.CA != "" {
		return v.CA
	}
	return s.State.Spec.CA
}

func serves(s workflows.Status, f cert.Fingerprint) bool {
	return slices.ContainsFunc(s.State.Sight.Observations, func(o cert.Observation) bool { return o.Seen() && o.Version.Fingerprint == f })
}

func (c *cli) listChosen(found []chosen, r revocation) {
	if !c.text() {
		return
	}
	t := table{head: []string{"NAME", "VERSION", "ISSUER", "KEY", "EXPIRES", "SERVED"}}
	for _, x := range found {
		served := "no"
		if x.served {
			served = "yes"
		}
		t.add(clean(x.name, 0), short(x.version.Fingerprint), dash(x.version.Issuer), dash(x.version.KeyAlgorithm), c.when(x.version.NotAfter), served)
	}
	_ = t.write(c.out, "", c.paint)
	how := "revoked"
	if r.reissue && !r.now {
		how = "replaced first and then revoked"
	}
	c.say("\n%d to be %s, reason %s.", len(found), how, r.reason)
}

func (c *cli) onlyShown(found []chosen, r revocation) error {
	if c.text() {
		c.say("Nothing was asked for (--dry-run).")
		return nil
	}
	var all []revokeView
	for _, x := range found {
		all = append(all, revokeView{Name: x.name, Fingerprint: x.version.Fingerprint, Text: "would be revoked (" + r.reason + ")"})
	}
	return results(c, all)
}

// confirm has a human type the number: a revocation cannot be taken back.
func (c *cli) confirm(in io.Reader, n int, yes bool) error {
	if yes {
		return nil
	}
	fmt.Fprintf(c.errs, "A revocation cannot be taken back. Type %d to revoke %d certificates: ", n, n)
	line, _ := bufio.NewReader(in).ReadString('\n')
	if strings.TrimSpace(line) != fmt.Sprint(n) {
		return problem{exitRefused, "not confirmed: nothing was asked for (without a terminal, --yes confirms)"}
	}
	return nil
}
