package targettest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Apache is a running Apache httpd with one TLS site, a.test, that answers
// every request with 204.
type Apache struct {
	Binary, Root, Config, ErrorLog, PIDFile string
	// Directory holds live/fullchain.pem and live/privkey.pem, which it reads.
	Directory string

	daemon
}

// apacheModules are where distributions put them.
var apacheModules = []string{"/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules"}

// FindApache gives the path of Apache; an error tells how to install it.
func FindApache() (string, error) {
	return find("apache2", "apache2", "/usr/sbin/apache2", "/usr/sbin/httpd")
}

// StartApache writes a configuration below dir, which must exist, and starts
// Apache with it on a free loopback port, serving pair. Stop ends it.
func StartApache(binary, dir string, pair cert.Pair) (*Apache, error) {
	a := &Apache{
		Binary: binary, Root: dir, Config: filepath.Join(dir, "conf", "httpd.conf"), ErrorLog: filepath.Join(dir, "logs", "error.log"),
		PIDFile: filepath.Join(dir, "run", "httpd.pid"), Directory: filepath.Join(dir, "certs"),
	}
	a.argv = []string{a.Binary, "-d", a.Root, "-f", a.Config, "-DFOREGROUND"}
	for _, d := range []string{"conf/extra", "logs", "run", "certs/live"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("prepare Apache: %w", err)
		}
	}
	if err := writeLive(a.Directory, map[string][]byte{"fullchain.pem": pair.Chain, "privkey.pem": pair.Key}); err != nil {
		return nil, err
	}
	if err := a.boot(a.configure); err != nil {
		return nil, err
	}
	return a, a.written()
}

// Start starts it again on the same port, and waits until its pid file is there,
// which is a little later than its port.
func (a *Apache) Start() error {
	if err := a.daemon.Start(); err != nil {
		return err
	}
	return a.written()
}

func (a *Apache) written() error {
	for begin := time.Now(); a.RunningPID() != a.PID(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > startDeadline {
			return fmt.Errorf("Apache wrote no pid file within %s", startDeadline)
		}
	}
	return nil
}

// writeLive writes files into the directory live below dir, for us alone.
func writeLive(dir string, files map[string][]byte) error {
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, "live", name), data, 0o600); err != nil {
			return fmt.Errorf("write the first pair: %w", err)
		}
	}
	return nil
}

func (a *Apache) configure() (err error) {
	if a.Addresses, err = freeAddresses(1); err != nil {
		return err
	}
	modules := ""
	for _, dir := range apacheModules {
		if _, err := os.Stat(dir); err == nil {
			modules = dir
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "ServerRoot %q\nServerName a.test\nPidFile %q\nDefaultRuntimeDir %q\nErrorLog %q\nListen %s\n",
		a.Root, a.PIDFile, filepath.Dir(a.PIDFile), a.ErrorLog, a.Addresses[0])
	for _, m := range []string{"mpm_event", "authz_core", "alias", "socache_shmcb", "ssl"} {
		fmt.Fprintf(&b, "LoadModule %s_module %q\n", m, filepath.Join(modules, "mod_"+m+".so"))
	}
	if os.Geteuid() == 0 {
		b.WriteString("User \"#65534\"\nGroup \"#65534\"\n")
	}
	fmt.Fprintf(&b, "SSLSessionCache \"shmcb:%s/ssl_scache(512000)\"\nMutex \"file:%s\" default\n", filepath.Dir(a.PIDFile), filepath.Dir(a.PIDFile))
	fmt.Fprintf(&b, "<VirtualHost %s>\n  ServerName a.test\n  SSLEngine on\n  SSLCertificateFile %q\n  SSLCertificateKeyFile %q\n  Redirect 204 \"/\"\n</VirtualHost>\n",
		a.Addresses[0], filepath.Join(a.Directory, "live", "fullchain.pem"), filepath.Join(a.Directory, "live", "privkey.pem"))
	fmt.Fprintf(&b, "IncludeOptional %q\n", filepath.Join(a.Root, "conf", "extra", "*.conf"))
	if err := os.WriteFile(a.Config, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("configure Apache: %w", err)
	}
	return nil
}

// Extra writes a file that the configuration includes; the running Apache does
// not notice. Empty text removes it.
func (a *Apache) Extra(name, text string) error {
	return extra(filepath.Join(a.Root, "conf", "extra", name), text)
}

func extra(path, text string) error {
	if text == "" {
		return os.Remove(path)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// RunningPID is the process that the pid file names, which is not ours if it
// was started again; 0 if there is none.
func (a *Apache) RunningPID() int {
	data, err := os.ReadFile(a.PIDFile)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || syscall.Kill(pid, 0) != nil {
		return 0
	}
	return pid
}

// Kill ends it at once, also one that was started again; the pid file stays.
func (a *Apache) Kill() error {
	if pid := a.RunningPID(); pid > 1 && pid != a.PID() {
		_ = syscall.Kill(-pid, syscall.SIGKILL) // it leads a group of its own, or has just ended
	}
	return a.daemon.Kill()
}

// Stop lets it finish, also one that was started again, and leaves nothing of it.
func (a *Apache) Stop() error {
	err := a.daemon.Stop()
	if kill := a.Kill(); err == nil {
		err = kill
	}
	return err
}
