package chart_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"github.com/neverlapse/neverlapse/internal/kube/kubetest"
)

// Every key of every manifest is one that the types of Kubernetes, and of the
// Prometheus operator, have.
func TestTheTypesOfKubernetesKnowEveryKey(t *testing.T) {
	known := runtime.NewScheme()
	must(t, scheme.AddToScheme(known))
	must(t, monitoring.AddToScheme(known))
	strict := serializer.NewCodecFactory(known, serializer.EnableStrict).UniversalDeserializer()
	for name, values := range installations(t) {
		objects, _ := render(t, values)
		for _, o := range objects {
			data, err := o.MarshalJSON()
			must(t, err)
			if _, _, err := strict.Decode(data, nil, nil); err != nil {
				t.Errorf("%s: %s %s: %v", name, o.GetKind(), o.GetName(), err)
			}
		}
	}
}

// A real API server takes every manifest, as Helm sends them, and complains of
// no unknown key.
func TestTheAPIServerTakesEveryManifest(t *testing.T) {
	cluster := kubetest.Shared(t)
	path, err := cluster.Kubeconfig(t.TempDir(), "admin")
	must(t, err)
	config, err := clientcmd.BuildConfigFromFlags("", path)
	must(t, err)
	client, err := dynamic.NewForConfig(config)
	must(t, err)
	asked, err := discovery.NewDiscoveryClientForConfig(config)
	must(t, err)
	groups, err := restmapper.GetAPIGroupResources(asked)
	must(t, err)
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	for _, name := range []string{namespace, "shop", "blog"} {
		cluster.Namespace(t, name)
	}
	taken := 0
	for name, values := range installations(t) {
		objects, _ := render(t, values)
		for _, o := range objects {
			if strings.HasPrefix(o.GetAPIVersion(), "monitoring.coreos.com/") { // the operator's definitions are not installed
				continue
			}
			kind := o.GroupVersionKind()
			mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
			must(t, err)
			var at dynamic.ResourceInterface = client.Resource(mapping.Resource)
			if o.GetNamespace() != "" {
				at = client.Resource(mapping.Resource).Namespace(o.GetNamespace())
			}
			data, err := o.MarshalJSON()
			must(t, err)
			yes := true
			_, err = at.Patch(t.Context(), o.GetName(), types.ApplyPatchType, data, metav1.PatchOptions{FieldManager: name, Force: &yes, FieldValidation: metav1.FieldValidationStrict, DryRun: []string{metav1.DryRunAll}})
			if err != nil {
				t.Errorf("%s: %s %s: %v", name, o.GetKind(), o.GetName(), err)
			}
			taken++
		}
	}
	if taken < 30 {
		t.Errorf("only %d manifests were sent", taken)
	}
}

// pods are the templates of pods among the objects.
func pods(t *testing.T, objects []*unstructured.Unstructured) map[string]corev1.PodTemplateSpec {
	t.Helper()
	out := map[string]corev1.PodTemplateSpec{}
	for _, o := range objects {
		switch o.GetKind() {
		case "Deployment":
			var d appsv1.Deployment
			must(t, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &d))
			out[o.GetName()] = d.Spec.Template
		case "Job":
			var j batchv1.Job
			must(t, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &j))
			out[o.GetName()] = j.Spec.Template
		}
	}
	return out
}

// Pods keep the strictest of Kubernetes' Pod Security Standards, and write to
// volumes only.
func TestPodsMayDoNoMoreThanTheyNeed(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	must(t, err)
	strictest := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for name, values := range installations(t) {
		objects, _ := render(t, values)
		found := pods(t, objects)
		if len(found) == 0 {
			t.Errorf("%s: there are no pods", name)
		}
		for pod, p := range found {
			if r := policy.AggregateCheckResults(evaluator.EvaluatePod(strictest, &p.ObjectMeta, &p.Spec)); !r.Allowed {
				t.Errorf("%s: %s: %s", name, pod, r.ForbiddenDetail())
			}
			for _, c := range p.Spec.Containers {
				if s := c.SecurityContext.ReadOnlyRootFilesystem; s == nil || !*s {
					t.Errorf("%s: %s: the root file system of %s can be written to", name, pod, c.Name)
				}
			}
			if s := p.Spec.EnableServiceLinks; s == nil || *s {
				t.Errorf("%s: %s: Kubernetes adds variables of Services, which may begin with NEVERLAPSE_", name, pod)
			}
			for _, v := range p.Spec.Volumes {
				if v.Secret != nil && *v.Secret.DefaultMode != 0o440 {
					t.Errorf("%s: %s: the Secret %s has the mode %o; the worker refuses what everybody may read", name, pod, v.Secret.SecretName, *v.Secret.DefaultMode)
				}
			}
		}
	}
}

// An account's token is in a pod only where something of the cluster is asked.
func TestOnlyAWorkerThatAsksTheClusterHasAToken(t *testing.T) {
	for name, want := range map[string]bool{"files": false, "postgres": true, "s3": false} {
		objects, _ := render(t, installations(t)[name])
		for pod, p := range pods(t, objects) {
			got := p.Spec.AutomountServiceAccountToken
			if got == nil || *got != (want && pod == release) {
				t.Errorf("%s: %s: automountServiceAccountToken is %v", name, pod, got)
			}
		}
	}
}

// granted are the rules of a role, and whom its binding gives them.
func granted(t *testing.T, objects []*unstructured.Unstructured, kind, in, name string) []rbacv1.PolicyRule {
	t.Helper()
	for _, o := range objects {
		if o.GetKind() != kind || o.GetName() != name || o.GetNamespace() != in {
			continue
		}
		var role rbacv1.ClusterRole
		must(t, runtime.DefaultUnstructuredConverter.FromUnstructured(map[string]any{"rules": o.Object["rules"]}, &role))
		var bound rbacv1.RoleBinding
		for _, b := range objects {
			if b.GetKind() == kind+"Binding" && b.GetName() == name && b.GetNamespace() == in {
				must(t, runtime.DefaultUnstructuredConverter.FromUnstructured(map[string]any{"subjects": b.Object["subjects"], "roleRef": b.Object["roleRef"]}, &bound))
			}
		}
		want := rbacv1.Subject{Kind: "ServiceAccount", Name: release, Namespace: namespace}
		if len(bound.Subjects) != 1 || bound.Subjects[0] != want || bound.RoleRef.Kind != kind || bound.RoleRef.Name != name {
			t.Errorf("%s %s/%s is bound as %+v", kind, in, name, bound)
		}
		return role.Rules
	}
	t.Fatalf("there is no %s %s in %q", kind, name, in)
	return nil
}

// documented are the rules of the role that a page of docs/ tells of.
func documented(t *testing.T, page, mark string) []rbacv1.PolicyRule {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "docs", page))
	must(t, err)
	_, after, _ := strings.Cut(string(data), "<!-- "+mark+":begin -->\n```yaml\n")
	text, _, found := strings.Cut(after, "```")
	if !found {
		t.Fatalf("%s has no %s", page, mark)
	}
	var role rbacv1.ClusterRole
	must(t, yaml.UnmarshalStrict([]byte(text), &role))
	return role.Rules
}

// The rights follow from the configuration, and are those that docs/ calls enough.
func TestTheRightsAreThoseThatTheConfigurationNeeds(t *testing.T) {
	everything := installations(t)["postgres"]
	objects, _ := render(t, everything)
	const prefix = "certificates-neverlapse-"
	equal := func(what string, got, want []rbacv1.PolicyRule) {
		t.Helper()
		if !same(t, got, want) {
			t.Errorf("%s: %+v; want %+v", what, got, want)
		}
	}
	equal("source of the whole cluster", granted(t, objects, "ClusterRole", "", prefix+"source-secrets"), documented(t, "sources-cloud.md", "source-role"))
	for _, in := range []string{"shop", "blog"} {
		equal("cert-manager in "+in, granted(t, objects, "Role", in, prefix+"source-certmanager"), documented(t, "cert-manager.md", "role"))
	}
	target := documented(t, "targets-cloud.md", "role")
	target[0].ResourceNames = []string{"admin-tls", "shop-tls"}
	made := slices.Clone(target)
	made[0].Verbs = append(slices.Clone(target[0].Verbs), "delete")
	made = append(made, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"create"}})
	equal("targets that may be made", granted(t, objects, "Role", "shop", prefix+"targets"), made)

	everything["rbac"] = map[string]any{"createSecrets": false}
	objects, _ = render(t, everything)
	equal("targets that are there", granted(t, objects, "Role", "shop", prefix+"targets"), target)
	for _, o := range objects {
		if strings.HasSuffix(o.GetKind(), "Role") && o.GetNamespace() == "other" {
			t.Error("rights in a cluster that is reached by a kubeconfig")
		}
	}
	for _, name := range []string{"files", "s3"} {
		objects, _ := render(t, installations(t)[name])
		for _, o := range objects {
			if strings.Contains(o.GetKind(), "Role") {
				t.Errorf("%s: needs no rights, and has the %s %s", name, o.GetKind(), o.GetName())
			}
		}
	}
}

// What is asked for by name is there: ports of probes, services, ingresses and
// policies, volumes of mounts.
func TestWhatIsNamedIsThere(t *testing.T) {
	for name, values := range installations(t) {
		objects, _ := render(t, values)
		ports := map[string]int32{}
		for pod, p := range pods(t, objects) {
			volumes := map[string]bool{}
			for _, v := range p.Spec.Volumes {
				volumes[v.Name] = true
			}
			for _, c := range p.Spec.Containers {
				for _, m := range c.VolumeMounts {
					if !volumes[m.Name] {
						t.Errorf("%s: %s mounts %s, which is no volume", name, pod, m.Name)
					}
				}
				for _, port := range c.Ports {
					ports[port.Name] = port.ContainerPort
				}
				for _, probe := range []*corev1.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
					if probe != nil && ports[probe.HTTPGet.Port.StrVal] == 0 {
						t.Errorf("%s: %s is asked at %v, which is no port", name, pod, probe.HTTPGet.Port)
					}
				}
			}
		}
		for _, o := range objects {
			if o.GetKind() != "Service" {
				continue
			}
			var s corev1.Service
			must(t, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &s))
			for _, port := range s.Spec.Ports {
				if ports[port.TargetPort.StrVal] == 0 {
					t.Errorf("%s: the Service leads to %v, which is no port", name, port.TargetPort)
				}
			}
		}
		text, err := json.Marshal(objects)
		must(t, err)
		for _, optional := range []string{"metrics", "acme"} {
			if ports[optional] == 0 && (strings.Contains(string(text), fmt.Sprintf(`"port":%q`, optional)) || strings.Contains(string(text), fmt.Sprintf(`"name":%q`, optional))) {
				t.Errorf("%s: there is no port %s, and something names it", name, optional)
			}
		}
	}
}
