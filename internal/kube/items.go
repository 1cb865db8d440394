package kube

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// Head is what a list says of itself.
type Head struct {
	ResourceVersion string `json:"resourceVersion"`
	Continue        string `json:"continue"` // empty: nothing is behind it
}

// Items reads a list one item after the other, so that no more than one is in
// memory. The bytes of an item are each's only while it runs.
func Items(body io.Reader, each func(json.RawMessage) error) (head Head, err error) {
	in := json.NewDecoder(body)
	if err := opens(in, '{'); err != nil {
		return head, err
	}
	for in.More() {
		key, err := in.Token()
		if err != nil {
			return head, noList(err)
		}
		switch key {
		case "metadata":
			err = noList(in.Decode(&head))
		case "items":
			err = items(in, each)
		default:
			err = noList(in.Decode(&skipped{}))
		}
		if err != nil {
			return head, err
		}
	}
	return head, nil
}

func items(in *json.Decoder, each func(json.RawMessage) error) error {
	token, err := in.Token()
	switch {
	case err != nil:
		return noList(err)
	case token == nil: // an empty list may be null
		return nil
	case token != json.Delim('['):
		return noList(errors.New("items is no list"))
	}
	for in.More() {
		var item json.RawMessage
		if err := in.Decode(&item); err != nil {
			return noList(err)
		}
		if err := each(item); err != nil {
			return err
		}
	}
	_, err = in.Token()
	return noList(err)
}

// Fields reads the fields of an object one after the other; what want does not
// ask for is not kept.
func Fields(object []byte, want func(name string) bool, each func(name string, value json.RawMessage) error) error {
	in := json.NewDecoder(bytes.NewReader(object))
	if err := opens(in, '{'); err != nil {
		return err
	}
	for in.More() {
		key, err := in.Token()
		if err != nil {
			return noList(err)
		}
		name, _ := key.(string)
		if !want(name) {
			if err := in.Decode(&skipped{}); err != nil {
				return noList(err)
			}
			continue
		}
		var value json.RawMessage
		if err := in.Decode(&value); err != nil {
			return noList(err)
		}
		if err := each(name, value); err != nil {
			return err
		}
	}
	return nil
}

func opens(in *json.Decoder, with json.Delim) error {
	token, err := in.Token()
	if err == nil && token != with {
		err = errors.New("no JSON object")
	}
	return noList(err)
}

// skipped takes any value and keeps nothing of it.
type skipped struct{}

func (skipped) UnmarshalJSON([]byte) error { return nil }

// noList is an answer that ended early, or one that no API server gives.
func noList(err error) error {
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fault.New(fault.Transient, "the API server's answer ended too early: %w", err)
	case errors.As(err, &syntax), errors.As(err, new(*json.UnmarshalTypeError)):
		return fault.New(fault.Configuration, "what answers is no Kubernetes API server: %w; correct the kubeconfig", err)
	}
	return fault.New(fault.Unavailable, "the API server's answer broke off: %w", err)
}

// Continue is the token of a refusal that tells how a list goes on which the API
// server has forgotten (410); empty if it gave none.
func Continue(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return ""
	}
	return status.Status().Continue
}
