package config

import "testing"

func TestAWorkerOfAHostHasNothingOfTheCentre(t *testing.T) {
	const good = "temporal: {address: 't:7233'}\ntargets: [{name: web, kind: nginx}]\n"
	for name, tc := range map[string]struct{ queue, text, want string }{
		"what it needs":           {"web7", good, ""},
		"a queue of no name":      {"Web 7", good, `--queue: "Web 7" is not the name of a host; use a-z, 0-9, '.', '_' and '-', beginning with a letter or digit`},
		"the queue of the centre": {"neverlapse", good, `--queue: "neverlapse" is temporal.task_queue, which the workers of the centre serve; call the host something else`},
		"nothing": {"web7", "", "temporal.address: is empty; write the host:port of the Temporal that the centre uses (one that it embeds listens where engine.ip and engine.port say)\n" +
			"targets: is empty; write what is on this host"},
		"the centre's secrets": {"web7", good + "cas: [{name: le, kind: acme}]\ndns: [{name: r53, kind: route53}]", "cas: belongs to the centre; a worker of role target needs data, temporal, store and targets only: remove it (of cas, dns)\n" +
			"dns: belongs to the centre; a worker of role target needs data, temporal, store and targets only: remove it (of cas, dns)"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := load(t, tc.text)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := c.ValidateForHost(tc.queue); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}
