package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// servers is how many nginx servers belong to the worker itself.
func (w *World) servers() int {
	switch {
	case w.Nginx == nil:
		return 0
	case w.Host != "":
		return len(w.Nginx.Servers) - 1
	}
	return len(w.Nginx.Servers)
}

// configureHost does what an operator does on a host: a configuration, and a
// key whose public half goes to the centre. The host sees its own folder of the
// store and no other.
func (w *World) configureHost() error {
	if w.Host == "" {
		return nil
	}
	in := func(name string) string { return filepath.Join(w.Dir, name) }
	engine := w.HostEngine
	if engine == "" {
		engine = w.Engine
	}
	text := fmt.Sprintf("data: %s\ntemporal: {address: %q, namespace: %s}\nstore: {kind: files, options: {path: %s, key_file: %s}}\ntargets:\n%s\n",
		in("host"), engine, w.Namespace, filepath.Join(in("store"), "hosts", w.Host), in("host.key"), w.nginxTarget(len(w.Nginx.Servers)-1))
	config := in("host.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	args := []string{w.Binaries.Worker, "--config", config, "--role", "target", "--queue", w.Host}
	init := exec.Command(args[0], append(args[1:], "--init")...)
	init.Env = w.env()
	out, err := init.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	w.hosts = string(out)
	w.HostWork = &Process{Args: args, Env: w.env(), Log: in("host.log")}
	return nil
}

func (w *World) queueTimeout() string {
	if w.QueueTimeout == "" {
		return ""
	}
	return ", queue_timeout: " + w.QueueTimeout
}

// StartHost starts the worker of the host and waits until it is up.
func (w *World) StartHost(ctx context.Context) error {
	const up = "it does what is asked of host"
	before := strings.Count(w.HostWork.Output(), up)
	if err := w.HostWork.Start(); err != nil {
		return err
	}
	return WaitFor(ctx, "the worker of the host to be up", func() (bool, error) {
		if !w.HostWork.Running() {
			return false, fmt.Errorf("it ended: %s", w.HostWork.Output())
		}
		return strings.Count(w.HostWork.Output(), up) > before, nil
	})
}
