package store

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

const (
	hostNameFile = "host"
	reportFile   = "report.json"
)

// handed is a pair as it is sealed for a host.
type handed struct {
	Chain []byte `json:"chain"`
	Key   []byte `json:"key"`
	// KeptKey: there is none, for it is on the host already.
	KeptKey bool `json:"keptKey,omitempty"`
}

func hostFolder(host string) string { return path.Join("hosts", component(host)) }

// given is the room of what a host is given, under its folder.
func (s *Store) given(folder string) room {
	return enter(s.shared, Room{Path: path.Join(folder, "given")})
}

// kept is the room of what a host writes, under its folder.
func (s *Store) kept(folder string) room {
	return enter(s.shared, Room{Path: path.Join(folder, "kept")})
}

// Welcome makes the folder that is shared with a host, if it is not there.
func (s *Store) Welcome(ctx context.Context, host string) error {
	g, k := s.given(hostFolder(host)), s.kept(hostFolder(host))
	if err := k.locked(ctx, func(room) error { return nil }); err != nil {
		return err
	}
	return g.locked(ctx, func(g room) error {
		if now, err := g.read(ctx, hostNameFile); err == nil && string(now) == host+"\n" {
			return nil
		}
		return g.write(ctx, hostNameFile, []byte(host+"\n"))
	})
}

// HandOver seals a version so that a host can open it, and nobody else who does
// not hold the key of the store. Doing it again seals it again, for a host may
// have been given another key. fault.NotFound if there is no such version;
// fault.Configuration if key is not a host's.
func (s *Store) HandOver(ctx context.Context, name string, f cert.Fingerprint, host, key string) error {
	public, err := ParsePublicHostKey(key)
	if err != nil {
		return fault.New(fault.Configuration, "key of host %s: %w", host, err)
	}
	pair, err := s.Pair(ctx, name, f)
	if err != nil {
		return err
	}
	if err := s.Welcome(ctx, host); err != nil {
		return err
	}
	plain, err := json.Marshal(handed(pair))
	if err != nil {
		return err
	}
	defer clear(plain)
	blob, err := sealer{public}.seal(ctx, handedObject(host, name, f), plain)
	if err != nil {
		return err
	}
	r := enter(s.shared, Room{Path: s.given(hostFolder(host)).join("certificates", name), Folders: []string{"versions"}})
	return r.locked(ctx, func(r room) error { return r.write(ctx, path.Join("versions", string(f)+".sealed"), blob) })
}

func handedObject(host, name string, f cert.Fingerprint) string {
	return object("handed", host, name, string(f))
}

// Reported gives what the worker of a host last said of its targets;
// fault.NotFound if it never did.
func (s *Store) Reported(ctx context.Context, host string) (cert.HostReport, error) {
	k := s.kept(hostFolder(host))
	data, err := k.read(ctx, reportFile)
	if errors.Is(err, fs.ErrNotExist) {
		return cert.HostReport{}, fault.New(fault.NotFound, "the worker of host %s has said nothing yet", host)
	}
	if err != nil {
		return cert.HostReport{}, err
	}
	var out cert.HostReport
	if json.Unmarshal(data, &out) != nil || out.Host != host {
		return cert.HostReport{}, fault.New(fault.Configuration, "store %s: %s is not what the worker of host %s writes; restart it", s.shared, k.join(reportFile), host)
	}
	return out, nil
}
