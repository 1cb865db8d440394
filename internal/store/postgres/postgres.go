// Package postgres is the medium of a store in a PostgreSQL database: pieces in
// one table, lines of logs in another. app opens it and gives it to the store,
// which seals and decides; it knows neither certificates nor keys.
//
// A change of a room is one transaction under an advisory lock, so that it counts
// wholly or not at all, whoever dies. Commits are synchronous also on a server
// whose default is not. It makes no database and no role, and takes no backups.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
)

// Medium is a database. It may be used by any number of goroutines, and by any
// number of processes at once.
type Medium struct {
	pool  *pgxpool.Pool
	where string
}

// New is the database of a connection string; nothing is dialled yet. A string
// that cannot be used is fault.Configuration. No error repeats the password.
func New(connection string) (*Medium, error) {
	c, err := parse(connection)
	if err != nil {
		return nil, err
	}
	c.MinConns, c.MinIdleConns = 0, 0
	pool, err := pgxpool.NewWithConfig(context.Background(), c)
	if err != nil {
		return nil, fault.New(fault.Configuration, "store: %w", err)
	}
	return &Medium{pool: pool, where: fmt.Sprintf("postgres %s/%s", c.ConnConfig.Host, c.ConnConfig.Database)}, nil
}

// Prepare connects, and makes or migrates the tables. What a human has to mend is
// fault.Configuration; a server that does not answer is fault.Transient.
func (m *Medium) Prepare(ctx context.Context) error { return m.migrate(ctx) }

func parse(connection string) (*pgxpool.Config, error) {
	c, err := pgxpool.ParseConfig(connection)
	if err != nil { // it may quote the password
		return nil, fault.New(fault.Configuration, "store: the connection string of PostgreSQL cannot be read; write one such as postgres://neverlapse:PASSWORD@db.example.com/neverlapse?sslmode=verify-full")
	}
	for _, f := range c.ConnConfig.Fallbacks {
		if (f.TLSConfig == nil) != (c.ConnConfig.TLSConfig == nil) && f.Host == c.ConnConfig.Host {
			return nil, fault.New(fault.Configuration, "store: the connection to PostgreSQL would go on without TLS where the server offers none; write sslmode=verify-full into the connection string, or sslmode=disable where nobody else is on the wire")
		}
	}
	return c, nil
}

// String names host and database.
func (m *Medium) String() string { return m.where }

// Close ends the connections.
func (m *Medium) Close() error {
	m.pool.Close()
	return nil
}

// View reads what is committed.
func (m *Medium) View(r store.Room) store.View { return look{m, m.pool, r} }

// tries is how often a change begins again that the server took back.
const tries = 6

// lockRoom takes the lock of a room until the transaction ends, and has its
// commit wait for the disk.
const lockRoom = `SELECT CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END,
	pg_advisory_xact_lock(hashtextextended(current_schema() || ' neverlapse ' || $1, 0))::text`

// Change is one transaction. One that the server took back in favour of another
// is done again.
func (m *Medium) Change(ctx context.Context, r store.Room, do func(store.Change) error) error {
	for try := 1; ; try++ {
		var own error
		err := pgx.BeginTxFunc(ctx, m.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, lockRoom, r.Path); err != nil {
				return err
			}
			own = do(write{look{m, tx, r}, tx})
			return own
		})
		switch {
		case err == nil:
			return nil
		case takenBack(err) && try < tries:
			if err := pause(ctx, try); err != nil {
				return m.failed(err)
			}
		case own != nil:
			return own
		default:
			return m.failed(err)
		}
	}
}

func pause(ctx context.Context, try int) error {
	select {
	case <-time.After(rand.N(time.Duration(try) * 50 * time.Millisecond)):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Names lists all pieces, and the logs that have lines; none where there are no
// tables yet.
func (m *Medium) Names(ctx context.Context) ([]store.Name, error) {
	rows, err := m.pool.Query(ctx, `SELECT room, elem FROM neverlapse_pieces
		UNION ALL SELECT DISTINCT room, '`+store.LogName+`' FROM neverlapse_lines ORDER BY 1, 2`)
	if state(err) == undefinedTable {
		return nil, nil
	}
	if err != nil {
		return nil, m.failed(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.Name, error) {
		var room, elem string
		err := row.Scan(&room, &elem)
		return store.NameIn(room, elem), err
	})
	if state(err) == undefinedTable {
		return nil, nil
	}
	return out, m.failed(err)
}

// missing is what a piece that is not there is answered with.
func (m *Medium) missing(r store.Room, elem string) error {
	return fault.New(fault.NotFound, "store %s: %s/%s: %w", m, r.Path, elem, fs.ErrNotExist)
}

// querier is the pool, or a transaction of it.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// look reads a room.
type look struct {
	*Medium
	by   querier
	room store.Room
}

func (l look) Read(ctx context.Context, elem string) ([]byte, error) {
	if elem == l.room.Log {
		return l.readLog(ctx)
	}
	var data []byte
	err := l.by.QueryRow(ctx, `SELECT data FROM neverlapse_pieces WHERE room = $1 AND elem = $2`, l.room.Path, elem).Scan(&data)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, l.missing(l.room, elem)
	}
	return data, l.failed(err)
}

func (l look) readLog(ctx context.Context) ([]byte, error) {
	rows, err := l.by.Query(ctx, `SELECT line FROM neverlapse_lines WHERE room = $1 ORDER BY sequence`, l.room.Path)
	if err != nil {
		return nil, l.failed(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return nil, l.failed(err)
	}
	if len(lines) == 0 {
		return nil, l.missing(l.room, l.room.Log)
	}
	var out []byte
	for _, line := range lines {
		out = append(out, line...)
	}
	return out, nil
}

// below is a condition for what lies in the folder $2. Names compare by bytes,
// and '0' comes after '/'.
const below = `room = $1 AND elem > $2 || '/' AND elem < $2 || '0'`

func (l look) Has(ctx context.Context, elem string) (bool, error) {
	var there bool
	err := l.by.QueryRow(ctx, `SELECT EXISTS (SELECT FROM neverlapse_pieces WHERE room = $1 AND elem = $2)
		OR EXISTS (SELECT FROM neverlapse_pieces WHERE `+below+`)`, l.room.Path, elem).Scan(&there)
	return there, l.failed(err)
}

func (l look) List(ctx context.Context, folder string) ([]string, error) {
	rows, err := l.by.Query(ctx, `SELECT DISTINCT split_part(substr(elem, length($2) + 2), '/', 1) FROM neverlapse_pieces
		WHERE `+below+` ORDER BY 1`, l.room.Path, folder)
	if err != nil {
		return nil, l.failed(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return names, l.failed(err)
}

// write changes a room inside its transaction.
type write struct {
	look
	tx pgx.Tx
}

func (w write) Write(ctx context.Context, elem string, data []byte) error {
	if data == nil {
		data = []byte{}
	}
	_, err := w.tx.Exec(ctx, `INSERT INTO neverlapse_pieces (room, elem, data) VALUES ($1, $2, $3)
		ON CONFLICT (room, elem) DO UPDATE SET data = excluded.data, changed = now()`, w.room.Path, elem, data)
	return w.failed(err)
}

func (w write) Place(ctx context.Context, folder string, pieces map[string][]byte) error {
	for elem, data := range pieces {
		if err := w.Write(ctx, folder+"/"+elem, data); err != nil {
			return err
		}
	}
	return nil
}

func (w write) Remove(ctx context.Context, elem string) error {
	_, err := w.tx.Exec(ctx, `DELETE FROM neverlapse_pieces WHERE room = $1 AND elem = $2`, w.room.Path, elem)
	return w.failed(err)
}

func (w write) Append(ctx context.Context, lines []store.Line) error {
	var batch pgx.Batch
	for _, l := range lines {
		batch.Queue(`INSERT INTO neverlapse_lines (room, sequence, line) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, w.room.Path, l.Sequence, l.Text)
	}
	return w.failed(w.tx.SendBatch(ctx, &batch).Close())
}

// Settle has nothing to do: what can be seen is committed.
func (w write) Settle(context.Context, string) error { return nil }
