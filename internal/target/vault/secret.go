package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/vaultapi"
)

// secret is the newest version of one.
type secret struct {
	fields  map[string]json.RawMessage // nil: there is none, or it was deleted
	version int                        // what a write has to name; 0: there never was one
}

// text is a value as Vault keeps it.
func text(s []byte) json.RawMessage {
	value, _ := json.Marshal(string(s)) // a string has no way to fail
	return value
}

// pem is the opposite; nothing for what is no string.
func pem(value json.RawMessage) []byte {
	var s string
	if json.Unmarshal(value, &s) != nil {
		return nil
	}
	return []byte(s)
}

func (t *Target) at(what string) string {
	return vaultapi.Joined(t.options.Mount, what, t.options.Path)
}

// get reads the newest version.
func (t *Target) get(ctx context.Context) (secret, error) {
	var out struct {
		Data struct {
			Data     map[string]json.RawMessage `json:"data"`
			Metadata struct {
				Version int `json:"version"`
			} `json:"metadata"`
		} `json:"data"`
	}
	err := t.client.Ask(ctx, "read it", http.MethodGet, t.at("data"), nil, &out)
	s := secret{out.Data.Data, out.Data.Metadata.Version}
	switch {
	case vaultapi.Absent(err): // a deleted one has its version still
		return secret{version: s.version}, nil
	case err != nil:
		return secret{}, err
	case s.version == 0:
		return secret{}, t.notVersioned()
	}
	return s, nil
}

func (t *Target) notVersioned() error {
	return fault.New(fault.Configuration, "%q is no KV engine of version 2: correct mount, or run: vault kv enable-versioning %s", t.options.Mount, t.options.Mount)
}

// write makes a new version, if the newest still is the one that was read.
// Nothing is written where nothing differs.
func (t *Target) write(ctx context.Context, s secret, fields map[string]json.RawMessage) error {
	if s.fields != nil && maps.EqualFunc(s.fields, fields, func(a, b json.RawMessage) bool { return string(a) == string(b) }) {
		return nil
	}
	return t.client.Ask(ctx, "write it", http.MethodPost, t.at("data"), map[string]any{"options": map[string]int{"cas": s.version}, "data": fields}, nil)
}

// remove deletes the version that was read, so not one that somebody wrote since.
func (t *Target) remove(ctx context.Context, s secret) error {
	if s.fields == nil {
		return nil
	}
	return t.client.Ask(ctx, "delete it", http.MethodPost, t.at("delete"), map[string]any{"versions": []int{s.version}}, nil)
}

// engine makes sure that the mount is a KV engine of version 2: one of version 1
// takes the same requests and means something else. Vault's own command asks in
// the same way.
func (t *Target) engine(ctx context.Context) error {
	var out struct {
		Data struct {
			Path    string            `json:"path"`
			Type    string            `json:"type"`
			Options map[string]string `json:"options"`
		} `json:"data"`
	}
	if err := t.client.Ask(ctx, "find its engine", http.MethodGet, vaultapi.Joined("sys/internal/ui/mounts", t.options.Mount, t.options.Path), nil, &out); err != nil {
		return err
	}
	if out.Data.Options["version"] != "2" || strings.Trim(out.Data.Path, "/") != t.options.Mount {
		return t.notVersioned()
	}
	return nil
}

// allowed asks whether the token may do what will be needed. One that may not
// ask, which Vault's policy "default" allows, finds out when it writes.
func (t *Target) allowed(ctx context.Context, s secret) error {
	needs := map[string]string{t.at("data"): "update"}
	if s.version == 0 {
		needs[t.at("data")] = "create"
	}
	if s.fields == nil { // rolling back takes away what was made
		needs[t.at("delete")] = "update"
	}
	var out struct {
		Data map[string][]string `json:"data"`
	}
	err := t.client.Ask(ctx, "ask for its capabilities", http.MethodPost, "sys/capabilities-self", map[string]any{"paths": slices.Sorted(maps.Keys(needs))}, &out)
	if vaultapi.Denied(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(needs)) {
		if has := out.Data[path]; !slices.Contains(has, needs[path]) && !slices.Contains(has, "root") {
			return fault.New(fault.Configuration, "the token lacks the capability %q on %q; it has %s; %s", needs[path], path, fmt.Sprint(has), policy)
		}
	}
	return nil
}
