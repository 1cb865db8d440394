package config

// about says what each key means, for docs/configuration.md. [] stands for the
// items of a list.
var about = map[string]string{
	"data": "Folder of the engine's database, the store and sockets. A relative path counts from the folder in which the program was started.",

	"temporal":                 "The Temporal cluster to join. Without an address the worker runs the engine of its own (section `engine`).",
	"temporal.address":         "`host:port` of the cluster's frontend. Empty: the embedded engine.",
	"temporal.namespace":       "Namespace in which the certificates live.",
	"temporal.task_queue":      "Task queue that workers share. Workers with the same one divide the work.",
	"temporal.tls":             "Encryption towards the cluster. It is used when any of these keys or `temporal.api_key_file` is set.",
	"temporal.tls.cert_file":   "PEM file of the client's certificate; goes with `key_file`.",
	"temporal.tls.key_file":    "PEM file of the client's key; goes with `cert_file`.",
	"temporal.tls.ca_file":     "PEM file of the CA that signed the cluster's certificate. Empty: the CAs that the system trusts.",
	"temporal.tls.server_name": "Name that the cluster's certificate must cover. Empty: the host of `temporal.address`.",
	"temporal.api_key_file":    "File that holds the API key of Temporal Cloud. See [Secrets](#secrets).",
	"temporal.sticky_timeout":  "How long a certificate waits for the worker that last held it before another takes over: 1s to 10m. Short ones make herds when many workers restart.",
	"temporal.cache_size":      "How many certificates a worker keeps in memory, at about 35 KB each. At least the fleet divided by the workers.",
	"temporal.ui_url":          "Base URL of the Temporal Web UI, for links. Empty: no links, or the engine's own UI.",

	"engine":          "The embedded Temporal server, for development and small fleets. It counts when `temporal.address` is empty.",
	"engine.binary":   "Program to run. Empty: `neverlapse-engine` beside the worker or in PATH, else the `temporal` CLI.",
	"engine.ip":       "IP address that the server and its UI listen on. Neither asks for a password.",
	"engine.port":     "Port of the server. 0: a free one, the same after a restart.",
	"engine.ui_port":  "Port of the Web UI. 0: a free one, the same after a restart.",
	"engine.log_file": "File for the server's log. Empty: one in the folder `data`.",

	"http":            "The listener of the page, Slack's clicks, metrics and health.",
	"http.listen":     "Address to listen on. `:8080` means every interface.",
	"http.url":        "Public base URL, for links in messages. Empty: `http://` and the address to listen on, which others cannot reach.",
	"http.token_file": "File of lines `PERSON TOKEN`: who may open [the page](page.md), each with a token of 20 characters or more. Empty: the page is served at a loopback address only, and asks for none. See [Secrets](#secrets) for who may read the file.",

	"acme_http":        "The one listener that answers HTTP-01 challenges for all CAs.",
	"acme_http.listen": "Address to listen on. CAs ask at port 80, so this is `:80` or what port 80 is forwarded to. `\"\"` disables it.",

	"acme_tls":        "The one listener that answers TLS-ALPN-01 challenges for all CAs.",
	"acme_tls.listen": "Address to listen on. CAs ask at port 443, so this is `:443` or what connections with ALPN `acme-tls/1` are passed to. `\"\"`: none.",

	"acme_dns":           "Whom to ask about names before and while a CA proves them.",
	"acme_dns.resolvers": "Recursive DNS servers, `host` or `host:port`. Empty: those of the system. Give validating ones, so that broken DNSSEC is seen.",

	"scan":            "How to look at what is served.",
	"scan.roots_file": "PEM file with the roots of private CAs. They are trusted beside the system's, so that what your own CA issued is not shown as trouble; the CLI's `enroll` reads it too.",

	"store":         "Where versions, keys, accounts and the journal are kept.",
	"store.kind":    "Kind of store.",
	"store.options": "What the kind needs; its keys are the kind's own and are checked as strictly.",

	"cas":           "Certificate authorities that issue.",
	"cas[].name":    "Name that certificates refer to.",
	"cas[].kind":    "Kind of CA.",
	"cas[].options": "What the kind needs.",

	"renewal_info":            "How CAs are asked when they would have certificates renewed (ARI, RFC 9773).",
	"renewal_info.poll_every": "How often the fleet is gone through: 1s to 12h. A CA is asked about a certificate no sooner than it wants to be.",

	"dns":           "DNS providers that answer DNS-01 challenges. See [CAs](cas.md).",
	"dns[].name":    "Name that CAs and certificates refer to.",
	"dns[].kind":    "The provider, as lego calls it.",
	"dns[].options": "Its settings, and how to wait until an answer can be seen.",

	"targets":           "Places that receive certificates.",
	"targets[].name":    "Name that certificates refer to.",
	"targets[].kind":    "Kind of target.",
	"targets[].options": "What the kind needs.",

	"channels":           "Ways to reach people. Once there is one, `catch_all` must name somebody who can be told.",
	"channels[].name":    "Name, for logs and the page.",
	"channels[].kind":    "`slack` ([set it up](slack.md)), `email` or `console`.",
	"channels[].options": "What the kind needs.",

	"people":            "Everybody who can be told and can answer.",
	"people[].id":       "Stable name, lower case. People and teams share one set of ids.",
	"people[].name":     "Name to show. Empty: the id.",
	"people[].email":    "E-mail address.",
	"people[].slack":    "Slack member ID, like `U012ABC`.",
	"people[].language": "`en` or `ko`. Empty: the team's.",
	"people[].timezone": "IANA time zone, like `Asia/Seoul`. Empty: the team's.",
	"people[].away":     "Is told nothing; the next in line is.",

	"teams":                    "Who owns certificates together.",
	"teams[].id":               "Stable name, lower case.",
	"teams[].name":             "Name to show. Empty: the id.",
	"teams[].members":          "Ids of people. They are told one by one where the team has no address of its own.",
	"teams[].manager":          "Id of the person who fills the role `manager`.",
	"teams[].on_call":          "Who fills the role `on-call`: the first who is not away. The others stand in, in this order.",
	"teams[].on_call[].person": "Id of the person.",
	"teams[].slack":            "Slack channel ID, like `C012ABC`.",
	"teams[].email":            "Address of the team's list.",
	"teams[].language":         "`en` or `ko`.",
	"teams[].timezone":         "IANA time zone.",

	"catch_all": "Id of the team that is told when a role leads to nobody. Required once there are people, teams or channels.",

	"policies":                                "When people are told, who, how loudly, and how renewal is tried. What a policy leaves out is as in [the default policy](#the-default-policy). One called `default` replaces it.",
	"policies[].name":                         "Name that certificates and environments refer to.",
	"policies[].thresholds":                   "Times left that count, the longest first.",
	"policies[].thresholds[].left":            "Time left.",
	"policies[].thresholds[].severity":        "`P1` (most urgent) to `P4`.",
	"policies[].inform":                       "How many of the first thresholds only inform while a certificate is renewed automatically.",
	"policies[].escalations":                  "Who is told, in order. A named one replaces the default of that name; the others stay.",
	"policies[].escalations[].name":           "`P1` to `P4`, `inform` (thresholds that only inform), `failing` (an attempt failed) or `behind` (a target cannot be reached).",
	"policies[].escalations[].steps":          "Who is told one after the other until somebody acknowledges.",
	"policies[].escalations[].steps[].after":  "Since the step before.",
	"policies[].escalations[].steps[].notify": "Roles: `owner`, `team`, `manager`, `on-call`.",
	"policies[].escalations[].steps[].reach":  "`quiet` (does not interrupt), `direct` (one channel), `wide` (two kinds in parallel) or `page` (every kind).",
	"policies[].escalations[].repeat":         "Start again at the first step this long after the last. Empty: never.",
	"policies[].escalations[].urgent_repeat":  "The same when less than `urgent_left` is left.",
	"policies[].ack_for":                      "How long an acknowledgement lasts at most.",
	"policies[].renew_left":                   "Time left at which renewal begins where the CA suggests no window.",
	"policies[].renew_left_short":             "The same for lifetimes under ten days.",
	"policies[].last_safe":                    "Time left at which it is too late to be calm.",
	"policies[].max_attempts":                 "Attempts until automation stops and only tells: 1 to 50.",
	"policies[].attempt_timeout":              "How long one attempt may take.",
	"policies[].retry_every":                  "Pace of what costs no attempt: a CA that is down, a target that is behind.",
	"policies[].observe_every":                "Pace of the look at what is served.",
	"policies[].unseen_after":                 "How long nothing may be seen before a human is told.",
	"policies[].urgent_left":                  "Time left under which escalations repeat at `urgent_repeat`.",
	"policies[].proof_timeout":                "How long a reload may take to show on the wire.",

	"environments":          "Policies of environments. A certificate of another environment has the policy `default`.",
	"environments[].name":   "Environment, as certificates name it.",
	"environments[].policy": "Name of a policy.",

	"log":        "What is written to standard error.",
	"log.level":  "`debug`, `info`, `warn` or `error`.",
	"log.format": "`text` or `json`.",
}
