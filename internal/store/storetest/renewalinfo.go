package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

func renewalInfo(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	_, err := s.RenewalInfo(ctx, "www")
	wantKind(t, "RenewalInfo of what has none", err, fault.NotFound)
	info := cert.RenewalInfo{Fingerprint: cert.Fingerprint(strings.Repeat("a", 64)), AskAt: start}
	for _, w := range []cert.Window{{}, {Start: start, End: start.Add(time.Hour), Explanation: "https://ca.test/why"}} {
		info.Window = w
		must(t, s.PutRenewalInfo(ctx, "www", info))
		got, err := b.Open(t).RenewalInfo(ctx, "www")
		must(t, err)
		if diff := cmp.Diff(info, got); diff != "" {
			t.Errorf("read back (-written +read):\n%s", diff)
		}
	}
	info.Fingerprint = "../x"
	wantKind(t, "advice about no fingerprint", s.PutRenewalInfo(ctx, "www", info), fault.Invalid)
	_, err = s.RenewalInfo(ctx, "../www")
	wantKind(t, "RenewalInfo of a name that leaves the store", err, fault.Invalid)
}
