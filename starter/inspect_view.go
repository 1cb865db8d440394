package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// inspectView is the JSON of inspect; its names are a contract with scripts.
type inspectView struct {
	Argument string         `json:"argument"`
	Kind     string         `json:"kind"` // host or file
	ExitCode int            `json:"exitCode"`
	Error    string         `json:"error,omitempty"` // why nothing could be read
	NotAfter time.Time      `json:"notAfter,omitzero"`
	DaysLeft *int           `json:"daysLeft,omitempty"` // of what ends first
	Subjects []subjectView  `json:"subjects"`
	Findings []cert.Finding `json:"findings"` // between the subjects
	Watched  []foreseenView `json:"ifWatched"`
	Renewed  []foreseenView `json:"ifRenewed"`
	Enroll   string         `json:"enroll,omitempty"` // what to type
}

type subjectView struct {
	Where    []string       `json:"where"`
	Format   string         `json:"format,omitempty"`
	Names    []string       `json:"names"`
	DaysLeft int            `json:"daysLeft"`
	Chain    []linkView     `json:"chain"`
	Findings []cert.Finding `json:"findings"`
}

type linkView struct {
	cert.Link
	DaysLeft int `json:"daysLeft"`
}

func (c *cli) inspectView(l *looked) inspectView {
	v := inspectView{
		Argument: l.arg, Kind: "host", ExitCode: l.verdict(), Findings: l.found.Findings,
		Subjects: []subjectView{}, Watched: []foreseenView{}, Renewed: []foreseenView{},
	}
	if l.file {
		v.Kind = "file"
	}
	if v.Findings == nil {
		v.Findings = []cert.Finding{}
	}
	if l.err != nil {
		v.Error = l.err.Error()
		return v
	}
	for _, s := range l.found.Subjects {
		v.Subjects = append(v.Subjects, c.subjectView(s))
	}
	if first, ok := l.found.First(); ok {
		days := cert.DaysLeft(c.now(), first.NotAfter)
		v.NotAfter, v.DaysLeft = first.NotAfter, &days
		v.Watched, v.Renewed = c.comingYear(l, first)
		v.Enroll = enrollLine(l, first)
	}
	return v
}

func (c *cli) subjectView(s app.Subject) subjectView {
	v := subjectView{Where: s.Where, Format: s.Format, Names: s.Version.Names, DaysLeft: cert.DaysLeft(c.now(), s.Version.NotAfter), Findings: s.Findings}
	if v.Names == nil {
		v.Names = []string{}
	}
	if v.Findings == nil {
		v.Findings = []cert.Finding{}
	}
	for _, link := range s.Chain {
		v.Chain = append(v.Chain, linkView{link, cert.DaysLeft(c.now(), link.NotAfter)})
	}
	return v
}

// enrollLine is what to type next; words in capitals are to be filled in.
func enrollLine(l *looked, first cert.Version) string {
	place, name := "HOST", ""
	switch {
	case !l.file:
		bare := l.endpoint
		bare.ServerName = ""
		place = strings.TrimSuffix(bare.String(), ":443")
		if sni := l.endpoint.ServerName; sni != "" && sni != l.endpoint.Host {
			place, name = "'"+place+"#"+sni+"'", sni
		} else if cert.ValidateName(l.endpoint.Host) != nil {
			name = "NAME"
		}
	default:
		for _, n := range first.Names {
			if p, err := cert.ParseName(n); err == nil && cert.ValidateName(p) == nil {
				place = p
				break
			}
		}
	}
	line := "neverlapse enroll " + place
	if name != "" {
		line += " --cert-name " + name
	}
	if len(l.names) > 0 {
		line += " --domains " + strings.Join(l.names, ",")
	}
	return line + " --owner PERSON --team TEAM"
}

// inspected shows everything, and ends with the exit code that it comes to.
func (c *cli) inspected(all []*looked) error {
	code := exitOK
	var views []inspectView
	var sums []string
	for _, l := range all {
		v := c.inspectView(l)
		views = append(views, v)
		if code = max(code, v.ExitCode); v.ExitCode != exitOK {
			sums = append(sums, l.sum())
		}
	}
	if !c.text() {
		if err := results(c, views); err != nil {
			return err
		}
	} else if err := c.printInspections(views); err != nil {
		return err
	}
	if code == exitOK {
		return nil
	}
	return problem{code, strings.Join(sums, "\n")}
}

// sum says in one line what is wrong.
func (l *looked) sum() string {
	if l.err != nil {
		return alert.Clean(l.err.Error())
	}
	counts := map[cert.Gravity]int{}
	for _, f := range l.found.All() {
		counts[f.Severity]++
	}
	return alert.Clean(l.arg) + ": " + numbered(counts[cert.Error], "error") + ", " + numbered(counts[cert.Warning], "warning")
}

func numbered(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
