package postgres

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// migrations[n] makes version n+1 of the tables out of version n. They are only
// added to.
var migrations = []string{
	`CREATE TABLE neverlapse_pieces (
		room text COLLATE "C" NOT NULL,
		elem text COLLATE "C" NOT NULL,
		data bytea NOT NULL,
		changed timestamptz NOT NULL DEFAULT now(),
		PRIMARY KEY (room, elem)
	);
	CREATE TABLE neverlapse_lines (
		room text COLLATE "C" NOT NULL,
		sequence bigint NOT NULL,
		line bytea NOT NULL,
		PRIMARY KEY (room, sequence)
	)`,
}

// migrate brings the tables to the version of this program. Of several programs
// that start at once one does it and the others wait. Tables of a later version
// are refused: fault.Configuration.
func (m *Medium) migrate(ctx context.Context) error {
	if found, err := m.version(ctx, m.pool); err != nil || found == len(migrations) {
		return err
	}
	var own error
	err := pgx.BeginFunc(ctx, m.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockRoom, "migration"); err != nil {
			return err
		}
		found, err := m.version(ctx, tx)
		if err != nil {
			own = err
			return err
		}
		if found == 0 {
			if _, err := tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS neverlapse_version (version integer NOT NULL)`); err != nil {
				return err
			}
		}
		for _, step := range migrations[found:] {
			if _, err := tx.Exec(ctx, step); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `DELETE FROM neverlapse_version`)
		if err == nil {
			_, err = tx.Exec(ctx, `INSERT INTO neverlapse_version VALUES (`+strconv.Itoa(len(migrations))+`)`)
		}
		return err
	})
	if own != nil {
		return own
	}
	return m.failed(err)
}

// version is that of the tables; 0: there are none. It asks pg_class, because
// to_regclass may answer from before a lock was waited for.
func (m *Medium) version(ctx context.Context, by querier) (int, error) {
	var there bool
	if err := by.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'neverlapse_version' AND pg_table_is_visible(oid))`).Scan(&there); err != nil || !there {
		return 0, m.failed(err)
	}
	var found int
	err := by.QueryRow(ctx, `SELECT version FROM neverlapse_version`).Scan(&found)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, m.failed(err)
	}
	if found < 0 || found > len(migrations) {
		return 0, fault.New(fault.Configuration, "store %s: its tables are of version %d, and this program knows %d: a later one has been here; start that one, or restore the backup from before it", m, found, len(migrations))
	}
	return found, nil
}
