package page

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// historyPage is how many entries one page of the timeline shows.
const historyPage = 30

// history is the timeline, newest first.
type history struct {
	Entries []recordView
	N       int
	Pages   pages
	Unread  string
	Trouble string
}

// Turn leads through the timeline.
func (h history) Turn(r reader) turn {
	return turn{h.Pages, r.T("history.newer"), r.T("history.older"), "#history"}
}

// recordView is one entry.
type recordView struct {
	At                     time.Time
	Kind, Word, Text       string
	By, Via, Note, Trouble string
}

// troubling are the kinds of entry that tell of something wrong.
var troubling = []string{"told", "undelivered", "refused"}

func (p *Page) history(r *http.Request, rd reader, name string, unread int) history {
	all, err := p.Records.Entries(r.Context(), name)
	h := history{N: len(all)}
	if err != nil {
		p.Log.Warn("page: journal", "certificate", name, "cause", err.Error())
		h.Trouble = rd.T("history.error", "cause", alert.Clean(err.Error()))
	}
	if unread > 0 {
		h.Unread = rd.T("history.unread", "n", strconv.Itoa(unread))
	}
	slices.Reverse(all)
	from, to := 0, 0
	h.Pages, from, to = paged(rd, "history.page", r.URL.Query(), len(all), historyPage)
	for _, e := range all[from:to] {
		h.Entries = append(h.Entries, recordOf(rd, e))
	}
	return h
}

func recordOf(r reader, e cert.Entry) recordView {
	v := recordView{At: e.At, Kind: "other", Word: r.or("record."+e.Kind, "record.other", "kind", alert.Clean(e.Kind)), Text: e.Text, By: e.By, Via: e.Via, Note: e.Note}
	if r.words.Has("record." + e.Kind) {
		v.Kind = e.Kind
	}
	if cause := e.Details["cause"]; cause != "" && slices.Contains(append(troubling, "outcome"), e.Kind) {
		v.Trouble = cause
	}
	return v
}
