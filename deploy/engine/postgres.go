package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/lib/pq"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	"go.temporal.io/server/tools/common/schema"
	temporalsql "go.temporal.io/server/tools/sql"
)

const (
	visibility = "visibility"
	// shards is what docker-compose.yml gives the server of several processes too, so that one may follow the other on the same
	// database. It can never change once there is data.
	shards = 64
	// connections bounds those of each of the two databases.
	connections = 20
	// lockNumber is of the advisory lock by which one engine at a time has a database.
	lockNumber = 0x6e65766572 // "never"
	// lockWait is how long a killed engine's connection may take to be noticed by PostgreSQL.
	lockWait = 15 * time.Second
)

// postgres are the two databases of a Temporal server: where workflows are, and where they are looked up.
type postgres struct{ main, visibility *config.SQL }

// readPostgres reads the file of --postgres: a URL, for it holds a password and neither argv nor environment may.
func readPostgres(path string) (*postgres, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--postgres: %w", err)
	}
	const want = "want postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full on one line"
	u, err := url.Parse(strings.TrimSpace(string(data)))
	if err != nil { // the error of url.Parse quotes the password
		return nil, fmt.Errorf("--postgres %s: this is no URL; %s", path, want)
	}
	name, password := strings.TrimPrefix(u.Path, "/"), ""
	if u.User != nil {
		password, _ = u.User.Password()
	}
	switch {
	case u.Scheme != "postgres" && u.Scheme != "postgresql", u.Hostname() == "", name == "", strings.ContainsAny(name, `/"?`):
		return nil, fmt.Errorf("--postgres %s: %s", path, want)
	case u.User.Username() == "" || url.PathEscape(u.User.Username()) != u.User.Username():
		return nil, fmt.Errorf("--postgres %s: the user has to be letters, digits, dots and dashes; %s", path, want)
	case strings.Contains(password, " "):
		return nil, fmt.Errorf("--postgres %s: Temporal cannot pass on a password with a space in it: choose another", path)
	}
	attributes := map[string]string{}
	for k, v := range u.Query() {
		attributes[k] = v[len(v)-1]
	}
	if ip := net.ParseIP(u.Hostname()); attributes["sslmode"] == "" && (ip == nil || !ip.IsLoopback()) && u.Hostname() != "localhost" {
		attributes["sslmode"] = "verify-full"
	}
	port := u.Port()
	if port == "" {
		port = "5432"
	}
	one := func(database string) *config.SQL {
		return &config.SQL{
			PluginName: postgresql.PluginName, ConnectAddr: net.JoinHostPort(u.Hostname(), port), User: u.User.Username(), Password: password,
			DatabaseName: database, ConnectAttributes: attributes, MaxConns: connections, MaxIdleConns: connections, MaxConnLifetime: time.Hour,
		}
	}
	return &postgres{main: one(name), visibility: one(name + "_" + visibility)}, nil
}

// prepare makes the databases that do not exist, and brings the tables of an older server up to date.
func (p *postgres) prepare() error {
	for layout, cfg := range map[string]*config.SQL{"temporal": p.main, visibility: p.visibility} {
		if err := layTables(cfg, "postgresql/v12/"+layout); err != nil {
			return fmt.Errorf("database %s at %s: %w", cfg.DatabaseName, cfg.ConnectAddr, err)
		}
	}
	return nil
}

func layTables(cfg *config.SQL, layout string) error {
	quiet := log.NewNoopLogger()
	// Temporal's own connection hides why there is none.
	if err := answers(cfg); err != nil {
		missing := (*pq.Error)(nil)
		if !errors.As(err, &missing) || missing.Code.Name() != "invalid_catalog_name" {
			return err
		}
		own := *cfg // DoCreateDatabase changes it
		if err := temporalsql.DoCreateDatabase(&own, "postgres", quiet); err != nil {
			return fmt.Errorf("it does not exist and cannot be made: %w; make it, owned by %s, or let that role CREATEDB", err, cfg.User)
		}
	}
	db, err := temporalsql.NewConnection(cfg, quiet)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := schema.NewSetupSchemaTask(db, &schema.SetupConfig{InitialVersion: "0.0"}, quiet).Run(); err != nil {
		return fmt.Errorf("table of versions: %w", err)
	}
	if err := schema.NewUpdateSchemaTask(db, &schema.UpdateConfig{SchemaName: layout}, quiet).Run(); err != nil {
		return fmt.Errorf("tables: %w", err)
	}
	return nil
}

// answers tells why a database cannot be used.
func answers(cfg *config.SQL) error {
	db, err := sql.Open("postgres", dsn(cfg))
	if err != nil {
		return err
	}
	return errors.Join(db.Ping(), db.Close())
}

// claim keeps other engines off the database for as long as this process lives, and gives the error for which it may not go on.
// Temporal itself fences its shards; two engines would take them from each other for ever.
func (p *postgres) claim() (lost <-chan error, err error) {
	db, err := sql.Open("postgres", dsn(p.main))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := lock(db)
	if err != nil {
		return nil, err
	}
	out := make(chan error, 1)
	go func() {
		for range time.Tick(5 * time.Second) {
			if _, err := conn.ExecContext(context.Background(), "SELECT 1"); err == nil {
				continue
			}
			conn.Close()
			if again, err := lock(db); err == nil {
				conn = again
			} else if errors.Is(err, errClaimed) {
				out <- err
				return
			}
		}
	}()
	return out, nil
}

var errClaimed = errors.New("another engine uses this database: stop it first, or give this one another database")

// lock takes the advisory lock on a connection of its own, which holds it.
func lock(db *sql.DB) (*sql.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	for {
		var got bool
		if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", int64(lockNumber)).Scan(&got); err != nil {
			conn.Close()
			return nil, err
		}
		if got {
			return conn, nil
		}
		select {
		case <-ctx.Done():
			conn.Close()
			return nil, errClaimed
		case <-time.After(250 * time.Millisecond):
		}
	}
}

func dsn(cfg *config.SQL) string {
	query := url.Values{"connect_timeout": {"10"}}
	for k, v := range cfg.ConnectAttributes {
		query.Set(k, v)
	}
	if query.Get("sslmode") == "" {
		query.Set("sslmode", "disable")
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(cfg.User, cfg.Password), Host: cfg.ConnectAddr, Path: cfg.DatabaseName, RawQuery: query.Encode()}
	return u.String()
}
