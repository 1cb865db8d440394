// Package s3 is the medium of a store in a bucket of S3, or of a service that
// speaks its protocol and honours conditional writes (If-Match, If-None-Match).
// app opens it and gives it to the store, which seals and decides; it knows
// neither certificates nor keys.
//
// A room is one object, room.json, which names every piece and holds the small
// ones; large ones are objects of their own that are written once, before. A change
// is one conditional write of room.json: it counts wholly or not at all, and
// whoever lost the race begins again from what the winner wrote. Large pieces that
// a change replaced stay as objects that nothing names, until they are swept.
package s3

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/neverlapse/neverlapse/internal/amazon"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
)

// Options say which bucket, and as whom it is asked.
type Options struct {
	Bucket string `mapstructure:"bucket"`
	// Prefix is what the names of all objects begin with, such as neverlapse/; may be empty.
	Prefix string `mapstructure:"prefix"`
	Region string `mapstructure:"region"` // empty: that of the profile or environment
	// PathStyle puts the bucket into the path and not into the name of the host.
	PathStyle     bool `mapstructure:"path_style"`
	amazon.Access `mapstructure:",squash"`
}

// Validate tells everything that is wrong with the options, each with its field.
func (o Options) Validate() error {
	var errs []error
	if o.Bucket == "" || strings.Contains(o.Bucket, "/") {
		errs = append(errs, fmt.Errorf("bucket: %q is not the name of a bucket", o.Bucket))
	}
	if strings.HasPrefix(o.Prefix, "/") || o.Prefix != "" && path.Clean(o.Prefix) != strings.TrimSuffix(o.Prefix, "/") {
		errs = append(errs, fmt.Errorf("prefix: %q does not begin the names of objects; write one such as neverlapse/", o.Prefix))
	}
	return errors.Join(append(errs, o.Access.Validate())...)
}

// Medium is a part of a bucket. It may be used by any number of goroutines, and
// by any number of processes at once.
type Medium struct {
	client         *s3.Client
	bucket, prefix string

	turns sync.Map // room path -> chan struct{}: the goroutines of one process need not race each other
}

// New finds out how to reach the bucket; nothing is dialled yet.
func New(o Options) (*Medium, error) {
	if err := o.Validate(); err != nil {
		return nil, fault.New(fault.Configuration, "store: %w", err)
	}
	c, err := o.Config(o.Region)
	if err != nil {
		return nil, fault.New(fault.Configuration, "store: %w", err)
	}
	if c.Region == "" {
		return nil, fault.New(fault.Configuration, "store: region: missing; name that of the bucket, such as eu-central-1")
	}
	client := s3.NewFromConfig(c, func(x *s3.Options) {
		x.UsePathStyle = o.PathStyle
		x.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		x.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	return &Medium{client: client, bucket: o.Bucket, prefix: strings.TrimSuffix(o.Prefix, "/")}, nil
}

// String names the bucket and the prefix.
func (m *Medium) String() string { return "s3://" + path.Join(m.bucket, m.prefix) }

// Close has nothing to give back.
func (m *Medium) Close() error { return nil }

// key is the name of an object.
func (m *Medium) key(elem ...string) string { return path.Join(append([]string{m.prefix}, elem...)...) }

// Prepare tries whether the service honours conditional writes, on an object of
// its own that it removes again. One that does not would lose writes:
// fault.Configuration.
func (m *Medium) Prepare(ctx context.Context) error {
	name := m.key("conditional-writes", rand.Text())
	_, err := m.put(ctx, name, []byte("1"), "")
	if err != nil {
		return m.failed(err, "s3:PutObject")
	}
	defer func() {
		_, _ = m.client.DeleteObject(context.WithoutCancel(ctx), &s3.DeleteObjectInput{Bucket: &m.bucket, Key: &name}) // it may stay
	}()
	_, first, err := m.get(ctx, name)
	if err != nil {
		return m.failed(err, "s3:GetObject")
	}
	for _, try := range []struct {
		what, tag string
		lost      bool
	}{
		{"If-None-Match on an object that is there", "", true},
		{"If-Match of another ETag", `"00000000000000000000000000000000"`, true},
		{"If-Match of the ETag", first, false},
		{"If-Match of an ETag that was replaced", first, true},
	} {
		_, err := m.put(ctx, name, []byte("2"), try.tag)
		if err != nil && !lost(err) {
			return m.failed(err, "s3:PutObject")
		}
		if lost(err) != try.lost {
			return fault.New(fault.Configuration, "store %s: the service does not honour conditional writes (%s), and two workers would overwrite each other's work; use one that does (AWS S3, MinIO, Ceph since Squid), or PostgreSQL", m, try.what)
		}
	}
	return nil
}

// View reads the room as it is at the first look.
func (m *Medium) View(r store.Room) store.View { return &look{m: m, room: r} }

const (
	tries    = 60
	pauseMax = 2 * time.Second
)

// Change reads, lets do decide, and writes if nobody was faster.
func (m *Medium) Change(ctx context.Context, r store.Room, do func(store.Change) error) error {
	leave, err := m.enter(ctx, r)
	if err != nil {
		return m.failed(err, "")
	}
	defer leave()
	for try := range tries {
		l := &look{m: m, room: r}
		if err := l.load(ctx); err != nil {
			return err
		}
		w := &write{look: l}
		if err := do(w); err != nil {
			return err
		}
		if !w.changed {
			return nil
		}
		won, err := m.commit(ctx, r, l)
		if err != nil || won {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return m.failed(err, "")
		}
	}
	return fault.New(fault.Transient, "store %s: %s: others were faster %d times", m, r.Path, tries)
}

// commit writes the room where it is still as it was read. A write whose answer
// was lost is recognised by its mark.
func (m *Medium) commit(ctx context.Context, r store.Room, l *look) (won bool, err error) {
	l.index.Mark = rand.Text()
	data, err := json.Marshal(l.index)
	if err != nil {
		return false, err
	}
	_, err = m.put(ctx, m.roomKey(r), data, l.tag)
	if err == nil {
		return true, nil
	}
	if !lost(err) {
		return false, m.failed(err, "s3:PutObject")
	}
	now := &look{m: m, room: r}
	if err := now.load(ctx); err != nil {
		return false, err
	}
	return now.index.Mark == l.index.Mark, nil
}

func (m *Medium) enter(ctx context.Context, r store.Room) (leave func(), err error) {
	t, _ := m.turns.LoadOrStore(r.Path, make(chan struct{}, 1))
	turn := t.(chan struct{})
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// pause is longer the oftener others were faster, and never the same for two.
func pause(ctx context.Context, try int) error {
	most := min(time.Duration(try+1)*20*time.Millisecond, pauseMax)
	n, err := rand.Int(rand.Reader, big.NewInt(int64(most)))
	if err != nil {
		return err
	}
	select {
	case <-time.After(time.Duration(n.Int64())):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
