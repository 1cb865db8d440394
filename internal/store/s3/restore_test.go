package s3_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/store/s3"
	"github.com/neverlapse/neverlapse/internal/store/storetest"
)

// asOf makes the newest version up to an instant of each object the current one,
// and removes objects that were not there then, as docs/stores.md says.
func asOf(t *testing.T, c *sdk.Client, instant time.Time) {
	t.Helper()
	bucket := aws.String("bucket")
	out, err := c.ListObjectVersions(t.Context(), &sdk.ListObjectVersionsInput{Bucket: bucket})
	must(t, err)
	newest := map[string]types.ObjectVersion{}
	names := map[string]bool{}
	for _, d := range out.DeleteMarkers {
		names[*d.Key] = true
	}
	for _, v := range out.Versions {
		names[*v.Key] = true
		if had, ok := newest[*v.Key]; !v.LastModified.After(instant) && (!ok || v.LastModified.After(*had.LastModified)) {
			newest[*v.Key] = v
		}
	}
	for name := range names {
		v, there := newest[name]
		if !there {
			_, err = c.DeleteObject(t.Context(), &sdk.DeleteObjectInput{Bucket: bucket, Key: &name})
			must(t, err)
			continue
		}
		old, err := c.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: bucket, Key: &name, VersionId: v.VersionId})
		must(t, err)
		data, err := io.ReadAll(old.Body)
		must(t, err)
		must(t, old.Body.Close())
		_, err = c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: bucket, Key: &name, Body: strings.NewReader(string(data))})
		must(t, err)
	}
}

func TestTheVersionsOfOneInstantAreTheStoreAsItWasThen(t *testing.T) {
	o, _ := bucket(t, nil)
	c := sdk.New(sdk.Options{Region: o.Region, BaseEndpoint: &o.Endpoint, UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider("id", "key", "")})
	_, err := c.PutBucketVersioning(t.Context(), &sdk.PutBucketVersioningInput{Bucket: aws.String("bucket"), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	must(t, err)
	s := open(t, o)
	renew := func(n int64) cert.Fingerprint {
		t.Helper()
		pair, _, err := storetest.NewPair("www.example.com", start)
		must(t, err)
		v, err := s.PutVersion(t.Context(), "www", "ca", pair)
		must(t, err)
		live, err := s.Live(t.Context(), "www")
		must(t, err)
		must(t, s.SetLive(t.Context(), "www", v.Fingerprint, live))
		must(t, s.Append(t.Context(), "www", []cert.Entry{{Sequence: n, At: start, Text: strings.Repeat("x", 20<<10)}}))
		for i := range 20 {
			must(t, storetest.AddName(t.Context(), s, "www", fmt.Sprintf("%d.%d.%s", n, i, strings.Repeat("x", 60))))
		}
		return v.Fingerprint
	}
	renew(1)
	then := renew(2)
	instant := time.Now()
	for time.Now().Truncate(time.Second).Equal(instant.Truncate(time.Second)) { // S3 tells the time of a version by the second
		time.Sleep(20 * time.Millisecond)
	}
	renew(3)
	must(t, s.Append(t.Context(), "other", []cert.Entry{{Sequence: 1, At: start}}))
	m, err := s3.New(o)
	must(t, err)
	sweep(t, m, day)
	if n := sweep(t, m, 2*day+young); n == 0 {
		t.Error("nothing was swept, so nothing has to come back")
	}
	asOf(t, c, instant)

	s = open(t, o)
	live, err := s.Live(t.Context(), "www")
	must(t, err)
	versions, err := s.Versions(t.Context(), "www")
	must(t, err)
	entries, err := s.Entries(t.Context(), "www")
	must(t, err)
	iss, err := s.Issuance(t.Context(), "www", "")
	must(t, err)
	if live != then || len(versions) != 2 || len(entries) != 2 || len(iss.Names) != 40 {
		t.Errorf("live %s (want %s), %d versions, %d entries, %d names", live.Short(), then.Short(), len(versions), len(entries), len(iss.Names))
	}
	for _, v := range versions {
		_, err := s.Pair(t.Context(), "www", v.Fingerprint)
		must(t, err)
	}
	renew(3)
}
