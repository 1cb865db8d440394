package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

// front is what Vault does before a request reaches a secrets engine.
type front struct {
	world  World
	mounts map[string]mount

	mu     sync.Mutex
	logins map[string]login // by token
	sealed bool
}

type login struct {
	policy Policy
	ends   time.Time
}

var errDenied = errors.New("1 error occurred:\n\t* permission denied\n\n")

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, namespace := strings.TrimPrefix(r.URL.Path, "/v1/"), strings.Trim(r.Header.Get("X-Vault-Namespace"), "/")
	var body map[string]any
	if r.ContentLength != 0 {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			logical.RespondError(w, http.StatusBadRequest, fmt.Errorf("failed to parse JSON input: %w", err))
			return
		}
	}
	policy, known := f.policy(r.Header.Get("X-Vault-Token"))
	switch {
	case path == "sys/unseal" || path == "sys/seal": // anybody may: it is a test
		f.seal(path == "sys/seal")
		w.WriteHeader(http.StatusNoContent)
	case f.isSealed():
		logical.RespondError(w, http.StatusServiceUnavailable, errors.New("Vault is sealed"))
	case strings.HasPrefix(path, "auth/") && strings.HasSuffix(path, "/login"):
		f.login(w, body)
	case !known:
		logical.RespondError(w, http.StatusForbidden, errors.New("2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"))
	case path == "sys/leases/revoke-prefix/auth/approle/login":
		f.revoke()
		w.WriteHeader(http.StatusNoContent)
	case path == "sys/capabilities-self":
		f.capabilities(w, policy, body)
	case strings.HasPrefix(path, "sys/internal/ui/mounts/"):
		f.mountOf(w, policy, namespace, strings.TrimPrefix(path, "sys/internal/ui/mounts/"))
	default:
		f.engine(w, r, policy, namespace, path, body)
	}
}

func (f *front) seal(sealed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sealed = sealed
}

func (f *front) isSealed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sealed
}

// policy is that of a token; known is false for one that is not valid.
func (f *front) policy(token string) (p Policy, known bool) {
	if p, known = f.world.Tokens[token]; known {
		return p, true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	l, known := f.logins[token]
	return l.policy, known && time.Now().Before(l.ends)
}

func (f *front) login(w http.ResponseWriter, body map[string]any) {
	id, _ := body["role_id"].(string)
	role, ok := f.world.Roles[id]
	if !ok || role.SecretID != body["secret_id"] {
		logical.RespondError(w, http.StatusBadRequest, errors.New("invalid role or secret ID"))
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	token := fmt.Sprintf("hvs.login-%d", len(f.logins)+1)
	f.logins[token] = login{role.Policy, time.Now().Add(time.Duration(role.TTL * float64(time.Second)))}
	answer(w, http.StatusOK, map[string]any{"auth": map[string]any{"client_token": token, "lease_duration": int(role.TTL), "renewable": true}})
}

// revoke ends all tokens of AppRole.
func (f *front) revoke() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for token, l := range f.logins {
		l.ends = time.Time{}
		f.logins[token] = l
	}
}

// on gives the capabilities for a path: of the exact one, or else of the longest prefix.
func (p Policy) on(path string) []string {
	best, found := []string{"deny"}, -1
	for pattern, capabilities := range p {
		prefix, isPrefix := strings.CutSuffix(pattern, "*")
		switch {
		case !isPrefix && pattern == path:
			return capabilities
		case isPrefix && strings.HasPrefix(path, prefix) && len(prefix) > found:
			best, found = capabilities, len(prefix)
		}
	}
	return best
}

func (f *front) capabilities(w http.ResponseWriter, p Policy, body map[string]any) {
	out := map[string]any{}
	paths, _ := body["paths"].([]any)
	for _, x := range paths {
		out[fmt.Sprint(x)] = p.on(fmt.Sprint(x))
	}
	top := maps.Clone(out)
	top["data"] = out
	answer(w, http.StatusOK, top)
}

func (f *front) find(namespace, path string) (m mount, where, rest string) {
	for full, m := range f.mounts {
		inside, ok := strings.CutPrefix(full, namespace+"/")
		if namespace == "" {
			inside, ok = full, true
		}
		if rest, under := strings.CutPrefix(path+"/", inside+"/"); ok && under {
			return m, inside, strings.TrimSuffix(rest, "/")
		}
	}
	return mount{}, "", ""
}

// mountOf tells the mount of a path to whoever may do anything below it.
func (f *front) mountOf(w http.ResponseWriter, p Policy, namespace, path string) {
	m, where, _ := f.find(namespace, path)
	may := slices.ContainsFunc(slices.Collect(maps.Keys(p)), func(pattern string) bool {
		return strings.HasPrefix(pattern, where+"/") || strings.HasPrefix(where+"/", strings.TrimSuffix(pattern, "*"))
	})
	if m.engine == nil || !may {
		logical.RespondError(w, http.StatusForbidden, fmt.Errorf("preflight capability check returned 403, please ensure client's policies grant access to path %q", path+"/"))
		return
	}
	answer(w, http.StatusOK, map[string]any{"data": map[string]any{"path": where + "/", "type": m.kind(), "options": map[string]string{"version": m.version}}})
}

var operations = map[string]logical.Operation{
	http.MethodGet: logical.ReadOperation, http.MethodPost: logical.UpdateOperation, http.MethodPut: logical.UpdateOperation, http.MethodDelete: logical.DeleteOperation,
}

// engine passes a request on to the secrets engine.
func (f *front) engine(w http.ResponseWriter, r *http.Request, p Policy, namespace, path string, body map[string]any) {
	m, where, rest := f.find(namespace, path)
	req := &logical.Request{Operation: operations[r.Method], Path: rest, Data: body, Storage: m.storage, MountPoint: where + "/", MountType: m.kind()}
	if m.engine != nil && req.Operation == logical.UpdateOperation {
		if checks, exists, err := m.engine.HandleExistenceCheck(r.Context(), req); err == nil && checks && !exists {
			req.Operation = logical.CreateOperation
		}
	}
	if needed := string(req.Operation); !slices.Contains(p.on(path), needed) {
		logical.RespondError(w, http.StatusForbidden, errDenied)
		return
	}
	if m.engine == nil {
		logical.RespondError(w, http.StatusNotFound, fmt.Errorf("no handler for route %q. route entry not found.", path))
		return
	}
	resp, err := m.engine.HandleRequest(r.Context(), req)
	respond(w, req, resp, err)
}

func respond(w http.ResponseWriter, req *logical.Request, resp *logical.Response, err error) {
	status, err := logical.RespondErrorCommon(req, resp, err)
	switch {
	case err != nil || status != 0:
		logical.RespondError(w, status, err)
	case resp == nil:
		w.WriteHeader(http.StatusNoContent)
	case resp.Data[logical.HTTPStatusCode] != nil: // the engine answers by itself
		status, _ := resp.Data[logical.HTTPStatusCode].(int)
		w.Header().Set("Content-Type", fmt.Sprint(resp.Data[logical.HTTPContentType]))
		w.WriteHeader(status)
		switch raw := resp.Data[logical.HTTPRawBody].(type) {
		case string:
			_, _ = w.Write([]byte(raw))
		case []byte:
			_, _ = w.Write(raw)
		}
	default:
		answer(w, http.StatusOK, map[string]any{"data": resp.Data})
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
