package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
)

// Record is what a data directory remembers of its engine.
type Record struct {
	// Address is the host:port of the gRPC front end, UIURL the Web UI; the engine may be stopped.
	Address string `json:"address"`
	UIURL   string `json:"uiURL,omitempty"`
	// PID is the server's process id when it was last started.
	PID    int `json:"pid"`
	Port   int `json:"port"`
	UIPort int `json:"uiPort,omitempty"`
}

// Recorded tells other programs on this machine where the engine of a data directory listens. The error is os.ErrNotExist when none was
// ever started there.
func Recorded(dataDir string) (Record, error) { return readRecord(dataDir) }

func recordFile(dir string) string { return filepath.Join(dir, "engine.json") }

func readRecord(dir string) (Record, error) {
	var r Record
	data, err := os.ReadFile(recordFile(dir))
	if err != nil {
		return r, fmt.Errorf("engine: %w", err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return Record{}, fmt.Errorf("engine: %s: %w", recordFile(dir), err)
	}
	return r, nil
}

func (e *Engine) writeRecord(pid int) error {
	r := Record{Address: e.Address(), UIURL: e.UIURL(), PID: pid, Port: e.options.Port, UIPort: e.options.UIPort}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	path := recordFile(e.options.DataDir)
	if err := os.WriteFile(path+".new", append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// choosePorts settles the ports: those asked for must be free, the remembered ones are used again if they are.
func choosePorts(o Options) (Options, error) {
	last, err := readRecord(o.DataDir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		o.Logger.Warn("engine: the ports used before are not known; picking others", "error", err)
	}
	if o.Port, err = choosePort(o, "Port", o.Port, last.Port, o.UIPort); err != nil || o.Headless {
		return o, err
	}
	o.UIPort, err = choosePort(o, "UIPort", o.UIPort, last.UIPort, o.Port)
	return o, err
}

func choosePort(o Options, name string, asked, remembered, other int) (int, error) {
	if asked != 0 {
		if err := portIsFree(o.IP, asked); err != nil {
			return 0, fmt.Errorf("engine: %s %d is taken: %w", name, asked, err)
		}
		return asked, nil
	}
	if remembered != 0 && remembered != other {
		err := portIsFree(o.IP, remembered)
		if err == nil {
			return remembered, nil
		}
		o.Logger.Warn("engine: the port used before is taken; picking another", "name", name, "port", remembered, "error", err)
	}
	return freePort(o.IP, other)
}

// freePort looks below the range that kernels hand to outgoing connections, so that a remembered port is still free after a restart.
func freePort(ip string, other int) (int, error) {
	const low, high, tries = 20000, 32000, 100
	var err error
	for range tries {
		port := low + rand.IntN(high-low)
		if port == other {
			continue
		}
		if err = portIsFree(ip, port); err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("engine: no free port between %d and %d on %s: %w", low, high, ip, err)
}

func portIsFree(ip string, port int) error {
	l, err := net.Listen("tcp", hostPort(ip, port))
	if err != nil {
		return err
	}
	return l.Close()
}
