package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/metrics"
)

func certificates(n int) (out []metrics.Certificate) {
	for i := range n {
		out = append(out, metrics.Certificate{Name: fmt.Sprintf("c%03d", i), State: "healthy", NotAfter: epoch.Add(time.Duration(i) * time.Hour)})
	}
	return out
}

func TestACertificateIsToldAlsoAfterItsEnd(t *testing.T) {
	d := newDesk(t)
	d.Watch(metrics.Sources{Every: time.Minute, Most: 10, Fleet: func(context.Context) ([]metrics.Certificate, error) {
		return []metrics.Certificate{{Name: "gone", State: "firing", Severity: "P1", Managed: true, Owner: "minji", NotBefore: epoch.Add(-90 * 24 * time.Hour), NotAfter: epoch.Add(-24 * time.Hour)}, {Name: "unseen"}}, nil
	}})
	d.wants(
		fmt.Sprintf(`neverlapse_certificate_not_after_timestamp_seconds{certificate="gone"} %v`, float64(epoch.Add(-24*time.Hour).Unix())),
		`neverlapse_certificate_state{certificate="gone",severity="P1",state="firing"} 1`,
		`neverlapse_certificate_info{certificate="gone",environment="",issuer="",key_algorithm="",mode="managed",owner="minji",team=""} 1`,
		`neverlapse_certificate_state{certificate="unseen",severity="none",state="new"} 1`,
	)
	d.wantsNone(`neverlapse_certificate_not_after_timestamp_seconds{certificate="unseen"}`)
}

func TestHoweverManyScrapeTheEngineIsAskedOnceInAWhile(t *testing.T) {
	d := newDesk(t)
	asked := 0
	d.Watch(metrics.Sources{Every: 30 * time.Second, Most: 10, Fleet: func(context.Context) ([]metrics.Certificate, error) {
		asked++
		return certificates(1), nil
	}})
	for range 20 {
		d.page()
		d.now = d.now.Add(time.Second)
	}
	if asked != 1 {
		t.Errorf("asked %d times in 20 s", asked)
	}
	d.now = d.now.Add(11 * time.Second)
	if d.page(); asked != 2 {
		t.Errorf("asked %d times after 31 s", asked)
	}
}

func TestWhatWasKnownIsToldWhileTheEngineIsAwayAndThatItIs(t *testing.T) {
	d := newDesk(t)
	var away error
	d.Watch(metrics.Sources{Every: time.Second, Most: 10, Fleet: func(context.Context) ([]metrics.Certificate, error) { return certificates(1), away }})
	d.wants(`neverlapse_source_up{source="fleet"} 1`, `neverlapse_certificates{severity="none",state="healthy"} 1`)
	away, d.now = errors.New("connection refused"), d.now.Add(time.Minute)
	d.wants(`neverlapse_source_up{source="fleet"} 0`, `neverlapse_certificates{severity="none",state="healthy"} 1`)
	d.wants(fmt.Sprintf(`neverlapse_source_answered_timestamp_seconds{source="fleet"} %v`, float64(epoch.Unix())))
}

func TestAFleetPastTheBoundTellsTheFirstToExpireAndCountsTheRest(t *testing.T) {
	d := newDesk(t)
	d.Watch(metrics.Sources{Every: time.Second, Most: 5, Fleet: func(context.Context) ([]metrics.Certificate, error) { return certificates(100), nil }})
	page := d.page()
	if n := strings.Count(page, "neverlapse_certificate_not_after_timestamp_seconds{"); n != 5 {
		t.Errorf("%d certificates are told one by one", n)
	}
	d.wants(`neverlapse_certificates_omitted 95`, `neverlapse_certificates{severity="none",state="healthy"} 100`, `neverlapse_certificate_state{certificate="c004",severity="none",state="healthy"} 1`)
}

func TestHostileNamesNeitherForgeNorSpoilThePage(t *testing.T) {
	d := newDesk(t)
	long := strings.Repeat("a", 300)
	fleet := []metrics.Certificate{
		{Name: "a\"} 1\nneverlapse_forged 1", NotAfter: epoch}, {Name: "\xff\xfe", NotAfter: epoch}, {Name: "\xff\xfd", NotAfter: epoch},
		{Name: long + "1", NotAfter: epoch}, {Name: long + "2", NotAfter: epoch}, {Name: "twice", NotAfter: epoch}, {Name: "twice", NotAfter: epoch},
		{Name: "x", Owner: "\x1b[31m\u202e", Issuer: long, NotAfter: epoch},
	}
	d.Watch(metrics.Sources{Every: time.Second, Most: 100, Fleet: func(context.Context) ([]metrics.Certificate, error) { return fleet, nil }})
	page := d.page()
	if n := strings.Count(page, "neverlapse_certificate_not_after_timestamp_seconds{"); n != 7 {
		t.Errorf("%d certificates are told, want 7:\n%s", n, grep(page, "not_after"))
	}
	d.wantsNone("\nneverlapse_forged", "\x1b", "\u202e", long)
}

func TestEverySourceIsTold(t *testing.T) {
	d := newDesk(t)
	d.Watch(everySource())
	d.wants(
		`neverlapse_ca_budget_left{ca="le",limit="domain"} 2`, `neverlapse_ca_waiting_renewals{ca="le"} 5`, `neverlapse_ca_outage{ca="le"} 1`,
		`neverlapse_task_queue_backlog{queue="neverlapse",type="workflow"} 7`, `neverlapse_task_queue_backlog_age_seconds{queue="neverlapse",type="workflow"} 90`,
		`neverlapse_task_queue_pollers{queue="neverlapse",type="workflow"} 2`,
		`neverlapse_dead_letters 4`, `neverlapse_broken_addresses 1`, `neverlapse_channel_failing{channel="slack"} 1`,
		`neverlapse_folder_bytes{folder="store"} 1000`, `neverlapse_disk_free_bytes{folder="store"} 2000`, `neverlapse_disk_size_bytes{folder="store"} 3000`,
		`neverlapse_scan_interval_seconds{inventory="dc"} 86400`, `neverlapse_scan_places{inventory="dc"} 40`, `neverlapse_scan_places_troubled{inventory="dc"} 3`,
		`neverlapse_store_key_up{service="hashivault"} 0`,
		`neverlapse_config_refused 1`, `neverlapse_config_restart_sections 2`,
		`neverlapse_build_info{go_version="go1.26",version="v1.2.3"} 1`,
	)
}

// everySource has something to say about everything.
func everySource() metrics.Sources {
	return metrics.Sources{
		Every: time.Second, Most: 10,
		Fleet: func(context.Context) ([]metrics.Certificate, error) { return certificates(2), nil },
		Accounts: func(context.Context) ([]metrics.Account, error) {
			return []metrics.Account{{CA: "le", Left: map[string]int{"domain": 9}, Waiting: 2}, {CA: "le", Left: map[string]int{"domain": 2}, Waiting: 3, Outage: true, BlockedUntil: epoch}}, nil
		},
		Queues: func(context.Context) ([]metrics.Queue, error) {
			return []metrics.Queue{{Name: "neverlapse", Type: "workflow", Backlog: 7, Age: 90 * time.Second, Pollers: 2}}, nil
		},
		Mail: func(context.Context) (metrics.Mail, error) {
			return metrics.Mail{Unseen: 4, Broken: 1, Failing: map[string]bool{"slack": true}}, nil
		},
		Disk: func(context.Context) ([]metrics.Disk, error) {
			return []metrics.Disk{{Name: "store", Bytes: 1000, Free: 2000, Size: 3000}}, nil
		},
		Scans: func(context.Context) ([]metrics.Scan, error) {
			return []metrics.Scan{{Source: "dc", Completed: epoch, Interval: 24 * time.Hour, Places: 40, Troubled: 3}}, nil
		},
		StoreKey:      func(context.Context) (metrics.StoreKey, error) { return metrics.StoreKey{Service: "hashivault"}, nil },
		Configuration: func() metrics.Configuration { return metrics.Configuration{Refused: true, Restart: 2, Since: epoch} },
	}
}
