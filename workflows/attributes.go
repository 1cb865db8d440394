package workflows

import (
	"encoding/json"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// The search attributes. Keywords hold ids, never addresses of people.
var (
	attrState       = temporal.NewSearchAttributeKeyKeyword("state")
	attrSeverity    = temporal.NewSearchAttributeKeyKeyword("severity")
	attrOwner       = temporal.NewSearchAttributeKeyKeyword("owner")
	attrTeam        = temporal.NewSearchAttributeKeyKeyword("team")
	attrEnvironment = temporal.NewSearchAttributeKeyKeyword("environment")
	attrIssuer      = temporal.NewSearchAttributeKeyKeyword("issuer")
	attrFingerprint = temporal.NewSearchAttributeKeyKeyword("fingerprint")
	attrAlgorithm   = temporal.NewSearchAttributeKeyKeyword("keyAlgorithm")
	attrNotAfter    = temporal.NewSearchAttributeKeyTime("notAfter")
	attrNextStep    = temporal.NewSearchAttributeKeyTime("nextStepAt")
	attrNames       = temporal.NewSearchAttributeKeyKeywordList("names")
	attrHosts       = temporal.NewSearchAttributeKeyKeywordList("hosts")
)

// MemoEndpoints is where the index keeps the []cert.Endpoint of a certificate.
const MemoEndpoints = "endpoints"

// MemoKeptKey is where the index keeps whether the key of a certificate stays on its host.
const MemoKeptKey = "keptKey"

// MemoPolicy is where the index keeps the policy that a certificate carries.
const MemoPolicy = "policy"

// Carried is a policy that a certificate carries, and the hash of its content.
type Carried struct {
	Name string `json:"name"`
	Hash string `json:"hash"`
}

// A server refuses what is larger, and an entity whose attributes are refused
// stands still: one keyword in SQL visibility, and one whole attribute
// (frontend.searchAttributesSizeOfValueLimit), less a margin each.
const (
	keywordLimit   = 250
	attributeLimit = 1900
)

// SearchAttributes gives the typed form of what the brain says to search by.
func SearchAttributes(a lifecycle.Attributes) []temporal.SearchAttributeUpdate {
	var out []temporal.SearchAttributeUpdate
	for _, k := range []struct {
		key   temporal.SearchAttributeKeyKeyword
		value string
	}{
		{attrState, a.State}, {attrSeverity, a.Severity}, {attrOwner, a.Owner}, {attrTeam, a.Team},
		{attrEnvironment, a.Environment}, {attrIssuer, a.Issuer}, {attrFingerprint, a.Fingerprint}, {attrAlgorithm, a.KeyAlgorithm},
	} {
		if k.value == "" {
			out = append(out, k.key.ValueUnset())
		} else {
			out = append(out, k.key.ValueSet(cut(k.value, keywordLimit)))
		}
	}
	for _, k := range []struct {
		key   temporal.SearchAttributeKeyTime
		value time.Time
	}{{attrNotAfter, a.NotAfter}, {attrNextStep, a.NextStepAt}} {
		if k.value.IsZero() {
			out = append(out, k.key.ValueUnset())
		} else {
			out = append(out, k.key.ValueSet(k.value))
		}
	}
	return append(out, attrNames.ValueSet(fitting(a.Names)), attrHosts.ValueSet(fitting(a.Hosts)))
}

// fitting gives as many of the first as one attribute holds.
func fitting(in []string) []string {
	out, size := []string{}, len("[]")
	for _, s := range in {
		s = cut(s, keywordLimit)
		if b, err := json.Marshal(s); err == nil {
			size += len(b) + len(",")
		}
		if size > attributeLimit {
			break
		}
		out = append(out, s)
	}
	return out
}

// cut bounds a text to so many bytes.
func cut(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit-len("…")] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
