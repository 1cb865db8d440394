package certmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// quietly drops a refusal to show what only explains a finding.
func quietly(err error) error {
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// Renew has cert-manager issue the certificate of a place anew, the way cmctl
// renew does: by the condition Issuing, with the reason ManuallyTriggered, on the
// status of the Certificate. by is who asked. One that is being issued already is
// a Conflict.
func (s *Source) Renew(ctx context.Context, place, by string) error {
	namespace, name, err := s.named(place)
	if err != nil {
		return fmt.Errorf("source %q: %w", s.name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.where.Timeout)
	defer cancel()
	if err := s.trigger(ctx, group+"/namespaces/"+namespace+"/"+certificates+"/"+name, by); err != nil {
		return fmt.Errorf("source %q: Certificate %s/%s: %w", s.name, namespace, name, err)
	}
	return nil
}

func (s *Source) named(place string) (namespace, name string, err error) {
	rest, ok := strings.CutPrefix(place, Kind+":"+s.where.Cluster+"/")
	namespace, name, two := strings.Cut(rest, "/")
	if !ok || !two || namespace == "" || name == "" || strings.Contains(name, "/") {
		return "", "", fault.New(fault.Invalid, "%.100q is no place of it; write %s:%s/NAMESPACE/NAME", place, Kind, s.where.Cluster)
	}
	return namespace, name, nil
}

// trigger writes the object as it was read, with one condition more, so that the
// API server refuses if somebody wrote in between.
func (s *Source) trigger(ctx context.Context, path, by string) error {
	raw, err := s.client.Get().AbsPath(path).MaxRetries(0).Do(ctx).Raw()
	if err != nil {
		return explained(err, "read it")
	}
	var c certificate
	var whole map[string]any
	in := json.NewDecoder(bytes.NewReader(raw))
	in.UseNumber()
	if err := json.Unmarshal(raw, &c); err != nil {
		return fault.New(fault.Configuration, "it cannot be read: %w", err)
	}
	if err := in.Decode(&whole); err != nil {
		return fault.New(fault.Configuration, "it cannot be read: %w", err)
	}
	switch issuing := find(c.Status.Conditions, "Issuing"); {
	case issuing.Status == "True" && issuing.Message == message(by): // the answer to the last try was lost
		return nil
	case issuing.Status == "True":
		return fault.New(fault.Conflict, "cert-manager has been issuing it since %s%s", instant(issuing.LastTransitionTime), said(issuing))
	}
	setIssuing(whole, instant(s.judge.Now()), by)
	body, err := json.Marshal(whole)
	if err != nil {
		return err
	}
	err = s.client.Put().AbsPath(path, "status").Param("fieldManager", "neverlapse").Body(body).MaxRetries(0).Do(ctx).Error()
	return explained(err, "set its condition Issuing")
}

func setIssuing(whole map[string]any, now, by string) {
	status, _ := whole["status"].(map[string]any)
	if status == nil {
		status = map[string]any{}
		whole["status"] = status
	}
	meta, _ := whole["metadata"].(map[string]any)
	mine := map[string]any{
		"type": "Issuing", "status": "True", "lastTransitionTime": now, "reason": "ManuallyTriggered",
		"message": message(by), "observedGeneration": meta["generation"],
	}
	conditions, _ := status["conditions"].([]any)
	var kept []any
	for _, c := range conditions {
		if m, _ := c.(map[string]any); m["type"] != "Issuing" {
			kept = append(kept, c)
		}
	}
	status["conditions"] = append(kept, mine)
}

func message(by string) string {
	return "Certificate re-issuance manually triggered by " + by + " (Neverlapse)"
}
