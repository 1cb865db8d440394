package estate

import (
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Ask is a question for certificates and their places. Empty fields match everything.
type Ask struct {
	Of        string `json:"of,omitempty"`        // an enrolled name, a key or its beginning, a place, a DNS name
	Host      string `json:"host,omitempty"`      // of a place: as the source calls it, or a name within the place
	Team      string `json:"team,omitempty"`      // of the enrolled certificate, else as a place says
	CA        string `json:"ca,omitempty"`        // a piece of the issuer's name
	Algorithm string `json:"algorithm,omitempty"` // kind of key, like RSA-2048, or how it begins
}

// Found answers it, as far as one answer can list.
type Found struct {
	Records []Record `json:"records"`
	More    int      `json:"more,omitempty"` // that are not listed
}

// minKey is how many digits of a fingerprint name a certificate.
const minKey = 6

// Called reports whether a text names the record: its key or the beginning of it,
// or one of its places.
func (r Record) Called(text string) bool {
	lower := strings.ToLower(text)
	if len(text) >= minKey && (strings.HasPrefix(string(r.Key), lower) || r.Key.Short() == text || string(r.Key) == text) {
		return true
	}
	return slices.ContainsFunc(r.Places, func(p Sighting) bool { return p.Name == text })
}

// Among gives the records that answer, each with those of its places that do.
// teamOf says which team an owner and a team stand for.
func (q Ask) Among(records []Record, enrolled []Enrolled, teamOf func(owner, team string) string) (out []Record) {
	known := newRegister(enrolled)
	for _, r := range records {
		v := r.Version
		switch {
		case q.CA != "" && !holds(v.Issuer, q.CA):
			continue
		case q.Algorithm != "" && !strings.HasPrefix(strings.ToLower(v.KeyAlgorithm), strings.ToLower(q.Algorithm)):
			continue
		case q.Of != "" && r.Of != q.Of && !r.Called(q.Of) && len(cert.Covers(v.Names, []string{q.Of})) > 0:
			continue
		}
		r.Places = slices.DeleteFunc(slices.Clone(r.Places), func(p Sighting) bool {
			return q.Host != "" && !p.on(q.Host) || q.Team != "" && !p.team(q.Team, known, r.Of, teamOf)
		})
		if len(r.Places) > 0 {
			out = append(out, r)
		}
	}
	return out
}

func holds(text, piece string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(piece))
}

// on reports whether the place is on a host.
func (p Sighting) on(host string) bool {
	return strings.EqualFold(p.Host, host) || strings.EqualFold(p.Endpoint.Host, host) || strings.EqualFold(p.Endpoint.ServerName, host) || p.Endpoint.String() == host
}

// team reports whether the place belongs to a team.
func (p Sighting) team(team string, known register, of string, teamOf func(owner, team string) string) bool {
	if e := known.name[of]; e != nil {
		return teamOf(e.Owner, e.Team) == team
	}
	return p.Team == team || p.Owner == team
}
