package app

import (
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/config"
)

func TestACanaryIsRenewedDailyAgainstStagingAndNoMoreThanEverySecondDayWhereCertificatesAreTrusted(t *testing.T) {
	day := 24 * time.Hour
	for _, tc := range []struct {
		directory string
		every     time.Duration
		staging   bool
		refused   string
	}{
		{"letsencrypt-staging", day, false, ""},
		{"https://acme-staging-v02.api.letsencrypt.org/directory", time.Hour, false, ""},
		{"letsencrypt", 2 * day, false, ""},
		{"letsencrypt", day, false, "canary.every: 1d is too often for CA le"},
		{"https://acme-v02.api.letsencrypt.org/directory", 47 * time.Hour, true, "canary.staging: https://acme-v02.api.letsencrypt.org/directory is a directory whose certificates are trusted"},
		{"zerossl", day, true, "canary.staging: "},
		{"https://ca.corp.example/acme", day, false, "say canary.staging: true"},
		{"https://ca.corp.example/acme", day, true, ""},
		{"https://ca.corp.example/acme", 2 * day, false, ""},
	} {
		c := config.Config{CAs: []config.Adapter{{Name: "le", Kind: "acme", Options: map[string]any{"directory": tc.directory}}}, Canary: config.Canary{CA: "le", Every: tc.every, Staging: tc.staging}}
		err := canaryFits(c)
		if tc.refused == "" && err != nil || tc.refused != "" && (err == nil || !strings.Contains(err.Error(), tc.refused)) {
			t.Errorf("%+v: got %v", tc, err)
		}
	}
}
