package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// scanView is the JSON of scan; its names are a contract with scripts. With
// jsonl each certificate, each place that could not be read, and the summary is
// a line; kind tells them apart.
type scanView struct {
	Certificates []recordView `json:"certificates"`
	Unread       []unreadView `json:"unread"`
	Summary      summaryView  `json:"summary"`
}

type recordView struct {
	Kind         string           `json:"kind"` // certificate
	Fingerprint  cert.Fingerprint `json:"fingerprint"`
	Subject      string           `json:"subject"`
	Names        []string         `json:"names"`
	Issuer       string           `json:"issuer"`
	Serial       string           `json:"serial"`
	NotBefore    time.Time        `json:"notBefore"`
	NotAfter     time.Time        `json:"notAfter"`
	DaysLeft     int              `json:"daysLeft"`
	KeyAlgorithm string           `json:"keyAlgorithm"`
	Severity     cert.Gravity     `json:"severity,omitempty"` // of the worst finding, at whatever place
	Findings     []cert.Finding   `json:"findings"`           // at every place
	Places       []scannedPlace   `json:"places"`
	Chain        []*cert.Link     `json:"chain"` // as at the first place
}

type scannedPlace struct {
	app.Place
	Findings []cert.Finding `json:"findings"` // here, beside those of the certificate
}

type unreadView struct {
	Kind string `json:"kind"` // unread
	app.Place
	Findings []cert.Finding `json:"findings"`
}

type summaryView struct {
	Kind         string    `json:"kind"` // summary
	At           time.Time `json:"at"`
	Took         float64   `json:"seconds"`
	ExitCode     int       `json:"exitCode"`
	Endpoints    int       `json:"endpoints"` // that were asked
	Silent       int       `json:"silent"`    // addresses of networks at which nothing answered
	Files        int       `json:"files"`     // that were met
	Unchanged    int       `json:"unchanged"` // of these, known from the cache
	Passed       int       `json:"passed"`    // of these, no certificates by name and first bytes
	Certificates int       `json:"certificates"`
	Places       int       `json:"places"`
	Unread       int       `json:"unread"`
	Hidden       int       `json:"hidden"` // certificates that the filters leave out
}

// scanReport is what is shown; records are turned into views one by one.
type scanReport struct {
	records []app.Record
	unread  []app.Sighting
	summary summaryView
}

// report applies the filters and says what it comes to.
func (c *cli) report(found app.Surveyed, o scanFlags) *scanReport {
	r := &scanReport{unread: found.Unread}
	now := c.now()
	r.summary = summaryView{
		Kind: "summary", At: now.UTC(), Endpoints: found.Endpoints, Silent: found.Silent, Files: found.Files.Files,
		Unchanged: found.Files.Unchanged, Passed: found.Files.Passed, Certificates: len(found.Records), Unread: len(found.Unread),
	}
	r.records = found.Records[:0]
	for _, x := range found.Records {
		r.summary.Places += len(x.Places)
		if o.within.value > 0 {
			x.Findings = o.ending(x, now)
		}
		if !o.shows(x, now) {
			r.summary.Hidden++
			continue
		}
		r.records = append(r.records, x)
		r.summary.ExitCode = max(r.summary.ExitCode, o.verdict(x.All()))
	}
	if len(r.unread) > 0 && o.failOn.value != never {
		r.summary.ExitCode = max(r.summary.ExitCode, exitUnreachable)
	}
	return r
}

// ending puts what the user asked for in place of the default policy's word.
func (o scanFlags) ending(x app.Record, now time.Time) []cert.Finding {
	out := slices.DeleteFunc(slices.Clone(x.Findings), func(f cert.Finding) bool { return f.Code == cert.Expiring })
	left := x.Version.NotAfter.Sub(now)
	if left > 0 && left <= o.within.value {
		what := fmt.Sprintf("%s, which is within %s", cert.LeftUntil(now, x.Version.NotAfter), o.within.String())
		out = append([]cert.Finding{cert.Find(cert.Expiring, what)}, out...)
	}
	return out
}

// shows reports whether the filters let a record through.
func (o scanFlags) shows(x app.Record, now time.Time) bool {
	all := x.All()
	if o.within.value > 0 && x.Version.NotAfter.Sub(now) > o.within.value {
		return false
	}
	if o.severity.value != "" && !asBad(cert.Worst(all), o.severity.value) {
		return false
	}
	return len(o.codes) == 0 || slices.ContainsFunc(all, func(f cert.Finding) bool { return slices.Contains(o.codes, string(f.Code)) })
}

// grave orders gravities, the worst first.
var grave = []cert.Gravity{cert.Error, cert.Warning, cert.Note}

func asBad(g cert.Gravity, as string) bool {
	i := slices.Index(grave, g)
	return i >= 0 && i <= slices.Index(grave, cert.Gravity(as))
}

// verdict is the exit code of one certificate.
func (o scanFlags) verdict(all []cert.Finding) int {
	code := exitOK
	for _, f := range all {
		switch {
		case o.failOn.value == never || !asBad(f.Severity, o.failOn.value):
		case f.Code == cert.Expired || f.Code == cert.Expiring:
			return exitExpiring
		default:
			code = exitTrouble
		}
	}
	return code
}

// verdict is the error with which the command ends.
func (r *scanReport) verdict() error {
	if r.summary.ExitCode == exitOK {
		return nil
	}
	bad := 0
	for _, x := range r.records {
		if w := cert.Worst(x.All()); w == cert.Error || w == cert.Warning {
			bad++
		}
	}
	return problem{r.summary.ExitCode, fmt.Sprintf("%s with errors or warnings, %s that could not be read", numbered(bad, "certificate"), numbered(len(r.unread), "place"))}
}

func (c *cli) recordView(x app.Record) recordView {
	v := recordView{
		Kind: "certificate", Fingerprint: x.Version.Fingerprint, Names: listed(x.Version.Names), Issuer: x.Version.Issuer, Serial: x.Version.Serial,
		NotBefore: x.Version.NotBefore, NotAfter: x.Version.NotAfter, DaysLeft: cert.DaysLeft(c.now(), x.Version.NotAfter),
		KeyAlgorithm: x.Version.KeyAlgorithm, Severity: cert.Worst(x.All()), Findings: listed(x.Findings), Chain: listed(x.Chain),
	}
	if len(x.Chain) > 0 {
		v.Subject = x.Chain[0].Subject
	}
	for _, p := range x.Places {
		v.Places = append(v.Places, scannedPlace{p.Place, listed(p.Findings)})
	}
	return v
}

func unreadOf(s app.Sighting) unreadView { return unreadView{"unread", s.Place, listed(s.Findings)} }

// listed is a list that is never null in JSON.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
