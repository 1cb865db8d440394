package target

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// HAProxy is a running HAProxy on this host. The file is written and checked by
// haproxy -c first, so that a restart at any instant finds a whole pair; then
// the running process is given what stands in the file, or is reloaded.
type HAProxy struct {
	place
	options HAProxyOptions
}

// NewHAProxy makes a target of the kind haproxy; name is for messages.
func NewHAProxy(name string, o HAProxyOptions) (*HAProxy, error) {
	if err := o.Validate(); err != nil {
		return nil, fault.New(fault.Configuration, "haproxy target %q: %w", name, err)
	}
	p, err := newPlace("haproxy", name, o.files())
	if err != nil {
		return nil, fault.New(fault.Configuration, "haproxy target %q: %w", name, err)
	}
	t := &HAProxy{place: p, options: o}
	t.check = []string{o.binary(), "-c"}
	for _, c := range o.config() {
		t.check = append(t.check, "-f", c)
	}
	t.host, t.takeUp = t.configDirectories, t.useFile
	return t, nil
}

// Guarantees are those that hold with the options as they are.
func (t *HAProxy) Guarantees() Guarantees {
	g := HAProxyGuarantees()
	g.Atomic = atomic(t.layout)
	return g
}

// configDirectories are locked while we work: haproxy -c reads the files of
// every target that shares the configuration, and a process has one transaction.
func (t *HAProxy) configDirectories(context.Context) ([]string, error) {
	var out []string
	for _, c := range t.options.config() {
		out = append(out, filepath.Dir(t.machine.resolve(c)))
	}
	return out, nil
}

// errNotByRuntime: the running process cannot take the file as it is; a reload can.
var errNotByRuntime = errors.New("the running HAProxy cannot take it without a reload; set master as well")

// useFile makes the running process use what stands in the file.
func (t *HAProxy) useFile(ctx context.Context) error {
	if t.options.Socket == "" {
		return t.reloadByMaster(ctx)
	}
	err := t.replaceRunning(ctx)
	if errors.Is(err, errNotByRuntime) && t.options.Master != "" {
		return t.reloadByMaster(ctx)
	}
	return err
}

func (t *HAProxy) replaceRunning(ctx context.Context) error {
	r := runtime{socket: t.options.Socket, timeout: t.timeout}
	data, err := t.onDisk()
	if err != nil {
		return err
	}
	if data == nil {
		return fmt.Errorf("%w: %s is not there any more", errNotByRuntime, t.options.bundle())
	}
	payload, err := payloadOf(data)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", errNotByRuntime, t.options.bundle(), err)
	}
	names, err := t.namesInUse(ctx, r)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := r.replace(ctx, name, payload); err != nil {
			return err
		}
		if err := r.uses(ctx, name, data); err != nil {
			return err
		}
	}
	return nil
}

// namesInUse are those by which the running process knows the file, symlinks followed.
func (t *HAProxy) namesInUse(ctx context.Context, r runtime) ([]string, error) {
	known, err := r.certificates(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	ours := t.options.bundle()
	file := t.machine.resolve(ours)
	for _, name := range known {
		if name == ours || filepath.IsAbs(name) && t.machine.resolve(name) == file {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: it has not loaded %s (it knows %s)", errNotByRuntime, ours, shorten(printable(strings.Join(known, ", ")), maxQuoted))
	}
	return out, nil
}

func (t *HAProxy) onDisk() ([]byte, error) {
	found, err := t.layout.read()
	return found[combined], err
}

// Installed reads back the file, and asks the running process whether it uses it.
// One that is down uses nothing else.
func (t *HAProxy) Installed(ctx context.Context) (cert.Version, error) {
	v, err := t.place.Installed(ctx)
	if err != nil || t.options.Socket == "" {
		return v, err
	}
	data, err := t.onDisk()
	if err != nil {
		return v, t.named(err)
	}
	r := runtime{socket: t.options.Socket, timeout: t.timeout}
	names, err := t.namesInUse(ctx, r)
	for _, name := range names {
		err = errors.Join(err, r.uses(ctx, name, data))
	}
	if err != nil && !errors.Is(err, errDown) {
		return v, t.named(fault.New(fault.Proof, "the file holds %s, but: %w", v.Fingerprint.Short(), err))
	}
	return v, nil
}

// sha1Of is the fingerprint by which HAProxy shows a certificate.
func sha1Of(data []byte) (string, error) {
	certs, err := cert.DecodeChain(data)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%X", sha1.Sum(certs[0].Raw)), nil
}
