package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/neverlapse/neverlapse/internal/amazon"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
)

// put writes an object where its ETag is still tag, or where there is none if
// tag is empty; see lost.
func (m *Medium) put(ctx context.Context, key string, data []byte, tag string) (string, error) {
	in := &s3.PutObjectInput{Bucket: &m.bucket, Key: &key, Body: bytes.NewReader(data), ContentLength: aws.Int64(int64(len(data)))}
	if tag == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = &tag
	}
	out, err := m.client.PutObject(ctx, in)
	if err != nil {
		return "", err
	}
	return aws.ToString(out.ETag), nil
}

func (m *Medium) get(ctx context.Context, key string) (data []byte, tag string, err error) {
	out, err := m.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &m.bucket, Key: &key})
	if err != nil {
		return nil, "", err
	}
	defer out.Body.Close()
	data, err = io.ReadAll(out.Body)
	return data, aws.ToString(out.ETag), err
}

func status(err error) int {
	var answer *smithyhttp.ResponseError
	if !errors.As(err, &answer) {
		return 0
	}
	return answer.HTTPStatusCode()
}

// lost says that a conditional write found another state than it expected, or
// that another one was under way.
func lost(err error) bool {
	switch status(err) {
	case http.StatusPreconditionFailed, http.StatusConflict:
		return true
	case http.StatusNotFound: // If-Match on what is not there
		return amazon.Code(err) == "NoSuchKey"
	}
	return false
}

func absent(err error) bool { return amazon.Code(err) == "NoSuchKey" }

// failed gives an error of the service its kind; right is what the call needs.
func (m *Medium) failed(err error, right string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fault.New(fault.Transient, "store %s: %w", m, err)
	case status(err) == http.StatusConflict:
		return fault.New(fault.Transient, "store %s: another write was under way: %w", m, err)
	case amazon.Code(err) == "NoSuchBucket":
		return fault.New(fault.Configuration, "store %s: there is no such bucket; make it, with versioning: %w", m, err)
	}
	return fault.New(fault.KindOf(amazon.Explained(err, right, "")), "store %s: %w", m, amazon.Explained(err, right, "docs/stores.md has the rights"))
}

// Names lists the pieces of every room.
func (m *Medium) Names(ctx context.Context) ([]store.Name, error) {
	var out []store.Name
	err := m.list(ctx, func(name string, _ time.Time) error {
		if path.Base(name) != roomFile {
			return nil
		}
		names, err := m.namesIn(ctx, path.Dir(name))
		out = append(out, names...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (m *Medium) namesIn(ctx context.Context, room string) ([]store.Name, error) {
	l := &look{m: m, room: store.Room{Path: room}}
	if err := l.load(ctx); err != nil {
		return nil, err
	}
	var out []store.Name
	for elem := range l.index.Pieces {
		out = append(out, store.NameIn(room, elem))
	}
	slices.SortFunc(out, func(a, b store.Name) int { return strings.Compare(a.Elem, b.Elem) })
	return out, nil
}
