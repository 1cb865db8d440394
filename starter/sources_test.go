package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/workflows"
)

func found() estate.Record {
	v := cert.Version{Fingerprint: "aaaaaaaaaaaa11111111", Serial: "1", Issuer: "Old\x1b[2J CA", NotAfter: today.Add(240 * time.Hour), Names: []string{"pay.test", "a.test", "b.test"}, KeyAlgorithm: "RSA-1024"}
	place := estate.Place{Name: "endpoint:pay.test:443", Host: "pay.test", Endpoint: cert.Endpoint{Host: "pay.test", Port: 443}, Holds: estate.KeyOf(v), Team: "web", Faults: []estate.Fault{{Code: cert.WeakKey, What: "RSA-1024"}}}
	file := estate.Place{Name: "file:web1:/etc/ssl/pay.pem", Host: "web1", Holds: estate.KeyOf(v)}
	return estate.Record{Key: estate.KeyOf(v), Version: v, Places: []estate.Sighting{{Source: "web", Place: place, Seen: today}, {Source: "disks", Place: file, Seen: today}}}
}

func TestTriageListsWhatNobodyEnrolledWithWhereItIsAndWhoMayOwnIt(t *testing.T) {
	ignored := estate.Stray{Record: found(), State: estate.Ignored, Item: estate.Item{Ignored: &estate.Decision{By: "jun", Until: today.Add(time.Hour), Reason: "goes in spring"}}}
	list := estate.TriageList{Strays: []estate.Stray{{Record: found(), State: estate.Unknown}, ignored}, More: 7}
	f := &fake{answers: map[string]any{"ListTriage": list}}
	code, out, errs := invoke(t, f, nil, "triage", "--all")
	wantCode(t, code, exitOK, errs)
	wantText(t, out, "aaaaaaaaaaaa", "pay.test, a.test +1", "endpoint:pay.test:443 +1", "weak-key", "web?", "new", "ignored until", "by jun: goes in spring")
	wantText(t, errs, "7 more")
	code, out, errs = invoke(t, f, nil, "triage", "-o", "json")
	wantCode(t, code, exitOK, errs)
	var got estate.TriageList
	if err := json.Unmarshal([]byte(out), &got); err != nil || len(got.Strays) != 2 || got.Strays[0].Record.Places[1].Source != "disks" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestWhereTellsEachPlaceAndWhatIsNotAsItShouldBe(t *testing.T) {
	drifted := found()
	drifted.Of = "pay"
	f := &fake{answers: map[string]any{"Where": estate.Found{Records: []estate.Record{drifted, found()}}}}
	code, out, errs := invoke(t, f, nil, "where", "--host", "web1")
	wantCode(t, code, exitOK, errs)
	wantText(t, out, "pay", "file:web1:/etc/ssl/pay.pem", "disks", "RSA-1024", "not what it should be", "nobody enrolled it")
	code, _, errs = invoke(t, f, nil, "where", "a\x1bb")
	wantCode(t, code, exitUsage, errs)
}

func TestADecisionOfTriageSaysWhoAndWhy(t *testing.T) {
	for _, args := range [][]string{{"ignore", "aaaaaaaaaaaa", "--until", "2d"}, {"ignore", "aaaaaaaaaaaa", "--reason", "x"}, {"assign", "aaaaaaaaaaaa"}, {"adopt", "aaaaaaaaaaaa", "--watch", "--manage"}} {
		code, _, errs := invoke(t, &fake{}, nil, append([]string{"triage"}, args...)...)
		wantCode(t, code, exitUsage, errs)
	}
	f := &fake{answers: map[string]any{"Triage": estate.Stray{Record: found(), State: estate.Ignored}}}
	code, out, errs := invoke(t, f, nil, "triage", "ignore", "aaaaaaaaaaaa", "--reason", "goes in spring", "--until", "2d")
	wantCode(t, code, exitOK, errs)
	wantText(t, out, "aaaaaaaaaaaa (pay.test, a.test +1) is ignored until")
	code, _, errs = invoke(t, &fake{answers: map[string]any{"ListTriage": estate.TriageList{}}}, nil, "triage", "adopt", "bbbbbbbbbbbb")
	wantCode(t, code, exitNotFound, errs)
}

func TestListAndStatusSayHowLatelyAndCompletelySourcesWereGoneThrough(t *testing.T) {
	good := estate.Standing{Source: "web", Completed: today.Add(-2 * time.Hour), Places: 120, Last: estate.Run{ID: "1", Complete: true, Troubled: 3}}
	partly := estate.Standing{Source: "disks", Completed: today.Add(-26 * time.Hour), Places: 10, Last: estate.Run{ID: "2", Ended: today.Add(-time.Hour), Troubled: 1}}
	stale := estate.Standing{Source: "old", Completed: today.Add(-90 * 24 * time.Hour), Places: 1, Last: estate.Run{ID: "3", Complete: true}}
	f := func() *fake {
		return &fake{status: []workflows.Status{sample()}, answers: map[string]any{
			"ListSources":       []estate.Standing{good, partly, stale, {Source: "new"}},
			"source source/old": workflows.Source{Alerts: []workflows.Event{{Reason: alert.SourceIncomplete, Since: today.Add(-48 * time.Hour)}}},
		}}
	}
	for _, args := range [][]string{{"list"}, {"status", "shop"}} {
		code, _, errs := invoke(t, f(), nil, args...)
		wantCode(t, code, exitOK, errs)
		wantText(t, errs, "source old of the inventory has not completed a run for two intervals (told since 2026-05-30 12:00 KST",
			"source disks of the inventory: its last run, 2026-06-01 11:00 KST (02:00 UTC), was not complete", "source new of the inventory was never gone through",
			"inventory: 3 of 4 sources were gone through, each at 2026-03-03 12:00 KST (03:00 UTC) or later: 131 places, of 4 nothing is known")
		if strings.Contains(errs, "source web") {
			t.Errorf("%v remarks what is well: %s", args, errs)
		}
	}
	code, out, errs := invoke(t, f(), nil, "status", "shop", "-o", "json")
	wantCode(t, code, exitOK, errs)
	if strings.Contains(out+errs, "inventory") {
		t.Errorf("a program is told it too: %s", errs)
	}
}
