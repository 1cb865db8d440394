package main

import (
	"time"

	"github.com/neverlapse/neverlapse/test/demo/oracle"
)

// issuedFor is how long the certificates of the CA live.
const issuedFor = 30 * time.Minute

// scene is one certificate with minutes to live, and what becomes of it.
type scene struct {
	subject
	number     int
	tag, title string
}

// The five scenes. Their policies are those of every day with seconds for days.
var scenes = []scene{
	{number: 1, tag: "renewal", title: "a healthy renewal", subject: subject{
		name: "shop", host: "shop.test", managed: true, left: 3 * time.Minute, renewLeft: 160 * time.Second,
		thresholds: []oracle.Threshold{{Left: 30 * time.Second, Severity: "P1"}},
		rest:       "last_safe: 10s",
	}},
	{number: 2, tag: "alert", title: "an alert and its answer", subject: subject{
		name: "api", host: "api.test", managed: true, left: 3 * time.Minute, renewLeft: 140 * time.Second,
		thresholds: []oracle.Threshold{{Left: 160 * time.Second, Severity: "P3"}},
		ladders: []ladder{{name: "P3", steps: []step{
			{roles: "owner", reach: "direct"}, {after: 30 * time.Second, roles: "team", reach: "direct"},
		}}},
		rest: "last_safe: 10s",
	}},
	{number: 3, tag: "escalation", title: "an escalation to the manager", subject: subject{
		name: "legacy", host: "legacy.test", left: time.Hour,
		thresholds: []oracle.Threshold{{Left: 3585 * time.Second, Severity: "P2"}},
		ladders: []ladder{{name: "P2", steps: []step{
			{roles: "owner", reach: "direct"},
			{after: 20 * time.Second, roles: "team", reach: "direct"},
			{after: 20 * time.Second, roles: "manager", reach: "page"},
		}}},
		rest: "last_safe: 10s",
	}},
	{number: 4, tag: "rollback", title: "a broken deployment, rolled back", subject: subject{
		name: "pay", host: "pay.test", managed: true, left: 20 * time.Minute, renewLeft: 1185 * time.Second,
		thresholds: []oracle.Threshold{{Left: time.Minute, Severity: "P1"}},
		ladders: []ladder{{name: "failing", steps: []step{
			{roles: "owner", reach: "wide"}, {after: 15 * time.Minute, roles: "team", reach: "direct"},
		}}},
		rest: "last_safe: 30s\nretry_every: 15m",
	}},
	{number: 5, tag: "page", title: "a page: all attempts are spent", subject: subject{
		name: "vpn", host: "vpn.test", managed: true, left: 10 * time.Minute, renewLeft: 590 * time.Second,
		thresholds: []oracle.Threshold{{Left: time.Minute, Severity: "P1"}},
		ladders: []ladder{
			{name: "failing", steps: []step{{roles: "owner", reach: "direct"}}},
			{name: "P1", steps: []step{{roles: "owner, manager, on-call", reach: "page"}}, repeat: "15m"},
		},
		rest: "last_safe: 530s\nmax_attempts: 3\nretry_every: 5s",
	}},
}

// calm is how long the certificates of the buttons live, as far as people put
// them there; what is nearly over is within the last threshold of those.
const (
	calm   = 24 * time.Hour
	nearly = 50 * time.Minute
)

// chain tells one after the other until somebody answers.
func chain(after time.Duration, readers ...string) []ladder {
	l := ladder{name: "P2"}
	for i, r := range readers {
		st := step{roles: r, reach: "direct"}
		if i > 0 {
			st.after = after
		}
		if r == "manager" || r == "on-call" {
			st.reach = "page"
		}
		l.steps = append(l.steps, st)
	}
	return []ladder{l}
}

// managedProp is renewed when a button asks for it, and by itself near its end.
func managedProp(name string) subject {
	return subject{
		name: name, host: name + ".test", managed: true, left: issuedFor, renewLeft: 160 * time.Second,
		thresholds: []oracle.Threshold{{Left: time.Minute, Severity: "P1"}},
		ladders: []ladder{{name: "failing", steps: []step{
			{roles: "owner", reach: "wide"}, {after: 15 * time.Minute, roles: "team", reach: "direct"},
		}}},
		rest: "last_safe: 30s\nmax_attempts: 20\nretry_every: 5s",
	}
}

// watchedProp is only watched: people have to replace it.
func watchedProp(name string, ladders []ladder) subject {
	return subject{
		name: name, host: name + ".test", left: calm, thresholds: []oracle.Threshold{{Left: time.Hour, Severity: "P2"}},
		ladders: ladders, rest: "last_safe: 10s",
	}
}

// dueNow is the policy under which a certificate of the CA is due whenever it is asked.
func dueNow(s subject) subject {
	s.name, s.renewLeft = s.name+"-due", issuedFor-time.Minute
	return s
}

// The certificates of the buttons.
var props = []subject{
	managedProp("cafe"), // its server breaks
	managedProp("bank"), // its CA is away
	watchedProp("door", chain(12*time.Second, "owner", "team", "manager", "on-call")), // nobody answers
	managedProp("mill"), // the worker dies
	watchedProp("bell", chain(25*time.Second, "owner", "team")), // the engine dies
}
