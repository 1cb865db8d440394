package target

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// The verbs, as programs see them in NEVERLAPSE_VERB.
const (
	verbInstall = "install"
	verbCurrent = "current"
	verbCapture = "capture"
	verbRestore = "restore"
	verbCheck   = "check"
	verbVerify  = "verify"
)

// contract changes when programs that keep to an older one would not work.
const contract = "1"

// Exit statuses that mean more than "failed"; the numbers are those of sysexits.h.
const (
	exitUnsupported = 64 // EX_USAGE: the program does not know the verb, or knows no way back
	exitLater       = 75 // EX_TEMPFAIL: nothing was changed, and later it may work
	exitBroken      = 78 // EX_CONFIG: the configuration was broken already; nothing was written
)

// pemNames are the files that install finds in its folder.
var pemNames = []string{"fullchain.pem", "cert.pem", "chain.pem", "key.pem", "names.txt"}

// fill writes the pair into the private folder.
func (t *Exec) fill(s *scratch, pair cert.Pair) (cert.Version, error) {
	c, err := render(pair, t.options.Keystores)
	if err != nil {
		return cert.Version{}, err
	}
	v, err := pair.Version()
	if err != nil {
		return v, fault.New(fault.Invalid, "pair: %w", err)
	}
	if err := harmless(v.Names); err != nil {
		return v, err
	}
	files := map[string][]byte{
		"fullchain.pem": c.bytes[fullchain], "cert.pem": c.bytes[certificate], "chain.pem": c.bytes[chain], "key.pem": c.bytes[key],
		"names.txt": []byte(strings.Join(v.Names, "\n") + "\n"),
	}
	if t.options.PKCS12 != "" {
		files[t.options.PKCS12] = c.bytes[pkcs12]
	}
	if t.options.JKS != "" {
		files[t.options.JKS] = c.bytes[jks]
	}
	for name, data := range files {
		if err := s.write(name, data); err != nil {
			return v, fmt.Errorf("write %s for install: %w", name, err)
		}
	}
	return v, nil
}

var harmlessName = regexp.MustCompile(`^[A-Za-z0-9*_][A-Za-z0-9._:-]*$`)

// harmless refuses names that mean something to a shell or an option parser: a
// program that forgets its quotes must not come to harm by what a CA wrote.
func harmless(names []string) error {
	for _, n := range names {
		if !harmlessName.MatchString(n) {
			return fault.New(fault.Invalid, "pair: the certificate has the name %q, which is given to no program", n)
		}
	}
	return nil
}

// run runs the program of a verb about a version (of what is to be there); no
// program is a success.
func (t *Exec) run(ctx context.Context, s *scratch, verb string, v cert.Version) result {
	return t.start(ctx, s, verb, v, nil)
}

func (t *Exec) start(ctx context.Context, s *scratch, verb string, v cert.Version, stdout io.Writer) result {
	argv := t.options.argv(verb)
	if len(argv) == 0 {
		return result{}
	}
	r := command{
		argv: argv, timeout: t.options.timeout(), grace: termGrace, env: t.environment(s, verb, v), stdout: stdout,
	}.run(ctx)
	r.output = t.discreet(r.output)
	return r
}

// minSecret is how long a value must be to be looked for: shorter ones are in every text.
const minSecret = 6

// discreet removes the secrets that programs were given from what they printed.
func (t *Exec) discreet(output string) string {
	hide := func(secret, what string) {
		if len(secret) >= minSecret {
			output = strings.ReplaceAll(output, printable(secret), "["+what+" removed]")
		}
	}
	if t.options.wanted() {
		if p, err := t.options.password(); err == nil {
			hide(p, "keystore password")
		}
	}
	for _, name := range t.options.PassEnv {
		hide(os.Getenv(name), "value of "+name)
	}
	return output
}

// environment is everything a program sees beside PATH, LANG and HOME. No key
// and no password is in it.
func (t *Exec) environment(s *scratch, verb string, v cert.Version) []string {
	out := []string{
		"TMPDIR=" + s.path(tempName),
		"NEVERLAPSE_CONTRACT=" + contract,
		"NEVERLAPSE_VERB=" + verb,
		"NEVERLAPSE_TARGET=" + t.name,
		"NEVERLAPSE_PLACE=" + t.options.Place,
		"NEVERLAPSE_DIR=" + s.dir,
		"NEVERLAPSE_CAPTURE=" + s.path(captureName),
		"NEVERLAPSE_FINGERPRINT=" + string(v.Fingerprint),
		"NEVERLAPSE_SERIAL=" + v.Serial,
		"NEVERLAPSE_NOT_BEFORE=" + instant(v.NotBefore),
		"NEVERLAPSE_NOT_AFTER=" + instant(v.NotAfter),
	}
	if verb == verbInstall {
		out = append(out, "NEVERLAPSE_NAMES="+strings.Join(v.Names, " "))
	}
	if t.options.wanted() {
		out = append(out, "NEVERLAPSE_KEYSTORE_PASSWORD_FILE="+t.options.KeystorePasswordFile)
	}
	for name, value := range t.options.Env {
		out = append(out, name+"="+value)
	}
	for _, name := range t.options.PassEnv {
		out = append(out, name+"="+os.Getenv(name))
	}
	return out
}

func instant(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

// refusal says what follows from the exit status of a program.
func (t *Exec) refusal(ctx context.Context, verb string, r result, kind fault.Kind, what string) error {
	if err := interrupted(ctx); err != nil {
		return fmt.Errorf("%s was ended before it was done: %w", verb, err)
	}
	switch {
	case !r.ran():
		return fault.New(fault.Configuration, "%s: %s could not be started: %w", what, verb, r)
	case r.exitCode == exitLater:
		return fault.New(fault.Unavailable, "%s asks to be tried again later: %w", verb, r)
	case r.exitCode == exitUnsupported && (verb == verbCapture || verb == verbRestore):
		return fault.New(fault.Configuration, "%s: %s says that there is no way back: %w", what, verb, r)
	case r.exitCode == exitUnsupported:
		return fault.New(fault.Configuration, "%s: the program does not know the verb %s; correct its argument list: %w", what, verb, r)
	case r.exitCode == exitBroken && verb == verbInstall:
		return fault.New(fault.Configuration, "%s: install says that the configuration was broken already: %w", what, r)
	}
	return fault.New(kind, "%s: %w", what, r)
}

// ran tells whether the program was started at all.
func (r result) ran() bool {
	var ended *exec.ExitError
	return r.killed > 0 || errors.As(r.err, &ended) || errors.Is(r.err, exec.ErrWaitDelay)
}

// maxPrinted bounds what current may print.
const maxPrinted = 1 << 20

// capped keeps the first maxPrinted bytes. It is no bytes.Buffer itself, which
// would be read into by io.Copy without a bound.
type capped struct {
	kept bytes.Buffer
	over bool
}

func (c *capped) Write(p []byte) (int, error) {
	fits := p[:min(len(p), maxPrinted-c.kept.Len())]
	c.over = c.over || len(fits) < len(p)
	c.kept.Write(fits)
	return len(p), nil
}

// current is the version that the program current prints.
func (t *Exec) current(ctx context.Context, s *scratch) (cert.Version, error) {
	var out capped
	if r := t.start(ctx, s, verbCurrent, cert.Version{}, &out); !r.ok() {
		return cert.Version{}, t.refusal(ctx, verbCurrent, r, fault.Configuration, "what is there cannot be read back")
	}
	if out.over {
		return cert.Version{}, fault.New(fault.Configuration, "current printed more than %d bytes; it must print the certificate alone", maxPrinted)
	}
	v, err := printed(out.kept.Bytes())
	if err != nil && !fault.Is(err, fault.NotFound) {
		words := shorten(printable(withoutKeys(strings.TrimSpace(out.kept.String()))), 400)
		return v, fault.New(fault.Configuration, "current: %w; it printed: %s", err, words)
	}
	return v, err
}

var (
	printedFingerprint = regexp.MustCompile(`(?i)^(?:sha-?256[ _]fingerprint=)?([0-9a-f]{2}(?::?[0-9a-f]{2}){31})$`)
	printedDate        = regexp.MustCompile(`(?i)^notafter=(.*)$`)
)

// printed reads a chain in PEM, leaf first; or, as openssl x509 -fingerprint
// -sha256 -enddate prints them, a fingerprint and the end of its validity.
// Nothing printed is no certificate.
func printed(out []byte) (cert.Version, error) {
	text := strings.TrimSpace(string(out))
	if text == "" {
		return cert.Version{}, fault.New(fault.NotFound, "%w", errNoCertificate)
	}
	if strings.Contains(text, "-----BEGIN ") {
		certs, err := cert.DecodeChain(out)
		if err != nil {
			return cert.Version{}, err
		}
		return cert.VersionOf(certs[0]), nil
	}
	var v cert.Version
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if m := printedFingerprint.FindStringSubmatch(line); m != nil {
			v.Fingerprint = cert.Fingerprint(strings.ToLower(strings.ReplaceAll(m[1], ":", "")))
		}
		if m := printedDate.FindStringSubmatch(line); m != nil {
			v.NotAfter = dateOf(m[1])
		}
	}
	if v.Fingerprint == "" || v.NotAfter.IsZero() {
		return cert.Version{}, errors.New("neither a chain in PEM, nor a SHA-256 fingerprint and a line notAfter=DATE, nor nothing")
	}
	return v, nil
}

// dateOf reads what openssl prints, and RFC 3339; zero for anything else.
func dateOf(text string) time.Time {
	for _, layout := range []string{time.RFC3339, "Jan _2 15:04:05 2006 MST"} {
		if at, err := time.Parse(layout, strings.TrimSpace(text)); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}
