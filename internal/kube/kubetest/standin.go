package kubetest

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
)

// StandIn is what the API server does to Secrets, without etcd and RBAC, for
// runs that have no kube-apiserver: versions of objects and conflicts, merge
// patches, dry runs, what cannot change of a Secret, preconditions of a delete.
// The same tests run on both, so that it is held to what the real one does.
// Everybody with the administrator's token may do everything.
func StandIn() *Cluster {
	s := &standIn{objects: map[string]object{}}
	server := httptest.NewTLSServer(s)
	return &Cluster{
		URL: server.URL, CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
		admin: server.Client(), close: server.Close,
	}
}

type object = map[string]any

type standIn struct {
	mu      sync.Mutex
	objects map[string]object // by path
	version int
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body object
	if r.ContentLength != 0 {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			refuse(w, http.StatusBadRequest, "BadRequest", err.Error())
			return
		}
	}
	keep := r.URL.Query().Get("dryRun") == ""
	switch path := r.URL.Path; {
	case r.Header.Get("Authorization") != "Bearer "+adminToken:
		refuse(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized")
	case strings.HasSuffix(path, "/selfsubjectaccessreviews"):
		body["status"] = object{"allowed": true}
		answer(w, http.StatusCreated, body)
	case r.Method == http.MethodPost:
		s.create(w, path, body, keep)
	case s.objects[path] == nil:
		refuse(w, http.StatusNotFound, "NotFound", fmt.Sprintf("%s %q not found", kindOf(path), nameOf(path)))
	case r.Method == http.MethodPatch:
		s.patch(w, path, body, keep)
	case r.Method == http.MethodDelete:
		s.delete(w, path, body)
	default:
		answer(w, http.StatusOK, s.objects[path])
	}
}

func kindOf(path string) string { parts := strings.Split(path, "/"); return parts[len(parts)-2] }
func nameOf(path string) string { return path[strings.LastIndex(path, "/")+1:] }

func part(o object, name string) object {
	p, _ := o[name].(object)
	return p
}

func (s *standIn) next() string {
	s.version++
	return fmt.Sprint(s.version)
}

func (s *standIn) create(w http.ResponseWriter, at string, o object, keep bool) {
	meta := part(o, "metadata")
	path := fmt.Sprintf("%s/%s", at, meta["name"])
	namespace, inside := strings.CutSuffix(at, "/secrets")
	if inside && s.objects[namespace] == nil {
		refuse(w, http.StatusNotFound, "NotFound", fmt.Sprintf("namespaces %q not found", nameOf(namespace)))
		return
	}
	if s.objects[path] != nil {
		refuse(w, http.StatusConflict, "AlreadyExists", fmt.Sprintf("%s %q already exists", kindOf(path), meta["name"]))
		return
	}
	if inside {
		o["kind"], o["apiVersion"] = "Secret", "v1"
		if o["type"] == nil {
			o["type"] = "Opaque"
		}
		if why := invalid(o); why != "" {
			refuse(w, http.StatusUnprocessableEntity, "Invalid", why)
			return
		}
	}
	meta["uid"], meta["resourceVersion"] = "uid-"+s.next(), s.next()
	if keep {
		s.objects[path] = o
	}
	answer(w, http.StatusCreated, o)
}

// invalid is what validation says of a Secret.
func invalid(o object) string {
	data := part(o, "data")
	if o["type"] != "kubernetes.io/tls" {
		return ""
	}
	for _, k := range []string{"tls.crt", "tls.key"} {
		if _, ok := data[k].(string); !ok {
			return fmt.Sprintf("Secret is invalid: data[%s]: Required value", k)
		}
	}
	return ""
}

func (s *standIn) patch(w http.ResponseWriter, path string, patch object, keep bool) {
	was := s.objects[path]
	for _, k := range []string{"uid", "resourceVersion"} {
		if want, ok := part(patch, "metadata")[k]; ok && want != part(was, "metadata")[k] {
			refuse(w, http.StatusConflict, "Conflict", "the object has been modified; please apply your changes to the latest version and try again")
			return
		}
	}
	now := merged(was, patch)
	changed := !reflect.DeepEqual(was, now)
	switch {
	case changed && was["immutable"] == true && !reflect.DeepEqual(was["data"], now["data"]):
		refuse(w, http.StatusUnprocessableEntity, "Invalid", "data: Forbidden: field is immutable when `immutable` is set")
		return
	case was["type"] != now["type"]:
		refuse(w, http.StatusUnprocessableEntity, "Invalid", "type: Invalid value: field is immutable")
		return
	case invalid(now) != "":
		refuse(w, http.StatusUnprocessableEntity, "Invalid", invalid(now))
		return
	}
	if changed {
		part(now, "metadata")["resourceVersion"] = s.next()
	}
	if keep {
		s.objects[path] = now
	}
	answer(w, http.StatusOK, now)
}

// merged is a JSON merge patch (RFC 7386, section 2).
func merged(was, patch object) object {
	out := maps.Clone(was)
	if out == nil {
		out = object{}
	}
	for k, v := range patch {
		switch inner, ok := v.(object); {
		case ok:
			out[k] = merged(part(out, k), inner)
		case v == nil:
			delete(out, k)
		default:
			out[k] = v
		}
	}
	return out
}

func (s *standIn) delete(w http.ResponseWriter, path string, options object) {
	for k, want := range part(options, "preconditions") {
		if want != part(s.objects[path], "metadata")[k] {
			refuse(w, http.StatusConflict, "Conflict", fmt.Sprintf("Precondition failed: %s in precondition: %v", k, want))
			return
		}
	}
	delete(s.objects, path)
	answer(w, http.StatusOK, object{"kind": "Status", "apiVersion": "v1", "status": "Success"})
}

func answer(w http.ResponseWriter, code int, o object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(o)
}

func refuse(w http.ResponseWriter, code int, reason, message string) {
	answer(w, code, object{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code})
}
