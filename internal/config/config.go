// Package config reads and checks the configuration of the worker and of the
// operators' CLI: one struct, from one YAML file and the environment. app and
// the two programs call it. It decodes strictly, says everything that is wrong
// at once, and touches nothing but that file and the calendars that it names: it dials nobody, opens no
// listener and knows no adapter. Certificates are not configured here; people
// enroll them.
package config

import (
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/gather"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
)

// Config is everything that can be configured. Load gives one that is complete
// and valid.
type Config struct {
	// Source is the file it was read from; empty when there was none.
	Source string `mapstructure:"-"`
	// Env is the environment that it was read with, as os.Environ gives it.
	Env []string `mapstructure:"-"`

	Data        string             `mapstructure:"data"` // absolute after Load
	Temporal    Temporal           `mapstructure:"temporal"`
	Engine      Engine             `mapstructure:"engine"`
	HTTP        HTTP               `mapstructure:"http"`
	ACMEHTTP    ACMEHTTP           `mapstructure:"acme_http"`
	ACMETLS     ACMETLS            `mapstructure:"acme_tls"`
	ACMEDNS     ACMEDNS            `mapstructure:"acme_dns"`
	Scan        Scan               `mapstructure:"scan"`
	Store       Store              `mapstructure:"store"`
	CAs         []Adapter          `mapstructure:"cas"`
	DNS         []Adapter          `mapstructure:"dns"`
	RenewalInfo RenewalInfo        `mapstructure:"renewal_info"`
	Targets     []Adapter          `mapstructure:"targets"`
	Hosts       []Host             `mapstructure:"hosts"`
	Sources     []Source           `mapstructure:"sources"`
	Channels    []Adapter          `mapstructure:"channels"`
	Delivery    Delivery           `mapstructure:"delivery"`
	Bounces     Bounces            `mapstructure:"bounces"`
	People      []people.Person    `mapstructure:"people"`
	Teams       []people.Team      `mapstructure:"teams"`
	CatchAll    string             `mapstructure:"catch_all"`
	Calendars   []Calendar         `mapstructure:"calendars"`
	Permissions people.Permissions `mapstructure:"permissions"`
	Routes      []alert.Route      `mapstructure:"routes"`
	// AcceptEmailAlone lets P1 and P2 go to people who are reached by e-mail alone.
	AcceptEmailAlone bool `mapstructure:"accept_email_alone"`

	Policies     []lifecycle.Policy `mapstructure:"policies"` // after Load complete, "default" among them
	Environments []Environment      `mapstructure:"environments"`
	Handover     Handover           `mapstructure:"handover"`
	Gather       gather.Rules       `mapstructure:"gather"`
	Digest       Digest             `mapstructure:"digest"`
	Log          Log                `mapstructure:"log"`
	Metrics      Metrics            `mapstructure:"metrics"`
	Heartbeat    Heartbeat          `mapstructure:"heartbeat"`
	Watchman     Watchman           `mapstructure:"watchman"`
	Canary       Canary             `mapstructure:"canary"`
	Traces       Traces             `mapstructure:"traces"`
}

// Temporal says which cluster to join.
type Temporal struct {
	Address       string        `mapstructure:"address"` // host:port; empty: the embedded engine
	Namespace     string        `mapstructure:"namespace"`
	TaskQueue     string        `mapstructure:"task_queue"`
	Machine       string        `mapstructure:"machine"` // what workers with the same files call where they are; empty: the host's name
	TLS           TLS           `mapstructure:"tls"`
	APIKeyFile    string        `mapstructure:"api_key_file"`
	StickyTimeout time.Duration `mapstructure:"sticky_timeout"`
	CacheSize     int           `mapstructure:"cache_size"`    // workflows
	QueueTimeout  time.Duration `mapstructure:"queue_timeout"` // until the worker of a host counts as absent
	PatchLevel    int           `mapstructure:"patch_level"`   // the newest patch that workflows take; 0: the newest that all workers know
	UIURL         string        `mapstructure:"ui_url"`
	Encryption    Encryption    `mapstructure:"encryption"`
}

// Encryption says by which keys what is sent to Temporal is encrypted there.
type Encryption struct {
	Use  string          `mapstructure:"use"` // id of the key that encrypts; empty: nothing is encrypted
	Keys []EncryptionKey `mapstructure:"keys"`
}

// EncryptionKey is one of which a file or an environment variable holds the
// base64 of 32 bytes.
type EncryptionKey struct {
	ID   string `mapstructure:"id"`
	File string `mapstructure:"file"`
	Env  string `mapstructure:"env"`
}

// UsesTLS reports whether the connection is to be encrypted.
func (t Temporal) UsesTLS() bool { return t.TLS != TLS{} || t.APIKeyFile != "" }

// TLS says how to speak to the cluster. Every file holds PEM.
type TLS struct {
	CertFile   string `mapstructure:"cert_file"`
	KeyFile    string `mapstructure:"key_file"`
	CAFile     string `mapstructure:"ca_file"` // empty: the system's
	ServerName string `mapstructure:"server_name"`
}

// Engine says how to run the embedded Temporal server; it counts when
// Temporal.Address is empty.
type Engine struct {
	Binary  string `mapstructure:"binary"`
	IP      string `mapstructure:"ip"`
	Port    int    `mapstructure:"port"`    // 0: a free one
	UIPort  int    `mapstructure:"ui_port"` // 0: a free one
	LogFile string `mapstructure:"log_file"`
}

// HTTP is the listener of the page, Slack's clicks, metrics and health.
type HTTP struct {
	Listen string `mapstructure:"listen"`
	URL    string `mapstructure:"url"` // base of links, without a slash at the end; never empty after Load
	// TokenFile holds lines of PERSON TOKEN; empty: the page is for loopback addresses only.
	TokenFile string `mapstructure:"token_file"`
}

// ACMEHTTP is the listener that answers HTTP-01 challenges for every CA of the process.
type ACMEHTTP struct {
	Listen string   `mapstructure:"listen"` // empty: none
	Peers  []string `mapstructure:"peers"`  // host:port of the listeners of all workers
}

// ACMETLS is the listener that answers TLS-ALPN-01 challenges for every CA of the process.
type ACMETLS struct {
	Listen string `mapstructure:"listen"` // empty: none
}

// ACMEDNS says whom to ask about names before and while a CA is asked to prove them.
type ACMEDNS struct {
	Resolvers []string `mapstructure:"resolvers"` // host or host:port; empty: those of the system
}

// Scan says how to look at what is served.
type Scan struct {
	RootsFile   string   `mapstructure:"roots_file"`   // PEM, trusted beside the system's; empty: none
	Allow       []string `mapstructure:"allow"`        // networks that may be looked into although a wider one is refused
	Deny        []string `mapstructure:"deny"`         // networks that are not looked into
	UnwantedCAs []string `mapstructure:"unwanted_cas"` // pieces of the names of CAs
	Wildcards   string   `mapstructure:"wildcards"`    // allowed or unwanted
}

// Store says where versions, accounts and the journal are kept. Options are the kind's own.
type Store struct {
	Kind    string         `mapstructure:"kind"`
	Options map[string]any `mapstructure:"options"`
}

// RenewalInfo says how CAs are asked when they would have certificates renewed (ARI).
type RenewalInfo struct {
	PollEvery time.Duration `mapstructure:"poll_every"`
}

// Adapter is a named CA, DNS provider, target or channel. Options are the kind's own.
type Adapter struct {
	Name    string         `mapstructure:"name"`
	Kind    string         `mapstructure:"kind"`
	Options map[string]any `mapstructure:"options"`
}

// Delivery says how channels prove that somebody reads them.
type Delivery struct {
	ProofOfLife time.Duration `mapstructure:"proof_of_life"` // from one to the next; 0: never
	ProofWithin time.Duration `mapstructure:"proof_within"`  // that somebody has to answer in
	ProofTo     string        `mapstructure:"proof_to"`      // person or team; empty: on call in the catch-all team
}

// Bounces says how mail that comes back is taken.
type Bounces struct {
	Address  string `mapstructure:"address"`   // return path: bounces@mail.example.com; empty: that of the sender
	Listen   string `mapstructure:"listen"`    // SMTP; empty: none
	CertFile string `mapstructure:"cert_file"` // PEM, for STARTTLS; empty: none
	KeyFile  string `mapstructure:"key_file"`  // PEM
	// RequireTLS refuses what is not encrypted.
	RequireTLS bool   `mapstructure:"require_tls"`
	TokenFile  string `mapstructure:"token_file"` // of what mail services post; empty: nothing is taken
}

// Environment gives certificates of an environment a policy.
type Environment struct {
	Name   string `mapstructure:"name"`
	Policy string `mapstructure:"policy"`
}

// Handover says how long people have to take over what somebody leaves behind.
type Handover struct {
	AnswerWithin time.Duration `mapstructure:"answer_within"`
}

// Digest says when each team is told of its week.
type Digest struct {
	Day   string `mapstructure:"day"`   // mon to sun, or never
	At    string `mapstructure:"at"`    // 09:00, in the team's time zone
	Empty bool   `mapstructure:"empty"` // also when there is nothing to tell
}

// digestDays are the days as time.Weekday counts.
var digestDays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// When gives the day and the time of day; false if there is to be no digest.
func (d Digest) When() (day time.Weekday, hour, minute int, on bool) {
	i := slices.Index(digestDays, d.Day)
	at, err := time.Parse("15:04", d.At)
	return time.Weekday(max(i, 0)), at.Hour(), at.Minute(), i >= 0 && err == nil
}

// Log says what is written to standard error.
type Log struct {
	Level  string `mapstructure:"level"`
	Format string `mapstructure:"format"`
}

// Metrics says how the worker is watched by machines.
type Metrics struct {
	Listen       string        `mapstructure:"listen"`       // empty: that of HTTP
	TokenFile    string        `mapstructure:"token_file"`   // of whoever reads them; empty: none is asked for
	Every        time.Duration `mapstructure:"every"`        // at least, between two looks at the engine and the store
	Certificates int           `mapstructure:"certificates"` // that are told one by one, at most
}

// Traces says where spans are sent.
type Traces struct {
	Endpoint string `mapstructure:"endpoint"` // of OTLP over HTTP; empty: where OpenTelemetry's variables say, if they do
}

// Heartbeat says which dead-man's switch outside is told that the worker can work.
type Heartbeat struct {
	URLFile string        `mapstructure:"url_file"` // empty: none is
	Every   time.Duration `mapstructure:"every"`
}

// Watchman says how often what is enrolled is compared with what is guarded.
type Watchman struct {
	Every time.Duration `mapstructure:"every"`
}

// Canary is a certificate that is renewed all the time, so that what would stop
// renewals is seen before one is due.
type Canary struct {
	CA        string        `mapstructure:"ca"` // empty: there is no canary
	Names     []string      `mapstructure:"names"`
	Every     time.Duration `mapstructure:"every"`
	Staging   bool          `mapstructure:"staging"` // nobody trusts what the CA issues, although its directory is not known as such
	KeyType   string        `mapstructure:"key_type"`
	Profile   string        `mapstructure:"profile"`
	Challenge string        `mapstructure:"challenge"`
	DNS       string        `mapstructure:"dns"`
	Target    string        `mapstructure:"target"`   // empty: it is read back from the store
	Endpoint  string        `mapstructure:"endpoint"` // that shows what Target has; empty: Target is read back
	Team      string        `mapstructure:"team"`     // told beside the catch-all team
}

// Default is what counts where nothing is configured.
func Default() Config {
	return Config{
		Data: "./data",
		Temporal: Temporal{
			Namespace: "default", TaskQueue: "neverlapse", StickyTimeout: time.Minute, CacheSize: 4000, QueueTimeout: 2 * time.Minute,
		},
		Engine:      Engine{IP: "127.0.0.1"},
		HTTP:        HTTP{Listen: "127.0.0.1:8080"},
		ACMEHTTP:    ACMEHTTP{Listen: ":80"},
		Store:       Store{Kind: "files"},
		Scan:        Scan{Wildcards: WildcardsAllowed},
		RenewalInfo: RenewalInfo{PollEvery: 30 * time.Minute},
		Handover:    Handover{AnswerWithin: lifecycle.AnswerWithin},
		Gather:      gather.Default(),
		Delivery:    Delivery{ProofOfLife: 30 * 24 * time.Hour, ProofWithin: 7 * 24 * time.Hour},
		Digest:      Digest{Day: "mon", At: "09:00"},
		Log:         Log{Level: "info", Format: "text"},
		Heartbeat:   Heartbeat{Every: time.Minute},
		Watchman:    Watchman{Every: 30 * time.Minute},
		Canary:      Canary{Every: 24 * time.Hour},
		Metrics:     Metrics{Every: 30 * time.Second, Certificates: 20000},
	}
}
