package recipes_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/keystore"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

const (
	catalina        = "/usr/share/tomcat10/bin/catalina.sh"
	managerApp      = "/usr/share/tomcat10-admin/manager"
	managerPassword = "manager-secret"
	storePassword   = "keystore-secret"
)

// tomcat is a running Tomcat with a manager and one connector with TLS.
type tomcat struct {
	dir, manager, tls string
	cmd               *exec.Cmd
}

const serverXML = `<Server port="-1">
 <GlobalNamingResources><Resource name="UserDatabase" auth="Container" type="org.apache.catalina.UserDatabase" factory="org.apache.catalina.users.MemoryUserDatabaseFactory" pathname="conf/tomcat-users.xml"/></GlobalNamingResources>
 <Service name="Catalina">
  <Connector port="%d" address="127.0.0.1" protocol="HTTP/1.1"/>
  <Connector port="%d" address="127.0.0.1" protocol="org.apache.coyote.http11.Http11NioProtocol" SSLEnabled="true" scheme="https" secure="true">
   <SSLHostConfig><Certificate certificateKeystoreFile="%s" certificateKeystoreType="PKCS12" certificateKeystorePassword="%s"/></SSLHostConfig>
  </Connector>
  <Engine name="Catalina" defaultHost="localhost"><Realm className="org.apache.catalina.realm.UserDatabaseRealm" resourceName="UserDatabase"/>
   <Host name="localhost" appBase="webapps"/></Engine>
 </Service>
</Server>`

// startTomcat starts one that serves the pair.
func startTomcat(t *testing.T, pair cert.Pair) *tomcat {
	t.Helper()
	needed(t, "tomcat10 tomcat10-admin default-jre-headless curl openssl", catalina, managerApp, "java", "curl", "openssl")
	dir := t.TempDir()
	plain, err := targettest.FreePort()
	must(t, err)
	secure, err := targettest.FreePort()
	must(t, err)
	s := &tomcat{dir: dir, manager: fmt.Sprintf("127.0.0.1:%d", plain), tls: fmt.Sprintf("127.0.0.1:%d", secure)}
	chain, err := cert.DecodeChain(pair.Chain)
	must(t, err)
	key, err := cert.DecodeKey(pair.Key)
	must(t, err)
	store, err := keystore.PKCS12(key, chain, storePassword, false)
	must(t, err)
	write(t, s.keystore(), string(store))
	must(t, os.Chmod(s.keystore(), 0o640))
	write(t, filepath.Join(dir, "conf/server.xml"), fmt.Sprintf(serverXML, plain, secure, s.keystore(), storePassword))
	write(t, filepath.Join(dir, "conf/web.xml"), `<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0"/>`)
	write(t, filepath.Join(dir, "conf/tomcat-users.xml"), `<tomcat-users><user username="neverlapse" password="`+managerPassword+`" roles="manager-script"/></tomcat-users>`)
	write(t, filepath.Join(dir, "conf/Catalina/localhost/manager.xml"), `<Context docBase="`+managerApp+`" privileged="true"/>`)
	for _, d := range []string{"logs", "temp", "work", "webapps"} {
		must(t, os.Mkdir(filepath.Join(dir, d), 0o700))
	}
	s.cmd = exec.Command(catalina, "run")
	s.cmd.Env = append(os.Environ(), "CATALINA_HOME=/usr/share/tomcat10", "CATALINA_BASE="+dir, "CATALINA_OPTS=-Xmx128m")
	log, err := os.Create(filepath.Join(dir, "out"))
	must(t, err)
	defer log.Close()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	must(t, s.cmd.Start())
	t.Cleanup(s.kill)
	for deadline := time.Now().Add(2 * time.Minute); s.down(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			said, err := os.ReadFile(filepath.Join(dir, "out"))
			t.Fatalf("Tomcat does not start: %v\n%s", err, said)
		}
	}
	return s
}

func (s *tomcat) keystore() string { return filepath.Join(s.dir, "tls/shop.p12") }

func (s *tomcat) kill() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Signal(syscall.SIGKILL) // it may have ended
		_ = s.cmd.Wait()
	}
}

// down tells whether the manager does not answer yet, or nobody serves TLS.
func (s *tomcat) down() bool {
	req, err := http.NewRequest(http.MethodGet, "http://"+s.manager+"/manager/text/serverinfo", nil)
	if err != nil {
		return true
	}
	req.SetBasicAuth("neverlapse", managerPassword)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return true
	}
	resp.Body.Close()
	return resp.StatusCode != http.StatusOK || s.served() == ""
}

// served is what a fresh handshake gets; empty if there is none.
func (s *tomcat) served() cert.Fingerprint {
	conn, err := tls.Dial("tcp", s.tls, &tls.Config{InsecureSkipVerify: true, ServerName: "shop.example.com"})
	if err != nil {
		return ""
	}
	defer conn.Close()
	return cert.FingerprintOf(conn.ConnectionState().PeerCertificates[0])
}

func (s *tomcat) expect(t *testing.T, when string, pair cert.Pair) {
	t.Helper()
	if got, want := s.served(), targettest.FingerprintOf(pair); got != want {
		t.Errorf("%s Tomcat serves %s, want %s", when, got.Short(), want.Short())
	}
}

func TestTomcatServesWhatTheRecipeInstalls(t *testing.T) {
	first, second, third := targettest.Fresh(t, "shop.example.com", "a.test"), targettest.Fresh(t, "shop.example.com", "a.test"), targettest.Fresh(t, "shop.example.com", "a.test")
	s := startTomcat(t, first)
	dir := t.TempDir()
	password := write(t, filepath.Join(dir, "password"), storePassword+"\n")
	tgt := recipe(t, "tomcat.md", map[string]string{
		"/etc/tomcat10/shop.p12": s.keystore(), "127.0.0.1:8080": s.manager, "127.0.0.1:8443": s.tls,
		"/etc/neverlapse/shop-keystore-password": password,
		"/etc/neverlapse/tomcat-netrc":           write(t, filepath.Join(dir, "netrc"), "machine 127.0.0.1 login neverlapse password "+managerPassword+"\n"),
	})
	before, err := tgt.Capture(t.Context())
	must(t, err)
	if v, err := tgt.CapturedVersion(before); err != nil || v.Fingerprint != targettest.FingerprintOf(first) {
		t.Errorf("captured %s, %v", v.Fingerprint.Short(), err)
	}
	must(t, tgt.Preflight(t.Context()))
	must(t, tgt.Install(t.Context(), second, before))
	s.expect(t, "after installing", second)
	if v, err := tgt.Installed(t.Context()); err != nil || v.Fingerprint != targettest.FingerprintOf(second) {
		t.Errorf("installed %s, %v", v.Fingerprint.Short(), err)
	}
	if info, err := os.Stat(s.keystore()); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the keystore has %v, %v; want its own mode 0640", info.Mode(), err)
	}

	now, err := tgt.Capture(t.Context())
	must(t, err)
	was := targettest.Tree(t, filepath.Dir(s.keystore()))
	write(t, password, "not-the-word-of-tomcat") // so that it is given what it cannot read
	err = tgt.Install(t.Context(), third, now)
	if !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "does not say OK to sslReload") || !strings.Contains(err.Error(), "what was there before was put back") {
		t.Errorf("Install of what Tomcat cannot read = %v", err)
	}
	if got := targettest.Tree(t, filepath.Dir(s.keystore())); got != was {
		t.Errorf("the old keystore is not back\n%s\n%s", was, got)
	}
	s.expect(t, "after a refusal", second)

	write(t, password, storePassword)
	must(t, tgt.Restore(t.Context(), before))
	s.expect(t, "after rolling back", first)
	s.kill()
	if err := tgt.Preflight(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Preflight without Tomcat = %v, want fault.Unavailable", err)
	}
}
