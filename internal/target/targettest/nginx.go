package targettest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

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

// nginxProcesses is how many of them take connections.
const nginxProcesses = 2

// Nginx is a running nginx.
type Nginx struct {
	Binary, Prefix, Config, ErrorLog string
	Servers                          []NginxServer // with every default filled in

	daemon
}

// FindNginx gives the path of nginx; an error tells how to install it.
func FindNginx() (string, error) {
	return find("nginx", "nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/local/nginx/sbin/nginx")
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
	if err := n.boot(n.configure); err != nil {
		return nil, err
	}
	return n, nil
}

// Settled reports whether no process of before a reload takes connections any
// more; true also of a server that does not run.
func (n *Nginx) Settled() bool {
	master := strconv.Itoa(n.PID())
	children, err := os.ReadFile(filepath.Join("/proc", master, "task", master, "children"))
	if err != nil {
		return true
	}
	working := 0
	for _, child := range strings.Fields(string(children)) {
		title, err := os.ReadFile(filepath.Join("/proc", child, "cmdline"))
		if err == nil && strings.TrimRight(string(title), "\x00 ") == "nginx: worker process" {
			working++
		}
	}
	return working <= nginxProcesses
}
