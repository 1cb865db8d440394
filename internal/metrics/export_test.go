package metrics

import (
	"slices"
	"strings"
)

// SDKInstruments gives the type of every instrument of the SDK that has a meaning here.
func SDKInstruments() map[string]string {
	out := map[string]string{}
	for name := range sdkHelp {
		switch {
		case slices.Contains(sdkGauges, name):
			out[name] = "gauge"
		case strings.HasSuffix(name, "_latency"):
			out[name] = "histogram"
		default:
			out[name] = "counter"
		}
	}
	return out
}
