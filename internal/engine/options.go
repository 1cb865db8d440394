package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"
)

// Options say where the engine is, where it keeps its data and where it listens.
type Options struct {
	// Binary is the server to start. Empty: $NEVERLAPSE_ENGINE, else neverlapse-engine beside this executable, else neverlapse-engine
	// in PATH, else the temporal CLI in PATH.
	Binary string
	// DataDir holds the database, the lock, the log and the ports to use again. It is made if it does not exist.
	DataDir string
	// IP is what the server and the Web UI listen on; 127.0.0.1 if empty. Neither asks for a password.
	IP string
	// Port and UIPort: 0 picks a free one and uses the same after a restart.
	Port, UIPort int
	// Headless leaves the Web UI out.
	Headless bool
	// Namespace is created beside "default"; "default" if empty.
	Namespace string
	// LogFile takes what the child says; engine.log in DataDir if empty.
	LogFile string
	// StartTimeout bounds Start, including the wait for an engine that a killed worker left behind; a minute if zero.
	StartTimeout time.Duration
	// Logger hears of deaths and restarts; slog.Default() if nil.
	Logger *slog.Logger
}

// Validate says everything that is wrong with o.
func (o Options) Validate() error {
	var errs []error
	if o.DataDir == "" {
		errs = append(errs, errors.New("engine: DataDir is empty: name a directory for the database"))
	}
	if o.IP != "" && net.ParseIP(o.IP) == nil {
		errs = append(errs, fmt.Errorf("engine: IP %q is not an IP address", o.IP))
	}
	for name, port := range map[string]int{"Port": o.Port, "UIPort": o.UIPort} {
		if port < 0 || port > 65535 {
			errs = append(errs, fmt.Errorf("engine: %s %d: want 1 to 65535, or 0 to pick a free one", name, port))
		}
	}
	if o.Port != 0 && o.Port == o.UIPort && !o.Headless {
		errs = append(errs, fmt.Errorf("engine: Port and UIPort are both %d", o.Port))
	}
	if o.StartTimeout < 0 {
		errs = append(errs, fmt.Errorf("engine: StartTimeout %s is negative", o.StartTimeout))
	}
	return errors.Join(errs...)
}

func (o Options) withDefaults() (Options, error) {
	dir, err := filepath.Abs(o.DataDir)
	if err != nil {
		return o, fmt.Errorf("engine: data directory: %w", err)
	}
	o.DataDir = dir
	if o.IP == "" {
		o.IP = "127.0.0.1"
	}
	if o.Namespace == "" {
		o.Namespace = "default"
	}
	if o.LogFile == "" {
		o.LogFile = filepath.Join(dir, "engine.log")
	}
	if o.StartTimeout == 0 {
		o.StartTimeout = time.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o, nil
}
