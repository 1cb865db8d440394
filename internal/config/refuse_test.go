package config

import (
	"strings"
	"testing"
)

// complaints gives the lines of an error after the one that names the file.
func complaints(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return "accepted"
	}
	head, rest, _ := strings.Cut(err.Error(), "\n")
	if !strings.HasPrefix(head, "configuration from /") || !strings.HasSuffix(head, "/neverlapse.yaml:") {
		t.Errorf("the error does not begin with the file: %q", head)
	}
	return rest
}

func TestEachMistakeIsRefusedWithPathAndRemedy(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"a key that is nearly known":   {"store: {opions: {}}", "store.opions is not known; did you mean store.options?"},
		"at the top":                   {"temporl: {}", "temporl is not known; did you mean temporal?"},
		"in a list":                    {"targets: [{name: a, knid: file}]", "targets[0].knid is not known; did you mean targets[0].kind?"},
		"of a policy":                  {"policies: [{name: a, ack-for: 1h}]", "policies[0].ack-for is not known; did you mean policies[0].ack_for?"},
		"in capital letters":           {"Data: /x", "Data is not known; did you mean data?"},
		"half of a key":                {"temporal: {sticky: 5s}", "temporal.sticky is not known; did you mean temporal.sticky_timeout?"},
		"an option beside options":     {"store: {path: /x}", "store.path is not known; what belongs to the kind goes below store.options"},
		"a key like no other":          {"log: {colours: 1}", "log.colours is not known; known here: level, format"},
		"a key that is a number":       {"log: {1: x}", "log: the key 1 is not text; put it in quotes"},
		"a number as a name":           {"cas: [{name: 5, kind: acme}]", "cas[0].name: a number stands where text belongs; put it in quotes"},
		"a date as a name":             {"cas: [{name: 2026-01-01, kind: acme}]", "cas[0].name: a date stands where text belongs; put it in quotes"},
		"true as text":                 {"catch_all: true", "catch_all: true or false stands where text belongs; put it in quotes"},
		"text as a number":             {"engine: {port: '7233'}", "engine.port: text stands where a whole number belongs; write it without quotes"},
		"a fraction as a number":       {"engine: {port: 1.5}", "engine.port: 1.5 does not fit; write a whole number"},
		"a huge number":                {"engine: {port: 18446744073709551615}", "engine.port: 18446744073709551615 does not fit; write a whole number"},
		"text as a boolean":            {"people: [{id: a, away: 'yes'}]\nteams: [{id: t, slack: C01}]\ncatch_all: t", "people[0].away: text stands where true or false belongs; write one of them without quotes"},
		"a number as a duration":       {"temporal: {sticky_timeout: 30}", "temporal.sticky_timeout: a number is not a duration; write 30s, 15m, 36h or 30d"},
		"a number as a span":           {"policies: [{name: a, ack_for: 24}]", "policies[0].ack_for: a number is not a duration; write 30s, 15m, 36h or 30d"},
		"a duration of no unit":        {"temporal: {sticky_timeout: soon}", `temporal.sticky_timeout: "soon" is not a duration: write 30d, 36h, 15m or 90s`},
		"a key for bounces alone":      {"bounces: {address: b@mail.example.com, listen: ':2525', key_file: k.pem, require_tls: true}", "bounces.cert_file: cert_file and key_file belong together; write both, or neither for no STARTTLS\nbounces.require_tls: nothing could be encrypted without cert_file and key_file, so that no mail would be taken"},
		"STARTTLS without a listener":  {"bounces: {address: b@mail.example.com, cert_file: c.pem, key_file: k.pem}", "bounces.cert_file: is for the listener of SMTP, and bounces.listen is empty"},
		"no time for an answer":        {"handover: {answer_within: 30s}", "handover.answer_within: 30s is not between 1m and 30d; write two days as 2d"},
		"a share of too much":          {"policies: [{name: a, renew_left: 133%}]", `policies[0].renew_left: "133%": a share lies between 0% and 100%`},
		"half as a number of targets":  {"policies: [{name: a, rollout: {batch: half}}]", `policies[0].rollout.batch: "half" is no number of targets: write a count (5) or a share of them (25%)`},
		"a fraction of targets":        {"policies: [{name: a, rollout: {batch: 0.5}}]", "policies[0].rollout.batch: a number is no number of targets; write a count (5) or a share of them (25%)"},
		"a batch of nobody":            {"policies: [{name: a, rollout: {batch: 0}}]", "policies[0].rollout.batch: 0 targets at a time would never come to an end"},
		"rounds that are too rare":     {"watchman: {every: 2h}", "watchman.every: 2h is not between 1s and 1h"},
		"a canary without a CA":        {"canary: {names: [a.test]}", "canary.ca: is empty; name the CA that renews the canary, one with a staging directory if you can"},
		"a canary of nothing":          {"cas: [{name: le, kind: acme}]\ncanary: {ca: lee, dns: x, target: y, endpoint: 'a.test:443', team: z, every: 1s}", "canary.ca: \"lee\" is not an ACME CA of the section cas\ncanary.names: no name: a certificate needs at least one\ncanary.every: 1s is not between 10s and 31d\ncanary.dns: \"x\" is not a provider of the section dns\ncanary.target: \"y\" is not a target of the section targets\ncanary.team: \"z\" is not a team of the directory"},
		"a canary that nobody knows":   {"targets: [{name: web, kind: file}]\npolicies: [{name: a, rollout: {canary_targets: [wep]}}]", `policies[0].rollout.canary_targets[0]: no target is called "wep"; add it under targets or write one of web`},
		"text as a list":               {"targets: web", "targets: text stands where a list belongs; begin every item with '- '"},
		"text as a list of text":       {"people: [{id: a, slack: U01}]\nteams: [{id: t, members: a}]\ncatch_all: t", "teams[0].members: text stands where a list belongs; begin every item with '- '\ncatch_all: nobody can be told through team \"t\"; give it slack, email, phone or channels, or a member who has one"},
		"a section as a list":          {"targets: {web: {kind: file}}", "targets: a section stands where a list belongs; begin every item with '- '"},
		"text as a section":            {"store: files", "store: text stands where a section belongs; write its keys below it, indented"},
		"a list as a section":          {"log: [debug]", "log: a list stands where a section belongs; write its keys below it, indented"},
		"a list as the whole":          {"- a", "the file: a list stands where a section belongs; write its keys below it, indented"},
		"nothing in a list":            {"targets: [~]", "targets[0]: nothing is written here; fill the item or remove it"},
		"the same key twice":           {"data: /a\nlog:\n  level: info\n  level: warn\ndata: /b", "log.level: is written twice, on lines 3 and 4; keep one\ndata: is written twice, on lines 1 and 5; keep one"},
		"the same key twice in a list": {"cas:\n- name: a\n  name: b", "cas[0].name: is written twice, on lines 2 and 3; keep one"},
		"no YAML":                      {"log:\n  level: info\n format: json\n", "near line 2: did not find expected key"},
		"a star":                       {"data: *x", "there is text that begins with * and is no YAML alias; put it in quotes"},
		"a language that nobody wrote": {"people: [{id: a, slack: U01, language: kr}]\nteams: [{id: t, members: [a], language: xx}]\ncatch_all: t", "people[0].language: \"kr\" is not known; use en or ko\nteams[0].language: \"xx\" is not known; use en or ko"},
		"a colon":                      {"log:\n  level: a: b", "near line 2: mapping values are not allowed in this context; put text that holds ': ' in quotes"},
		"a tab":                        {"log:\n\tlevel: info\n", "near line 2: found character that cannot start any token; indent with spaces, not tabs, and put text that begins with @, ` or % in quotes"},
		"two documents":                {"data: /a\n---\ndata: /b\n", "there is a second YAML document after '---'; keep one"},
		"no data":                      {"data: ''", "data: no folder is named; write one, for example /var/lib/neverlapse"},
		"an address without a port":    {"temporal: {address: temporal}", `temporal.address: "temporal" is not an address; write host:port, for example temporal.example.com:7233`},
		"an address without a host":    {"temporal: {address: ':7233'}", `temporal.address: ":7233" is not an address; write host:port, for example temporal.example.com:7233`},
		"an address that is a URL":     {"temporal: {address: 'http://t:7233'}", `temporal.address: "http://t:7233" is not an address; write host:port, for example temporal.example.com:7233`},
		"a key without an address":     {"temporal: {api_key_file: k}", "temporal.address: is empty although TLS or an API key is set; write the cluster's host:port, or remove those to run the engine"},
		"half a pair":                  {"temporal: {address: 't:1', tls: {key_file: k}}", "temporal.tls: cert_file and key_file belong together; set both or none"},
		"no namespace, no queue":       {"temporal: {namespace: '', task_queue: ''}", "temporal.namespace: is empty; write its name or remove the line\ntemporal.task_queue: is empty; write its name or remove the line"},
		"a sticky timeout too short":   {"temporal: {sticky_timeout: 10ms}", "temporal.sticky_timeout: 10ms is not between 1s and 10m"},
		"a sticky timeout too long":    {"temporal: {sticky_timeout: 1d}", "temporal.sticky_timeout: 1d is not between 1s and 10m"},
		"a host that nobody waits for": {"temporal: {queue_timeout: 11m}", "temporal.queue_timeout: 11m is not between 1s and 10m"},
		"a host without a key":         {"hosts: [{name: web7}]", "hosts[0].key: is empty; write what this prints on the host: neverlapse-worker --role target --queue web7 --init\nhosts[0].targets: is empty; name the targets that the configuration on the host has"},
		"a host twice":                 {"hosts: [{name: web7, key: k, targets: [a]}, {name: web7, key: k, targets: [b]}]", `hosts[1].name: "web7" is the name of hosts[0] already; give every one its own`},
		"a host on our own queue":      {"hosts: [{name: neverlapse, key: k, targets: [a]}]", `hosts[0].name: "neverlapse" is temporal.task_queue, which the workers of the centre serve; call the host something else`},
		"a target in two places":       {"targets: [{name: a, kind: file}]\nhosts: [{name: web7, key: k, targets: [a, b, b, B]}]", "hosts[0].targets[0]: \"a\" is the name of targets[0] already; a target lives in one place\nhosts[0].targets[2]: \"b\" is the name of hosts[0].targets[1] already; a target lives in one place\nhosts[0].targets[3]: \"B\" is not a name; use a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"},
		"a key of no name":             {"temporal: {encryption: {keys: [{id: A+b/c=, file: a}, {id: b}, {id: c, file: c, env: C}]}}", "temporal.encryption.keys[0].id: is not an id; use a-z, 0-9, '.', '_' and '-', at most 40, for example 2026-01\ntemporal.encryption.keys[1]: needs file or env, and only one of them: the name of the file, or of the environment variable, that holds the key\ntemporal.encryption.keys[2]: needs file or env, and only one of them: the name of the file, or of the environment variable, that holds the key"},
		"a key under an old name":      {"temporal: {encryption: {use: a, keys: [{id: a, file: a}, {id: a, file: b}]}}", `temporal.encryption.keys[1].id: "a" is the id of temporal.encryption.keys[0] already; a new key needs a new id, and the old one stays for what it encrypted`},
		"a key that is not there":      {"temporal: {encryption: {use: c2VjcmV0}}", "temporal.encryption.use: is not the id of one of temporal.encryption.keys; add that key, or leave use out and nothing is encrypted"},
		"a level below none":           {"temporal: {patch_level: -1}", "temporal.patch_level: -1 is below 0; write the level that the older neverlapse-worker --version prints, or leave it out"},
		"no cache":                     {"temporal: {cache_size: 0}", "temporal.cache_size: 0 is too small; write how many workflows to keep, 4000 if unsure"},
		"the UI elsewhere":             {"temporal: {ui_url: 'ftp://x'}", `temporal.ui_url: "ftp://x" is not a URL; write for example https://neverlapse.example.com`},
		"the engine's address":         {"engine: {ip: localhost, port: 70000, ui_port: -1}", "engine.ip: \"localhost\" is not an IP address; write for example 127.0.0.1\nengine.port: 70000 is not a port; write one from 1 to 65535, or 0 for a free one\nengine.ui_port: -1 is not a port; write one from 1 to 65535, or 0 for a free one"},
		"two on one port":              {"engine: {port: 7233, ui_port: 7233}", "engine.ui_port: 7233 is engine.port already; write another, or 0 for a free one"},
		"nowhere to listen":            {"http: {listen: ''}", `http.listen: "" is not an address to listen on; write for example 127.0.0.1:8080, or :8080 for every interface`},
		"a port without a colon":       {"acme_http: {listen: '80'}", `acme_http.listen: "80" is not an address to listen on; write for example 127.0.0.1:8080, or :8080 for every interface`},
		"a port out of range":          {"acme_http: {listen: ':65536'}", `acme_http.listen: ":65536" is not an address to listen on; write for example 127.0.0.1:8080, or :8080 for every interface`},
		"every interface by a star":    {"http: {listen: '*:80'}", `http.listen: "*:80" is not an address to listen on; write for example 127.0.0.1:8080, or :8080 for every interface`},
		"two listeners in one place":   {"http: {listen: ':80'}", `acme_http.listen: ":80" is http.listen already; write another, or "" for none`},
		"a URL without a scheme":       {"http: {url: certs.example.com}", `http.url: "certs.example.com" is not a URL; write for example https://neverlapse.example.com`},
		"a URL with a query":           {"http: {url: 'https://x/?a=b'}", `http.url: "https://x/?a=b" holds a query or fragment; links are made by appending to it`},
		"a URL with a password":        {"http: {url: 'https://me:hunter2@x/'}", "http.url: holds a user or password before the '@'; remove it, links are shown to everybody"},
		"no kind of store":             {"store: {kind: ''}", "store.kind: is empty; write files or remove the line"},
		"no name":                      {"cas: [{kind: acme}]", `cas[0].name: "" is not a name; use a-z, 0-9, '.', '_' and '-', beginning with a letter or digit`},
		"no kind":                      {"cas: [{name: le}]", "cas[0].kind: is empty; say what kind it is"},
		"a name in capitals":           {"targets: [{name: Web, kind: file}]", `targets[0].name: "Web" is not a name; use a-z, 0-9, '.', '_' and '-', beginning with a letter or digit`},
		"a name twice":                 {"targets: [{name: a, kind: file}, {name: b, kind: file}, {name: a, kind: nginx}]", `targets[2].name: "a" is the name of targets[0] already; give every one its own`},
		"channels and nobody to tell":  {"channels: [{name: mail, kind: email}]", "catch_all: no team is named; name the team that is told when nobody else can be"},
		"a person in no zone":          {"people: [{id: a, email: a@example.com, timezone: Seoul}]\nteams: [{id: t, members: [a]}]\ncatch_all: t", `people[0].timezone: "Seoul" is not an IANA time zone; write for example Asia/Seoul: unknown time zone Seoul`},
		"a policy without a name":      {"policies: [{max_attempts: 3}]", `policies[0].name: "" is not a name; use a-z, 0-9, '.', '_' and '-', beginning with a letter or digit`},
		"a policy twice":               {"policies: [{name: default}, {name: default}]", `policies[1].name: "default" is the name of policies[0] already; give every one its own`},
		"a policy of bad values":       {"policies: [{name: a, max_attempts: 99, inform: 9}]", "policies[0].inform: 9 is not between 0 and the 5 thresholds\npolicies[0].max_attempts: 99 is not between 1 and 50"},
		"an environment of no policy":  {"policies: [{name: calm}]\nenvironments: [{name: prod, policy: cald}]", `environments[0].policy: no policy is called "cald"; add it under policies or write one of calm, default`},
		"an environment twice":         {"environments: [{name: a, policy: default}, {name: a, policy: default}]", `environments[1].name: "a" is the name of environments[0] already; give every one its own`},
		"a log of no level":            {"log: {level: loud, format: xml}", "log.level: \"loud\" is not known; write one of debug, info, warn, error\nlog.format: \"xml\" is not known; write one of text, json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tc.text)
			if got := complaints(t, err); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

func TestEverythingIsSaidAtOnceAndOnce(t *testing.T) {
	_, err := load(t, `
stoer: {kind: files}
temporal: {address: nowhere, cache_size: many}
cas:
  - {nmae: le, kind: acme}
  - {name: 7, kind: acme}
  - {name: le2, kind: ""}
http: {listen: 8080}
log: {level: loud}
`, "NEVERLAPSE_ENGINE_PORT=tcp://10.0.0.1:7233", "NEVERLAPSE_LOG_LEVEL=quiet", "NEVERLAPSE_TEMPORAL_STICKY_TIMEOUT=30")
	want := strings.TrimSpace(`
cas[0].nmae is not known; did you mean cas[0].name?
cas[1].name: a number stands where text belongs; put it in quotes
http.listen: a number stands where text belongs; put it in quotes
stoer is not known; did you mean store?
temporal.cache_size: text stands where a whole number belongs; write it without quotes
temporal.sticky_timeout (from NEVERLAPSE_TEMPORAL_STICKY_TIMEOUT): "30" is not a duration: write 30d, 36h, 15m or 90s
engine.port (from NEVERLAPSE_ENGINE_PORT): "tcp://10.0.0.1:7233" is not a whole number; Kubernetes sets it for a Service of that name: set enableServiceLinks: false
temporal.address: "nowhere" is not an address; write host:port, for example temporal.example.com:7233
cas[2].kind: is empty; say what kind it is
log.level (from NEVERLAPSE_LOG_LEVEL): "quiet" is not known; write one of debug, info, warn, error
`)
	if got := complaints(t, err); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Whatever is written is either refused or makes a configuration that holds
// what Load promises; nothing makes it panic.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "data: /x", "cas: [{name: a, kind: b, options: {A: [1, {B: ~}]}}]", "? [a]\n: b", "a: &x [*x]", "<<: {data: /y}", "engine: {port: 0x7fffffffffffffff}", "log: {level: !!binary aW5mbw==}", "temporal: {cache_size: .nan}", "1: 2", "store: {options: {2026-01-01: 1}}"} {
		f.Add(seed, "NEVERLAPSE_LOG_LEVEL=warn")
	}
	f.Fuzz(func(t *testing.T, text, variable string) {
		c, err := parse([]byte(text), []string{variable})
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Error("refused without a word")
			}
			return
		}
		if _, ok := c.Policy(defaultPolicy); !ok || c.HTTP.URL == "" || !strings.HasPrefix(c.Data, "/") || c.Validate() != nil {
			t.Errorf("accepted, although it is not complete: %+v", c)
		}
	})
}
