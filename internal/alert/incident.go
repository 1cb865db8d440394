package alert

import (
	"fmt"
	"strings"
)

// incidentMark begins the keys of incidents in other systems.
const incidentMark = "neverlapse/"

// Incident is the key by which another system, which keeps incidents of its own,
// knows one standing of an alert: it is the same for all steps of an escalation,
// and another one once somebody answered or the alert grew more urgent, for a
// closed or acknowledged incident would ring nobody again. At most 255 bytes.
func (r Ref) Incident() string { return incidentMark + r.AlertID + "@" + r.Standing }

// ParseIncident reads such a key, which comes back over the network.
func ParseIncident(key string) (Ref, error) {
	rest, ours := strings.CutPrefix(key, incidentMark)
	id, standing, dated := strings.Cut(rest, "@")
	name, _, _ := strings.Cut(id, "/")
	if !ours || !dated {
		return Ref{}, fmt.Errorf("%q is not the key of an incident of ours", Clean(key))
	}
	encoded, err := Ref{Certificate: name, AlertID: id, Standing: Clean(standing)}.Encode()
	if err != nil {
		return Ref{}, err
	}
	return ParseRef(encoded)
}
