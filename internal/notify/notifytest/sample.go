package notifytest

import (
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// Sample is a notice with every fact in it, as a page would carry them.
func Sample() alert.Notice {
	at := time.Date(2026, 11, 25, 1, 30, 0, 0, time.UTC)
	old := cert.Version{
		Fingerprint: "0011223344556677889900112233445566778899001122334455667788990011", Serial: "0a", Issuer: "Sample CA R3",
		NotBefore: at.AddDate(0, 0, -84), NotAfter: at.Add(6*24*time.Hour + 5*time.Hour), Names: []string{"*.example.com", "shop.example.com"},
	}
	return alert.Notice{
		Key: "shop/1", Standing: "1/P1/firing/0", Round: 1, AlertID: alert.ID("shop", old.Fingerprint, alert.AttemptsSpent), Phase: alert.Firing, Severity: alert.P1,
		Reason: alert.AttemptsSpent, Reach: alert.PageAll, Certificate: "shop", Names: old.Names, Managed: true,
		Environment: "production", Owner: "minji", Team: "payments", Version: old, At: at,
		Places: []alert.Place{
			{Where: "web-1.example.com:443", Fingerprint: old.Fingerprint, NotAfter: old.NotAfter},
			{Where: "target web-2", Err: "dial tcp 192.0.2.7:22: i/o timeout"},
		},
		Cause:    "nginx: [emerg] cannot load certificate \"/etc/nginx/shop.pem\"\nnginx: configuration file test failed",
		Tried:    []alert.Try{{At: at.Add(-time.Hour), Outcome: "configuration", Cause: "the web server refuses its configuration"}},
		Next:     alert.NextStep{Kind: "escalate", At: at.Add(15 * time.Minute), Who: string(people.Manager)},
		Commands: []string{"neverlapse history shop", "neverlapse renew shop --now"},
		Actions:  alert.Actions, Link: "https://neverlapse.example.com/certificates/shop?view=all&tab=1",
	}
}

// Message addresses a notice to a person, in a language.
func Message(n alert.Notice, kind, address, language string) alert.Message {
	return alert.Message{
		Notice: n, Channel: "sample-" + kind, Kind: kind, Address: address, DedupKey: n.Key + "/minji/" + kind,
		To: people.Contact{
			ID: "minji", Name: "Kim Minji", Role: people.Owner, Language: language, TimeZone: "Asia/Seoul",
			Address: map[string]string{kind: address},
		},
	}
}
