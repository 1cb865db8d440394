package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime/debug"

	"github.com/neverlapse/neverlapse/internal/config"
)

// Check builds every adapter of a configuration and dials nobody. more are kinds
// of targets beside our own.
func Check(ctx context.Context, c config.Config, more ...Kinds) error {
	_, p, err := build(ctx, c, more)
	if p.store != nil {
		err = errors.Join(err, p.store.Close())
	}
	return err
}

// Logger writes as the configuration says.
func Logger(w io.Writer, c config.Log) *slog.Logger {
	var level slog.Level
	if level.UnmarshalText([]byte(c.Level)) != nil {
		level = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// Version says what was built, from the information in the binary.
func Version(read func() (*debug.BuildInfo, bool)) string {
	info, ok := read()
	if !ok {
		return "neverlapse (unknown build)"
	}
	out := "neverlapse " + info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			out += " " + s.Value
		}
	}
	return out + " " + info.GoVersion
}
