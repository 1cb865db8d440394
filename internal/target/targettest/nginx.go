package targettest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// NginxOptions say what StartNginx starts.
type NginxOptions struct {
	Binary  string        // default nginx, as FindNginx finds it
	Servers []NginxServer // default one, for localhost
}

// NginxServer is one server block on a loopback port of its own.
type NginxServer struct {
	Name string // server_name
	// Certificate and Key are the files nginx reads; default
	// <dir>/certs/<Name>/live/fullchain.pem and privkey.pem.
	Certificate, Key string
	// Initial is written to them where nothing is; default a fresh pair for Name.
	Initial cert.Pair
}

// Nginx is a running nginx. Its methods may be called from several goroutines
// but for Start, Stop and Kill, which take turns.
type Nginx struct {
	Binary, Prefix, Config, ErrorLog string
	Servers                          []NginxServer // with every default filled in
	Addresses                        []string      // 127.0.0.1:port of each server

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
	stderr *lockedBuffer
}

// startDeadline bounds waiting for nginx to accept connections.
const startDeadline = 30 * time.Second

// FindNginx gives the path of nginx; an error tells how to install it.
func FindNginx() (string, error) {
	for _, p := range []string{"/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/local/nginx/sbin/nginx"} {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	if p, err := exec.LookPath("nginx"); err == nil {
		return filepath.Abs(p)
	}
	return "", errors.New("nginx is not installed: apt-get install -y --no-install-recommends nginx")
}

// StartNginx writes a configuration below dir, which must exist, and starts
// nginx with it, as the user we are, on free loopback ports. Stop ends it.
func StartNginx(dir string, o NginxOptions) (*Nginx, error) {
	n := &Nginx{
		Binary: o.Binary, Prefix: dir, Servers: append([]NginxServer(nil), o.Servers...),
		Config: filepath.Join(dir, "conf", "nginx.conf"), ErrorLog: filepath.Join(dir, "logs", "error.log"),
	}
	if n.Binary == "" {
		found, err := FindNginx()
		if err != nil {
			return nil, err
		}
		n.Binary = found
	}
	if len(n.Servers) == 0 {
		n.Servers = []NginxServer{{Name: "localhost"}}
	}
	for i := range n.Servers {
		if err := n.Servers[i].prepare(dir); err != nil {
			return nil, err
		}
	}
	// A free port may be taken before nginx binds it; choose others then.
	var err error
	for range 3 {
		if err = n.configure(); err != nil {
			return nil, err
		}
		if err = n.Start(); err == nil || !strings.Contains(err.Error(), "Address already in use") {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

// Start starts it again after Stop or Kill, on the same ports, and waits until
// every port accepts connections.
func (n *Nginx) Start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stderr = &lockedBuffer{}
	n.cmd = exec.Command(n.Binary, "-p", n.Prefix, "-c", n.Config, "-e", n.ErrorLog, "-g", "daemon off;")
	n.cmd.Stdout, n.cmd.Stderr = n.stderr, n.stderr
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := n.cmd.Start(); err != nil {
		return fmt.Errorf("start nginx: %w", err)
	}
	exited := make(chan struct{})
	n.exited = exited
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait() // how it ended is in its output
		close(exited)
	}(n.cmd)
	deadline := time.After(startDeadline)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !n.accepting() {
		select {
		case <-exited:
			return fmt.Errorf("nginx ended at once: %s", n.stderr.String())
		case <-deadline:
			return errors.Join(fmt.Errorf("nginx accepts no connections after %s", startDeadline), n.kill())
		case <-tick.C:
		}
	}
	return nil
}

func (n *Nginx) accepting() bool {
	for _, a := range n.Addresses {
		c, err := net.DialTimeout("tcp", a, time.Second)
		if err != nil {
			return false
		}
		_ = c.Close()
	}
	return true
}

// PID is that of the master process.
func (n *Nginx) PID() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cmd.Process.Pid
}

// Signal sends a signal to the master process alone.
func (n *Nginx) Signal(sig syscall.Signal) error { return syscall.Kill(n.PID(), sig) }

// Stop lets it finish, then makes sure that nothing of it is left.
func (n *Nginx) Stop() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, sig := range []syscall.Signal{syscall.SIGCONT, syscall.SIGTERM} {
		_ = syscall.Kill(n.cmd.Process.Pid, sig) // it may have ended already
	}
	select {
	case <-n.exited:
	case <-time.After(5 * time.Second):
	}
	return n.kill()
}

// Kill ends master and workers at once, as a crash does; the pid file stays.
func (n *Nginx) Kill() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.kill()
}

func (n *Nginx) kill() error {
	err := syscall.Kill(-n.cmd.Process.Pid, syscall.SIGKILL)
	<-n.exited
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill nginx: %w", err)
	}
	return nil
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
