package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"gocloud.dev/secrets/localsecrets"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/store/postgres"
	"github.com/neverlapse/neverlapse/internal/store/postgres/postgrestest"
	"github.com/neverlapse/neverlapse/internal/store/storetest"
)

var (
	rightKey = [32]byte{1, 2, 3}
	otherKey = [32]byte{3, 2, 1}
	start    = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
)

func with(ctx context.Context, url string, key [32]byte) (*store.Store, error) {
	m, err := postgres.New(url)
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, m, localsecrets.NewKeeper(key))
}

func open(t *testing.T, url string) *store.Store {
	t.Helper()
	s, err := with(t.Context(), url, rightKey)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// All but the test that kills it share one server.
func TestPostgreSQL(t *testing.T) {
	server := postgrestest.Start(t)
	for sentence, test := range map[string]func(t *testing.T, server *postgrestest.Server){
		"keeps the contract": keepsTheContract,
		"tables of a later version are refused and stay as they are":                    laterVersion,
		"many that start at once make the tables once, and a plain user is enough then": manyAtOnce,
		"a change that the server took back is done again":                              takenBack,
		"a dump taken while it is written to is a whole store":                          dump,
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			test(t, server)
		})
	}
}

func keepsTheContract(t *testing.T, server *postgrestest.Server) {
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		url := server.Database(t)
		return storetest.Backend{
			Open: func(t *testing.T) storetest.Store { return open(t, url) },
			OpenOther: func(t *testing.T) error {
				s, err := with(t.Context(), url, otherKey)
				if err == nil {
					must(t, s.Close())
				}
				return err
			},
			AtRest: func(t *testing.T) []byte { return everyByte(t, url) },
		}
	})
}

func everyByte(t *testing.T, url string) []byte {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	must(t, err)
	defer c.Close(t.Context())
	rows, err := c.Query(t.Context(), `SELECT convert_to(room || '/' || elem, 'UTF8') || data FROM neverlapse_pieces UNION ALL SELECT line FROM neverlapse_lines`)
	must(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	must(t, err)
	return slices.Concat(all...)
}

func laterVersion(t *testing.T, server *postgrestest.Server) {
	url := server.Database(t)
	s := open(t, url)
	must(t, s.Append(t.Context(), "www", []cert.Entry{{Sequence: 1, At: start, Kind: "alert"}}))
	before := everyByte(t, url)
	server.Exec(t, url, `UPDATE neverlapse_version SET version = 99`)
	_, err := with(t.Context(), url, rightKey)
	if !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "version 99") {
		t.Errorf("%v", err)
	}
	if !slices.Equal(before, everyByte(t, url)) {
		t.Error("something was changed")
	}
}

// A user who may not make tables is enough once they are there.
func manyAtOnce(t *testing.T, server *postgrestest.Server) {
	url := server.Database(t)
	errs := make(chan error)
	for range 8 {
		go func() {
			s, err := with(t.Context(), url, rightKey)
			if err == nil {
				err = s.Close()
			}
			errs <- err
		}()
	}
	for range 8 {
		must(t, <-errs)
	}
	server.Exec(t, url, `CREATE ROLE plain LOGIN; REVOKE CREATE ON SCHEMA public FROM public;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO plain`)
	s := open(t, strings.Replace(url, "user=x", "user=plain", 1))
	must(t, storetest.AddName(t.Context(), s, "www", "www.example.com"))
	server.Exec(t, url, `REVOKE INSERT ON neverlapse_pieces FROM plain`)
	if err := storetest.AddName(t.Context(), s, "www", "x"); !fault.Is(err, fault.Configuration) {
		t.Errorf("kind %q: %v", fault.KindOf(err), err)
	}
}

func takenBack(t *testing.T, server *postgrestest.Server) {
	url := server.Database(t)
	s := open(t, url)
	// The numbers of a sequence are used up also where a transaction is taken back.
	refuse := func(times int, code string) {
		server.Exec(t, url, fmt.Sprintf(`DROP SEQUENCE IF EXISTS tries CASCADE; CREATE SEQUENCE tries;
			CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				IF nextval('tries') <= %d THEN RAISE EXCEPTION 'refused' USING ERRCODE = '%s'; END IF; RETURN NEW;
			END $$;
			CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON neverlapse_pieces FOR EACH ROW EXECUTE FUNCTION refuse()`, times, code))
	}
	for code, kind := range map[string]fault.Kind{"40001": "", "40P01": "", "53100": fault.Unavailable, "42501": fault.Configuration, "55P03": fault.Transient} {
		refuse(2, code)
		err := storetest.AddName(t.Context(), s, "www", code)
		if kind == "" {
			must(t, err)
		} else if !fault.Is(err, kind) {
			t.Errorf("%s: kind %q: %v", code, fault.KindOf(err), err)
		}
	}
	refuse(1000, "40001")
	if err := storetest.AddName(t.Context(), s, "www", "never"); !fault.Is(err, fault.Transient) {
		t.Errorf("refused without end: kind %q: %v", fault.KindOf(err), err)
	}
	iss, err := s.Issuance(t.Context(), "www", "")
	must(t, err)
	if len(iss.Names) != 2 || iss.Revision != 2 {
		t.Errorf("%v at revision %d, want the two that went through", iss.Names, iss.Revision)
	}
}

// The commands are those of docs/stores.md.
func dump(t *testing.T, server *postgrestest.Server) {
	url, restored := server.Database(t), server.Database(t)
	s := open(t, url)
	acked, written := make(chan string), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go writeOn(ctx, s, acked)
	name := <-acked
	go func() {
		defer close(written)
		for range acked {
		}
	}()
	backup := server.Run(t, nil, "pg_dump", "--format=custom", url)
	cancel()
	<-written
	server.Run(t, backup, "pg_restore", "--dbname="+restored)
	again := open(t, restored)
	iss, err := again.Issuance(t.Context(), "www", "")
	must(t, err)
	versions, err := again.Versions(t.Context(), "www")
	must(t, err)
	if !slices.Contains(iss.Names, name) || len(versions) < len(iss.Names) {
		t.Errorf("%d versions and the names %v, want %s among them", len(versions), iss.Names, name)
	}
	for _, v := range versions {
		_, err := again.Pair(t.Context(), "www", v.Fingerprint)
		must(t, err)
	}
	must(t, storetest.AddName(t.Context(), again, "www", "goes on"))
}

func TestWhatWasAcknowledgedSurvivesKill9OfTheServer(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	// Those who say it may be lost are overruled.
	server.Exec(t, server.URL("postgres"), `ALTER SYSTEM SET synchronous_commit = off`)
	server.Exec(t, server.URL("postgres"), `SELECT pg_reload_conf()`)
	url := server.Database(t)
	s := open(t, url)
	const rounds = 2
	acked := make(chan string)
	ctx, cancel := context.WithCancel(t.Context())
	go writeOn(ctx, s, acked)
	var names []string
	for range rounds {
		for range 5 {
			names = append(names, <-acked)
		}
		server.Kill()
		server.Up(t)
	}
	names = append(names, <-acked) // the same store goes on
	cancel()
	for name := range acked {
		names = append(names, name)
	}
	s = open(t, url)
	iss, err := s.Issuance(t.Context(), "www", "")
	must(t, err)
	versions, err := s.Versions(t.Context(), "www")
	must(t, err)
	entries, err := s.Entries(t.Context(), "www")
	must(t, err)
	for i, name := range names {
		if !slices.Contains(iss.Names, name) {
			t.Errorf("%s was acknowledged and is gone", name)
		}
		if !slices.ContainsFunc(entries, func(e cert.Entry) bool { return e.Text == name }) || len(versions) <= i {
			t.Errorf("the entry or the version before %s is gone", name)
		}
	}
	for _, v := range versions {
		_, err := s.Pair(t.Context(), "www", v.Fingerprint)
		must(t, err)
	}
}

// writeOn writes a version, an entry and a name of an issuance over and over,
// and gives the name once all are acknowledged.
func writeOn(ctx context.Context, s *store.Store, acked chan<- string) {
	defer close(acked)
	for n := int64(1); ctx.Err() == nil; n++ {
		name := fmt.Sprint("name-", n)
		pair, _, err := storetest.NewPair("www.example.com", start)
		if err == nil {
			_, err = s.PutVersion(ctx, "www", "ca", pair)
		}
		if err == nil {
			err = s.Append(ctx, "www", []cert.Entry{{Sequence: n, At: start, Text: name}})
		}
		if err == nil {
			err = storetest.AddName(ctx, s, "www", name)
		}
		if err == nil {
			acked <- name
		} else if !fault.Is(err, fault.Transient) && !fault.Is(err, fault.Unavailable) && ctx.Err() == nil {
			panic(err)
		} else {
			time.Sleep(20 * time.Millisecond) // the server is down: leave it the processor
		}
	}
}

func TestAConnectionThatMightGoOnWithoutTLSIsRefusedAndNoErrorHoldsThePassword(t *testing.T) {
	for _, url := range []string{
		"postgres://u:s3cret@db.example.com/x", "postgres://u:s3cret@db.example.com/x?sslmode=allow",
		"postgres://u:s3cret@db.example.com:port/x", "host=db.example.com password=s3cret sslmode=perhaps",
		"postgres://u:s3cret@127.0.0.1:1/x?sslmode=disable",
	} {
		_, err := with(t.Context(), url, rightKey)
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", url, err)
		}
		if want := fault.Is(err, fault.Transient); want != strings.Contains(url, "127.0.0.1") {
			t.Errorf("%s: kind %q: %v", url, fault.KindOf(err), err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
