package page

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// perPage is how many certificates of the rest one page lists.
const perPage = 50

// rest is the list below: what needs nobody, or all that a filter finds.
type rest struct {
	Title, None string
	Filter      filter
	Filtered    bool
	Rows        []Row
	N           int
	Pages       pages

	Owners, Teams []string
	States        []count
}

// filter is what the reader looks for; every word counts that is given.
type filter struct{ Text, Owner, Team, State string }

// pages lead through a long list.
type pages struct {
	Page, Of       int
	Before, Behind string // query of the page before and of the one behind; empty if there is none
	Label          string
}

func restOf(r reader, s snapshot, query url.Values) rest {
	cut := func(key string) string {
		v := strings.TrimSpace(query.Get(key))
		return v[:min(len(v), 200)]
	}
	f := filter{cut("q"), cut("owner"), cut("team"), cut("state")}
	out := rest{Filter: f, Filtered: f != filter{}, Title: r.T("rest.title"), None: r.T("rest.empty")}
	var found []Row
	for _, row := range s.Rows {
		if out.Filtered && f.matches(row) || !out.Filtered && row.Severity == "" {
			found = append(found, row)
		}
	}
	if out.Filtered {
		out.Title, out.None = r.T("rest.found"), r.T("rest.none")
	}
	out.N = len(found)
	from, to := 0, 0
	out.Pages, from, to = paged(r, "rest.page", query, len(found), perPage)
	out.Rows = found[from:to]
	out.Owners = distinct(s.Rows, func(r Row) string { return r.Owner })
	out.Teams = distinct(s.Rows, func(r Row) string { return r.Team })
	for _, state := range []string{
		lifecycle.StateNew, lifecycle.StateHealthy, lifecycle.StateWaiting, lifecycle.StateRenewing, lifecycle.StateFiring, lifecycle.StateAcknowledged,
		lifecycle.StatePaused, lifecycle.StateSpent,
	} {
		out.States = append(out.States, count{State: state, Word: r.State(state)})
	}
	return out
}

func (f filter) matches(r Row) bool {
	text := strings.ToLower(f.Text)
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	return (text == "" || has(r.Name) || has(r.Issuer) || slices.ContainsFunc(r.Names, has) || slices.ContainsFunc(r.Hosts, has)) &&
		(f.Owner == "" || f.Owner == r.Owner) && (f.Team == "" || f.Team == r.Team) && (f.State == "" || f.State == r.State)
}

func distinct(rows []Row, of func(Row) string) []string {
	seen := map[string]bool{}
	var out []string
	for _, r := range rows {
		if v := of(r); v != "" && !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}

// turn is what leads through the pages of a list, with the words for it.
type turn struct {
	P                  pages
	Prev, Next, Anchor string
}

// Turn leads through the rest.
func (x rest) Turn(r reader) turn {
	return turn{x.Pages, r.T("rest.previous"), r.T("rest.next"), "#rest"}
}

// paged finds the part of a list that the query asks for.
func paged(r reader, label string, query url.Values, n, size int) (p pages, from, to int) {
	p.Of = max(1, (n+size-1)/size)
	p.Page, _ = strconv.Atoi(query.Get("page"))
	p.Page = min(max(p.Page, 1), p.Of)
	at := func(page int) string {
		q := url.Values{}
		for _, key := range []string{"q", "owner", "team", "state"} {
			if v := query.Get(key); v != "" {
				q.Set(key, v)
			}
		}
		q.Set("page", strconv.Itoa(page))
		return "?" + q.Encode()
	}
	if p.Page > 1 {
		p.Before = at(p.Page - 1)
	}
	if p.Page < p.Of {
		p.Behind = at(p.Page + 1)
	}
	p.Label = r.T(label, "n", strconv.Itoa(p.Page), "of", strconv.Itoa(p.Of))
	return p, (p.Page - 1) * size, min(p.Page*size, n)
}
