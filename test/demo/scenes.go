package main

import "time"

// issuedFor is how long the certificates of the CA live.
const issuedFor = 30 * time.Minute

// scene is one certificate with minutes to live, and what becomes of it.
type scene struct {
	number  int
	tag     string
	title   string
	name    string // of the certificate
	host    string
	managed bool
	left    time.Duration // when it is enrolled
	policy  string        // YAML, below the policy's name
}

// The five scenes. Their policies are those of every day with seconds for days.
var scenes = []scene{
	{
		number: 1, tag: "renewal", title: "a healthy renewal", name: "shop", host: "shop.test", managed: true, left: 3 * time.Minute,
		policy: `
    thresholds: [{left: 30s, severity: P1}]
    inform: 0
    renew_left_short: 160s
    last_safe: 10s`,
	},
	{
		number: 2, tag: "alert", title: "an alert and its answer", name: "api", host: "api.test", managed: true, left: 3 * time.Minute,
		policy: `
    thresholds: [{left: 160s, severity: P3}]
    inform: 0
    renew_left_short: 140s
    last_safe: 10s
    escalations:
      - name: P3
        steps: [{notify: [owner], reach: direct}, {after: 30s, notify: [team], reach: direct}]`,
	},
	{
		number: 3, tag: "escalation", title: "an escalation to the manager", name: "legacy", host: "legacy.test", left: time.Hour,
		policy: `
    thresholds: [{left: 3585s, severity: P2}]
    last_safe: 10s
    escalations:
      - name: P2
        steps:
          - {notify: [owner], reach: direct}
          - {after: 20s, notify: [team], reach: direct}
          - {after: 20s, notify: [manager], reach: page}`,
	},
	{
		number: 4, tag: "rollback", title: "a broken deployment, rolled back", name: "pay", host: "pay.test", managed: true, left: 20 * time.Minute,
		policy: `
    thresholds: [{left: 60s, severity: P1}]
    inform: 0
    renew_left_short: 1185s
    last_safe: 30s
    retry_every: 15m
    escalations:
      - name: failing
        steps: [{notify: [owner], reach: wide}, {after: 15m, notify: [team], reach: direct}]`,
	},
	{
		number: 5, tag: "page", title: "a page: all attempts are spent", name: "vpn", host: "vpn.test", managed: true, left: 10 * time.Minute,
		policy: `
    thresholds: [{left: 60s, severity: P1}]
    inform: 0
    renew_left_short: 590s
    last_safe: 530s
    max_attempts: 3
    retry_every: 5s
    escalations:
      - name: failing
        steps: [{notify: [owner], reach: direct}]
      - name: P1
        steps: [{notify: [owner, manager, on-call], reach: page}]
        repeat: 15m`,
	},
}

// policies is the YAML of all of them.
func policies() string {
	out := ""
	for _, s := range scenes {
		out += "  - name: " + s.name + s.policy + "\n    observe_every: 60s\n    unseen_after: 10m\n"
	}
	return out
}
