package main

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/headers"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	schema "go.temporal.io/server/schema/sqlite"
)

// prepareFile makes the database file if there is none, and refuses one that this server would misread: the server lays out its
// tables only in a new file and never migrates an old one. SQLite's user_version holds which server a file was last opened by.
func prepareFile(path string) error {
	switch info, err := os.Stat(path); {
	case errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0:
		return createFile(path)
	case err != nil:
		return fmt.Errorf("database: %w", err)
	}
	ours := encodeVersion(headers.ServerVersion)
	theirs, layout, err := inspect(path)
	if err != nil {
		return fmt.Errorf("database %s: %w", path, err)
	}
	if theirs == ours {
		return nil
	}
	if theirs > ours {
		return fmt.Errorf("database %s was last used by Temporal server %s, which is newer than this engine's %s: build the newer engine again, "+
			"or give --db-filename another path to begin with an empty database", path, decodeVersion(theirs), headers.ServerVersion)
	}
	same, err := sameLayout(layout)
	if err != nil {
		return err
	}
	skipsMinor := theirs != 0 && ours/1000-theirs/1000 > 1
	if !same || skipsMinor {
		return fmt.Errorf("database %s was made by Temporal server %s and this engine is %s, which does not migrate it: start the engine of the "+
			"older server again (or the one minor version after it), or give --db-filename another path to begin with an empty database and enroll the certificates there",
			path, decodeVersion(theirs), headers.ServerVersion)
	}
	return mark(path, ours)
}

// createFile lays the tables out beside the path and renames, so that a crash leaves no half-made file.
func createFile(path string) error {
	draft := path + ".new"
	for _, old := range []string{draft, draft + "-journal"} {
		if err := os.Remove(old); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("create database: %w", err)
		}
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	cfg := &config.SQL{PluginName: sqlite.PluginName, DatabaseName: draft, ConnectAttributes: map[string]string{"mode": "rwc"}}
	if err := schema.SetupSchema(cfg); err != nil {
		return fmt.Errorf("create database %s: %w", path, err)
	}
	if err := mark(draft, encodeVersion(headers.ServerVersion)); err != nil {
		return err
	}
	if err := os.Rename(draft, path); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return nil
}

// inspect reads the version mark (0: none, as in files of the temporal CLI) and the statements that lay out the tables.
func inspect(path string) (version int, layout []string, err error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return 0, nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return 0, nil, err
	}
	rows, err := db.Query("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name")
	if err != nil {
		return 0, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return 0, nil, err
		}
		layout = append(layout, s)
	}
	return version, layout, rows.Err()
}

// sameLayout reports whether a layout is the one this server makes.
func sameLayout(layout []string) (bool, error) {
	dir, err := os.MkdirTemp("", "neverlapse-engine-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	fresh := filepath.Join(dir, "fresh.db")
	if err := createFile(fresh); err != nil {
		return false, err
	}
	_, want, err := inspect(fresh)
	return slices.Equal(layout, want), err
}

func mark(path string, version int) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	_, err = db.Exec(fmt.Sprintf("PRAGMA user_version = %d", version))
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("mark database %s: %w", path, err)
	}
	return nil
}

// encodeVersion turns 1.32.1 into 1032001.
func encodeVersion(v string) int {
	var major, minor, patch int
	fmt.Sscanf(v, "%d.%d.%d", &major, &minor, &patch)
	return major*1_000_000 + minor*1_000 + patch
}

func decodeVersion(n int) string {
	if n == 0 {
		return "(unknown)"
	}
	return fmt.Sprintf("%d.%d.%d", n/1_000_000, n/1_000%1_000, n%1_000)
}
