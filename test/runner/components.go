package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"text/tabwriter"
)

// component is a part of the world around Neverlapse and what it is in these
// tests. Its row says "skipped" when no test that needs it has passed.
type component struct {
	name    string
	is      string   // real, stand-in or skipped, when its tests passed
	what    string   // what exactly, and why when it is not the real thing
	version []string // a command that prints its version
	module  string   // or the Go module it is built from
	proof   string   // packages, or "package Test", whose passed tests show it; empty: none can
}

var components = []component{
	{name: "Temporal engine", is: "real", what: "deploy/engine, a server with SQLite, as a process", version: []string{"$NEVERLAPSE_ENGINE", "--version"}, proof: "test/e2e"},
	{name: "Neverlapse", is: "real", what: "worker and CLI as processes", proof: "test/e2e"},
	{name: "ACME CA", is: "real", what: "Pebble, which validates over the network; no public CA can be asked from here", module: "github.com/letsencrypt/pebble/v2", proof: "internal/ca/acme"},
	{name: "second ACME CA", is: "real", what: "step-ca as a process", version: []string{"$NEVERLAPSE_STEP_CA", "version"}, proof: "internal/ca/acme"},
	{name: "DNS", is: "real", what: "BIND, updated by RFC 2136 with TSIG, and a validating one that resolves", version: []string{"named", "-v"}, proof: "internal/ca/acme"},
	{name: "other DNS providers", is: "skipped", what: "lego's, as they are; none of their services can be reached from CI"},
	{name: "nginx", is: "real", what: "installed by the system, reloaded and asked over TLS", version: []string{"nginx", "-v"}, proof: "internal/target"},
	{name: "Apache", is: "real", what: "installed by the system, ended by a wrong key and brought back", version: []string{"apache2", "-v"}, proof: "internal/target"},
	{name: "HAProxy", is: "real", what: "installed by the system, by its runtime API and by reloads", version: []string{"haproxy", "-v"}, proof: "internal/target"},
	{name: "OpenSSH", is: "real", what: "installed by the system, on a loopback port, with nginx behind it", version: []string{"/usr/bin/ssh", "-V"}, proof: "internal/target"},
	{name: "Tomcat", is: "real", what: "installed by the system, given a keystore by the recipe and asked over TLS", version: []string{"dpkg-query", "--show", "tomcat10"}, proof: "test/recipes"},
	{name: "F5 BIG-IP", is: "stand-in", what: "takes the requests that F5 documents, with transactions; no device can be had in CI", proof: "test/recipes"},
	{name: "WebtoB", is: "stand-in", what: "scripts in place of wscfl, wsdown and wsboot; IIS and JEUS are only documented", proof: "test/recipes"},
	{name: "PostgreSQL", is: "real", what: "asked for TLS; the other protocols with STARTTLS are spoken by stand-ins that keep to their RFCs", proof: "internal/scan"},
	{name: "Kubernetes", is: "real", what: "kube-apiserver with etcd and RBAC; built once by make test-kubernetes, no nodes run", version: []string{"$NEVERLAPSE_KUBE_APISERVER", "--version"}, proof: "internal/target/kubernetes TestKubernetesKeepsTheContract/API_server"},
	{name: "Kubernetes, gone through", is: "real", what: "lists of its Secrets, page by page, with what it forgets and refuses", proof: "internal/scan/source/kubernetes TestKubernetesKeepsTheContract"},
	{name: "cert-manager", is: "stand-in", what: "its published definitions on the real API server; tests write what its controllers would", proof: "internal/scan/source/certmanager TestCertManagerKeepsTheContract"},
	{name: "DigiCert's Services API", is: "stand-in", what: "written from its published documentation, with its refusals", proof: "internal/scan/source/digicert TestDigiCertKeepsTheContract"},
	{name: "CT search", is: "stand-in", what: "SSLMate's CT Search API, written from its published documentation, with precertificates and certificates of a CA of the tests", proof: "internal/scan/source/ct TestCTKeepsTheContract"},
	{name: "Kubernetes' Secrets", is: "stand-in", what: "versions, conflicts, patches, dry runs and what cannot change; the tests on it run on the real one as well, where that was built", proof: "internal/target/kubernetes TestKubernetesKeepsTheContract/stand-in"},
	{name: "Vault", is: "stand-in", what: "Vault's own KV engine of version 2, by HTTP; tokens, policies, AppRole and namespaces before it are a stand-in, because Vault's core cannot be built here", version: []string{"$NEVERLAPSE_VAULT_KV", "-version"}, proof: "internal/target/vault TestVaultKeepsTheContract"},
	{name: "AWS Certificate Manager", is: "stand-in", what: "moto behind a proxy that refuses a wrong key and another type of key; moto keeps no listeners alive, and no AWS account can be reached from CI", proof: "internal/target/acm TestACMKeepsTheContract"},
	{name: "key of a store in Vault", is: "stand-in", what: "Vault's own transit engine, by HTTP, behind the same stand-in of Vault's core", version: []string{"$NEVERLAPSE_VAULT_KV", "-version"}, proof: "internal/store/transit TestAStoreUnderVaultsTransitEngineKeepsTheContract"},
	{name: "AWS KMS", is: "stand-in", what: "moto; no AWS account can be reached from CI", proof: "internal/store/awskms TestAStoreUnderAKeyOfAWSIsOpenedByThatKeyAlone"},
	{name: "SMTP server", is: "stand-in", what: "a server on go-smtp with TLS and passwords, that can fail on purpose", module: "github.com/emersion/go-smtp", proof: "internal/notify"},
	{name: "Slack", is: "stand-in", what: "checks every request, scope and message as Slack does, and speaks Socket Mode; no workspace can be reached from CI", proof: "internal/notify"},
	{name: "PagerDuty, Teams, Twilio, SNS, webhooks", is: "stand-in", what: "each checks requests as its vendor documents them; none of them can be reached from CI", proof: "internal/notify TestPagerDutyKeepsTheContract"},
	{name: "Alertmanager", is: "real", what: "installed by the system, with a webhook behind it", version: []string{"prometheus-alertmanager", "--version"}, proof: "internal/notify TestARealAlertmanagerKeepsAnAlertUntilItIsResolved"},
	{name: "Prometheus", is: "real", what: "installed by the system: it scrapes a worker and judges by the rules; promtool over rules, their tests and metrics", version: []string{"prometheus", "--version"}, proof: "test/e2e TestPrometheusTellsThatTheWorkerIsGoneAndTheRunbookTakesTheCertificateOut"},
	{name: "Grafana", is: "skipped", what: "no package of it can be had in CI; promtool reads every expression of its dashboards"},
	{name: "browser", is: "real", what: "headless, driven by chromedp; Firefox and Safari are not tried", version: []string{"chromium", "--version"}, proof: "test/harness/browser"},
	{name: "HTTP proxy", is: "stand-in", what: "takes CONNECT for names that no resolver knows", proof: "test/e2e"},
	{name: "certificate store", is: "real", what: "files, with kills and full disks", proof: "internal/store"},
	{name: "store on PostgreSQL", is: "real", what: "a server of its own, killed while it is written to", proof: "internal/store/postgres"},
	{name: "store on S3", is: "stand-in", what: "gofakes3, which honours conditional writes; AWS cannot be reached from CI", module: "github.com/johannesboyne/gofakes3", proof: "internal/store/s3"},
	{name: "system calls", is: "real", what: "strace shows that the store syncs what it wrote", version: []string{"strace", "--version"}, proof: "internal/store"},
	{name: "Helm chart", is: "real", what: "rendered and linted by Helm's library, decoded by Kubernetes' types, its configuration taken by the worker; no pod is run", proof: "test/shipped/chart"},
	{name: "docker compose", is: "real", what: "compose-go and BuildKit read the files; PostgreSQL, Temporal's server and UI, the workers, Prometheus and Alertmanager are started as processes by the commands, environment and mounts of their services; no container is", proof: "test/shipped/compose TestEveryServiceIsStartedInTheOrderOfTheFileUntilItIsHealthy"},
	{name: "Temporal's command line", is: "stand-in", what: "the commands of deploy/compose/namespace.sh, asked of a real server; Temporal's own cannot be built in CI", proof: "test/shipped/compose TestEveryServiceIsStartedInTheOrderOfTheFileUntilItIsHealthy"},
}

// componentTable tells what each component was in this run.
func (w *workshop) componentTable() string {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, c := range components {
		is, what := c.is, c.what
		if c.proof != "" && w.results.passedIn(c.proof) == 0 {
			is, what = "skipped", "no test of "+c.proof+" passed in this run"
		} else if v := w.version(c); v != "" {
			what = v + "; " + what
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", c.name, is, what)
	}
	race, why := "real", "the tests of stage unit ran with -race"
	if !w.race {
		race, why = "skipped", "no C compiler, or CGO_ENABLED=0"
	}
	fmt.Fprintf(t, "  %s\t%s\t%s\n", "race detector", race, why)
	t.Flush()
	return b.String()
}

func (w *workshop) version(c component) string {
	var cmd *exec.Cmd
	switch {
	case c.module != "":
		cmd = exec.Command("go", "list", "-m", c.module)
		cmd.Dir = w.root
	case len(c.version) > 0:
		program := c.version[0]
		if path, ok := map[string]string{"$NEVERLAPSE_ENGINE": w.engine, "$NEVERLAPSE_STEP_CA": w.stepCA, "$NEVERLAPSE_KUBE_APISERVER": w.kubeAPI, "$NEVERLAPSE_VAULT_KV": w.vaultKV}[program]; ok {
			program = path
		}
		cmd = exec.Command(program, c.version[1:]...)
	default:
		return ""
	}
	var errs strings.Builder // nginx writes its version there, others what does not matter
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	said := strings.TrimSpace(string(out))
	if said == "" {
		said = strings.TrimSpace(errs.String())
	}
	first, _, _ := strings.Cut(said, "\n")
	return first
}
