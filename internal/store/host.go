package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Host is the part of a store that one host may see: the folder hosts/HOST,
// there or shared under another path. It opens what was sealed for its key and
// nothing else, and needs to write only below kept.
type Host struct {
	files  *Store
	name   string
	key    hostKey
	handed sealer
	own    sealer
}

// HostPublicKey is the half of the key at KeyFile or KeyEnv that the centre has to know.
func (o Options) HostPublicKey() (PublicHostKey, error) {
	k, err := o.hostKey()
	if err != nil {
		return PublicHostKey{}, err
	}
	return k.public(), nil
}

func (o Options) hostKey() (hostKey, error) {
	if err := o.Validate(); err != nil {
		return hostKey{}, fault.New(fault.Configuration, "store: %w", err)
	}
	if _, err := os.Stat(o.KeyFile); o.KeyFile != "" && errors.Is(err, fs.ErrNotExist) {
		return hostKey{}, fault.New(fault.Configuration, "store: key_file: %w; make the key of this host with: neverlapse-worker --role target --queue HOST --init", err)
	}
	text, from, err := o.keyText()
	if err != nil {
		return hostKey{}, fault.New(fault.Configuration, "store: %w", err)
	}
	k, err := parseHostKey(text)
	if err != nil {
		return hostKey{}, fault.New(fault.Configuration, "store: %s %w", from, err)
	}
	return k, nil
}

// OpenHost opens the folder of a host with the host's key. A folder that is not
// there, or is that of another, is fault.Configuration.
func (o Options) OpenHost(name string) (*Host, error) {
	k, err := o.hostKey()
	if err != nil {
		return nil, err
	}
	own, err := k.own()
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(o.Path)
	if err != nil {
		return nil, fault.New(fault.Configuration, "store: %w; share the folder %s of the centre's store with this host", err, hostFolder(name))
	}
	part := &folder{dir: o.Path, root: root}
	h := &Host{files: &Store{medium: part, shared: part}, name: name, key: k, handed: sealer{k}, own: sealer{own}}
	if err := h.recognise(context.Background()); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return h, nil
}

func (h *Host) recognise(ctx context.Context) error {
	text, err := h.files.given(".").read(ctx, hostNameFile)
	switch found := strings.TrimSpace(string(text)); {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.Configuration, "store: %s is not the folder of a host; share the folder %s of the centre's store here (is it mounted?). The centre makes it when it starts with the host in its configuration", h.files.medium, hostFolder(h.name))
	case err != nil:
		return err
	case found != h.name:
		return fault.New(fault.Configuration, "store: %s is the folder of host %q, not of %q; share the other one, or start with --queue %s", h.files.medium, found, h.name, found)
	}
	return nil
}

// Pair gives a version that was handed over; fault.NotFound if it was not. What
// comes back is what the fingerprint says, whoever wrote it.
func (h *Host) Pair(ctx context.Context, name string, f cert.Fingerprint) (cert.Pair, error) {
	if err := errors.Join(cert.ValidateName(name), validFingerprint(f)); err != nil {
		return cert.Pair{}, fault.New(fault.Invalid, "store: %w", err)
	}
	r := h.files.given(".")
	where := path.Join("certificates", name, "versions", string(f)+".sealed")
	blob, err := r.read(ctx, where)
	if err != nil {
		return cert.Pair{}, err
	}
	plain, err := h.handed.unseal(ctx, handedObject(h.name, name, f), blob)
	if err != nil {
		return cert.Pair{}, fmt.Errorf("%w; is the key of host %s in the centre's configuration %s?", err, h.name, h.key.public())
	}
	defer clear(plain)
	var pair handed
	if err := json.Unmarshal(plain, &pair); err != nil {
		return cert.Pair{}, h.files.damaged(r.join(where), errors.New("it is not a pair"))
	}
	v, _, err := examine(cert.Pair(pair))
	if err == nil && v.Fingerprint != f {
		err = errMismatch
	}
	if err != nil {
		return cert.Pair{}, h.files.damaged(r.join(where), err)
	}
	return cert.Pair(pair), nil
}

func (h *Host) certificate(name string) (room, error) {
	r := h.files.room(h.files.kept(".").join("certificates", name), "captures")
	if err := cert.ValidateName(name); err != nil {
		return r, fault.New(fault.Invalid, "store: %w", err)
	}
	return r, nil
}

// PutCapture seals what a target of this host had, as Store does.
func (h *Host) PutCapture(ctx context.Context, name, deployment, target string, data []byte) error {
	r, err := h.certificate(name)
	if err != nil {
		return err
	}
	return r.putCapture(ctx, h.own, capture{name, deployment, target}, data)
}

// Capture gives it back byte for byte; fault.NotFound if there is none.
func (h *Host) Capture(ctx context.Context, name, deployment, target string) ([]byte, error) {
	r, err := h.certificate(name)
	if err != nil {
		return nil, err
	}
	return r.capture(ctx, h.own, capture{name, deployment, target})
}

// Report tells the centre what the targets of this host are.
func (h *Host) Report(ctx context.Context, report cert.HostReport) error {
	report.Host = h.name
	data, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	r := h.files.kept(".")
	return r.locked(ctx, func(r room) error { return r.write(ctx, reportFile, append(data, '\n')) })
}

// Close gives back the directory.
func (h *Host) Close() error { return h.files.medium.Close() }
