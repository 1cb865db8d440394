package alert

import (
	"fmt"
	"strconv"
	"strings"
)

// incidentMark begins the keys of incidents in other systems.
const incidentMark = "neverlapse/"

// Incident is the key by which another system, which keeps incidents of its own,
// knows one firing of an alert: it is the same for all steps of an escalation,
// and another one when the alert fires anew, for an incident that is closed or
// acknowledged there would ring nobody again. At most 255 bytes.
func Incident(alertID string, round int) string {
	return incidentMark + alertID + "@" + strconv.Itoa(round)
}

// ParseIncident reads such a key, which comes back over the network. The
// standing of the reference is the round.
func ParseIncident(key string) (Ref, error) {
	rest, ours := strings.CutPrefix(key, incidentMark)
	id, round, dated := strings.Cut(rest, "@")
	name, _, _ := strings.Cut(id, "/")
	if _, err := strconv.Atoi(round); !ours || !dated || err != nil {
		return Ref{}, fmt.Errorf("%q is not the key of an incident of ours", Clean(key))
	}
	encoded, err := Ref{Certificate: name, AlertID: id, Standing: round}.Encode()
	if err != nil {
		return Ref{}, err
	}
	return ParseRef(encoded)
}
