package harness

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/neverlapse/neverlapse/internal/store/postgres/postgrestest"
)

// nobody runs what refuses to run as root.
const nobody = 65534

// Postgres is a PostgreSQL server that asks for passwords, as one for Temporal does.
type Postgres struct {
	*Process
	dir, address, password string
	settings               []string
}

// StartPostgres lays out a server with a role "temporal" that may make databases,
// and starts it. It does not sync unless the settings, name=value, say so.
func StartPostgres(ctx context.Context, settings ...string) (*Postgres, error) {
	dir, err := os.MkdirTemp("", "pg") // short, for the path of a socket, and where its user can go
	if err != nil {
		return nil, err
	}
	p := &Postgres{dir: dir, password: "p/w?" + rand.Text(), settings: settings}
	if err := p.layOut(ctx); err != nil {
		return nil, errors.Join(err, p.Remove())
	}
	return p, nil
}

func (p *Postgres) layOut(ctx context.Context) (err error) {
	if p.address, err = FreeAddress(); err != nil {
		return err
	}
	secret, data := filepath.Join(p.dir, "password"), filepath.Join(p.dir, "data")
	if err := os.WriteFile(secret, []byte(p.password), 0o600); err != nil {
		return err
	}
	var as []string
	if os.Geteuid() == 0 {
		as = []string{"setpriv", fmt.Sprint("--reuid=", nobody), fmt.Sprint("--regid=", nobody), "--clear-groups", "--pdeathsig=KILL"}
		if err := errors.Join(os.Chown(p.dir, nobody, nobody), os.Chown(secret, nobody, nobody)); err != nil {
			return err
		}
	}
	bin := postgrestest.Programs()
	args := append(append([]string{}, as...), filepath.Join(bin, "initdb"), "-D", data, "-U", "temporal", "--pwfile", secret, "--no-sync", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8")
	init := exec.CommandContext(ctx, args[0], args[1:]...)
	init.Dir = "/"
	if out, err := init.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	host, port, err := net.SplitHostPort(p.address)
	if err != nil {
		return err
	}
	p.Process = &Process{Args: append(as, filepath.Join(bin, "postgres"), "-D", data, "-k", p.dir, "-h", host, "-p", port, "-c", "fsync=off", "-c", "max_connections=200"),
		Env: []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}, Log: filepath.Join(p.dir, "log")}
	for _, setting := range p.settings {
		p.Args = append(p.Args, "-c", setting)
	}
	return p.Up(ctx)
}

// Up starts it, again after Kill, and waits until it takes connections.
func (p *Postgres) Up(ctx context.Context) error {
	if err := p.Start(); err != nil {
		return err
	}
	return WaitFor(ctx, "PostgreSQL to take connections", func() (bool, error) {
		host, port, _ := net.SplitHostPort(p.address)
		cmd := exec.CommandContext(ctx, filepath.Join(postgrestest.Programs(), "pg_isready"), "-h", host, "-p", port)
		return cmd.Run() == nil, errors.New(p.Output())
	})
}

// URL is that of a database.
func (p *Postgres) URL(database string) string {
	return fmt.Sprintf("postgres://temporal:%s@%s/%s", url.QueryEscape(p.password), p.address, database)
}

// Remove ends it for good.
func (p *Postgres) Remove() error {
	if p.Process != nil {
		p.Kill()
	}
	// The children of a killed server end by themselves, and write until then.
	var err error
	for range 20 {
		if err = os.RemoveAll(p.dir); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}
