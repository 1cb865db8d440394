package kubernetes_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/kube"
	"github.com/neverlapse/neverlapse/internal/kube/kubetest"
	"github.com/neverlapse/neverlapse/internal/target/kubernetes"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

// A process that is killed finds the place by files, so dir holds the namespace.
func TestKubernetesKeepsTheContract(t *testing.T) { onEach(t, kubernetesKeepsTheContract) }

func kubernetesKeepsTheContract(t *testing.T, on func(testing.TB) *kubetest.Cluster) {
	at := func(dir string) (scene, error) {
		namespace, err := os.ReadFile(filepath.Join(dir, "namespace"))
		return scene{namespace: string(namespace)}, err
	}
	sceneAt := func(t testing.TB, dir string) scene {
		s, err := at(dir)
		must(t, err)
		s.Cluster = on(t)
		return s
	}
	targettest.Run(t, targettest.Harness{
		Atomic: true,
		Lacks:  targettest.NoCheck | targettest.NoReload | targettest.NoFiles,
		Prepare: func(t testing.TB, dir string) targettest.Place {
			s := newScene(t, on)
			must(t, os.WriteFile(filepath.Join(dir, "namespace"), []byte(s.namespace), 0o600))
			_, err := s.Kubeconfig(dir, "admin")
			must(t, err)
			return targettest.Place{
				State: s.state,
				Read: func() (cert.Pair, error) {
					now := s.read(t)
					if now == nil {
						return cert.Pair{}, errors.New("there is no Secret")
					}
					return cert.Pair{Chain: now.Data["tls.crt"], Key: now.Data["tls.key"]}, nil
				},
			}
		},
		Open: func(dir string) (targettest.Target, error) {
			s, err := at(dir)
			if err != nil {
				return nil, err
			}
			return kubernetes.New("web", kubernetes.Options{Namespace: s.namespace, Secret: "web-tls", Access: kube.Access{Kubeconfig: filepath.Join(dir, "kubeconfig-admin")}})
		},
		Before: map[string]func(testing.TB, string){
			"nothing":      func(testing.TB, string) {},
			"a TLS Secret": func(t testing.TB, dir string) { sceneAt(t, dir).put(t, targettest.Fresh(t)) },
			"an empty one": func(t testing.TB, dir string) { sceneAt(t, dir).put(t, cert.Pair{Chain: []byte{}, Key: []byte{}}) },
			"an Opaque one": func(t testing.TB, dir string) {
				sceneAt(t, dir).put(t, targettest.Fresh(t), func(s *secret) { s.Type = "Opaque" })
			},
			"one with labels, an owner and more keys": func(t testing.TB, dir string) {
				s := sceneAt(t, dir)
				s.put(t, targettest.Fresh(t), owned(t, s, "v1", "ConfigMap"), func(s *secret) {
					s.Metadata["labels"] = map[string]string{"team": "web"}
					s.Metadata["annotations"] = map[string]string{"example.com/why": "because"}
					s.Data["ca.crt"] = []byte("\x00not PEM")
				})
			},
			"what is no certificate": func(t testing.TB, dir string) {
				sceneAt(t, dir).put(t, cert.Pair{Chain: []byte("\x00\xff"), Key: []byte("x")})
			},
		},
	})
}

// owned gives the Secret an owner that exists.
func owned(t testing.TB, s scene, apiVersion, kind string) func(*secret) {
	return func(x *secret) {
		uid := "11111111-1111-1111-1111-111111111111"
		if kind == "ConfigMap" {
			var made secret
			raw := s.Do(t, http.MethodPost, "/api/v1/namespaces/"+s.namespace+"/configmaps", map[string]any{"metadata": map[string]any{"name": "owner"}})
			must(t, jsonInto(raw, &made))
			uid = made.Metadata["uid"].(string)
		}
		x.Metadata["ownerReferences"] = []any{map[string]any{"apiVersion": apiVersion, "kind": kind, "name": "owner", "uid": uid, "controller": true}}
	}
}

func TestOnlyThePairOfASecretChanges(t *testing.T) { onEach(t, onlyThePairOfASecretChanges) }

func onlyThePairOfASecretChanges(t *testing.T, on func(testing.TB) *kubetest.Cluster) {
	s := newScene(t, on)
	s.put(t, targettest.Fresh(t), owned(t, s, "v1", "ConfigMap"), func(x *secret) {
		x.Metadata["labels"] = map[string]string{"team": "web"}
		x.Data["ca.crt"] = []byte("kept")
	})
	tgt, pair := s.target(t, "admin"), targettest.Fresh(t)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	was := s.read(t)
	must(t, tgt.Install(t.Context(), pair, before))
	now := s.read(t)
	if string(now.Data["ca.crt"]) != "kept" || now.Metadata["uid"] != was.Metadata["uid"] || now.Metadata["ownerReferences"] == nil ||
		now.Metadata["labels"].(map[string]any)["team"] != "web" {
		t.Errorf("Install changed more than the pair: %v", now.Metadata)
	}
	must(t, tgt.Install(t.Context(), pair, before))
	if again := s.read(t); again.Metadata["resourceVersion"] != now.Metadata["resourceVersion"] {
		t.Error("installing what is there already wrote something")
	}
}

func TestWhatIsNotOursIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	onEach(t, whatIsNotOursIsRefusedBeforeAnythingIsWritten)
}

func whatIsNotOursIsRefusedBeforeAnythingIsWritten(t *testing.T, on func(testing.TB) *kubetest.Cluster) {
	for name, c := range map[string]struct {
		change func(testing.TB, scene) func(*secret)
		says   string
	}{
		"cert-manager's, by annotation": {func(testing.TB, scene) func(*secret) {
			return func(x *secret) {
				x.Metadata["annotations"] = map[string]string{"cert-manager.io/certificate-name": "shop"}
			}
		}, "cert-manager keeps this Secret (annotation cert-manager.io/certificate-name: shop)"},
		"cert-manager's, by owner": {func(t testing.TB, s scene) func(*secret) {
			return owned(t, s, "cert-manager.io/v1", "Certificate")
		}, "cert-manager keeps this Secret (owner Certificate owner)"},
		"immutable":        {func(testing.TB, scene) func(*secret) { return func(x *secret) { x.Immutable = true } }, "is immutable"},
		"of another type":  {func(testing.TB, scene) func(*secret) { return func(x *secret) { x.Type = "example.com/other" } }, "is of type example.com/other"},
		"of other content": {func(testing.TB, scene) func(*secret) { return otherContent }, "does not hold tls.crt and tls.key"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, on)
			s.put(t, targettest.Fresh(t), c.change(t, s))
			tgt, was := s.target(t, "admin"), s.state(t)
			before, err := tgt.Capture(t.Context())
			must(t, err)
			for act, err := range map[string]error{"Preflight": tgt.Preflight(t.Context()), "Install": tgt.Install(t.Context(), targettest.Fresh(t), before)} {
				if !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s = %v; want fault.Configuration with %q", act, err, c.says)
				}
			}
			if s.state(t) != was {
				t.Error("the Secret was changed")
			}
		})
	}
}

func otherContent(x *secret) { x.Type, x.Data = "Opaque", map[string][]byte{"password": []byte("x")} }

func TestASecretOfCertManagerIsTakenOverWhereThatIsWanted(t *testing.T) {
	onEach(t, aSecretOfCertManagerIsTakenOverWhereThatIsWanted)
}

func aSecretOfCertManagerIsTakenOverWhereThatIsWanted(t *testing.T, on func(testing.TB) *kubetest.Cluster) {
	s := newScene(t, on)
	s.put(t, targettest.Fresh(t), owned(t, s, "cert-manager.io/v1", "Certificate"))
	tgt := s.target(t, "admin", func(o *kubernetes.Options) { o.TakeOverCertManager = true })
	was, pair := s.state(t), targettest.Fresh(t)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	must(t, tgt.Preflight(t.Context()))
	must(t, tgt.Install(t.Context(), pair, before))
	if v, err := tgt.Installed(t.Context()); err != nil || v.Fingerprint != targettest.FingerprintOf(pair) {
		t.Errorf("Installed = %s, %v", v.Fingerprint.Short(), err)
	}
	must(t, tgt.Restore(t.Context(), before))
	if s.state(t) != was {
		t.Error("Restore did not bring it back")
	}
}

func TestASecretThatWasDeletedMeanwhileComesBack(t *testing.T) {
	onEach(t, aSecretThatWasDeletedMeanwhileComesBack)
}

func aSecretThatWasDeletedMeanwhileComesBack(t *testing.T, on func(testing.TB) *kubetest.Cluster) {
	s := newScene(t, on)
	s.put(t, targettest.Fresh(t), func(x *secret) { x.Metadata["labels"] = map[string]string{"team": "web"} })
	tgt, was := s.target(t, "admin"), s.state(t)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	must(t, tgt.Install(t.Context(), targettest.Fresh(t), before))
	s.Do(t, http.MethodDelete, s.secrets()+"/web-tls", nil)
	if _, err := tgt.Installed(t.Context()); !fault.Is(err, fault.NotFound) {
		t.Errorf("Installed of a deleted Secret = %v, want fault.NotFound", err)
	}
	must(t, tgt.Restore(t.Context(), before))
	if s.state(t) != was {
		t.Errorf("Restore made\n%s, it was\n%s", s.state(t), was)
	}
}

func TestASecretThatSomebodyElseMadeIsNotDeleted(t *testing.T) {
	onEach(t, aSecretThatSomebodyElseMadeIsNotDeleted)
}

func aSecretThatSomebodyElseMadeIsNotDeleted(t *testing.T, on func(testing.TB) *kubetest.Cluster) {
	s := newScene(t, on)
	tgt := s.target(t, "admin")
	before, err := tgt.Capture(t.Context())
	must(t, err)
	s.put(t, targettest.Fresh(t))
	if err := tgt.Restore(t.Context(), before); !fault.Is(err, fault.Configuration) || s.read(t) == nil {
		t.Errorf("Restore = %v; want fault.Configuration and the Secret left", err)
	}
}
