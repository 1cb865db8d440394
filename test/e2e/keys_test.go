package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/neverlapse/neverlapse/internal/doctor"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// The keys by which Temporal's payloads are encrypted follow the configuration and
// its files; what cannot be read, or would take away what is in use, is refused.
func TestKeysOfTemporalAreReplacedUnderARunningWorker(t *testing.T) {
	t.Parallel()
	w := prepare(t, harness.Options{Nginx: sites(lived(t, "www.shop.test", 60*aDay))})
	a, b := w.newKey("a"), w.newKey("b")
	w.client = w.reader(a, b)
	raw, err := w.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(raw.Close)
	first, both, second := "encryption: {use: a, keys: ["+a+"]}", "encryption: {use: b, keys: ["+a+", "+b+"]}", "encryption: {use: b, keys: ["+b+"]}"
	w.edit("sticky_timeout:", first+", sticky_timeout:")
	w.start()
	process := w.Worker.PID()
	w.manage("shop", 0)
	w.renewNow("shop")
	marks := func(id string) []byte { return []byte("encryption-key-id\x12\x01" + id) }
	if text := w.kept(raw, "shop"); !bytes.Contains(text, marks("a")) || bytes.Contains(text, marks("b")) {
		t.Fatal("not the first key alone is in use")
	}

	w.edit(first, both)
	w.eventually("the other key to encrypt", func() bool { return strings.Contains(w.Worker.Output(), "another key of temporal.encryption encrypts") })
	w.renewNow("shop")
	if text := w.kept(raw, "shop"); !bytes.Contains(text, marks("b")) {
		t.Error("the key that is new encrypts nothing")
	}

	refused := func(why string) {
		t.Helper()
		w.eventually("it to be refused: "+why, func() bool {
			_, body := w.request("GET", w.url("/readyz"), nil)
			return strings.Contains(body, why) && w.tells("neverlapse_config_refused 1")()
		})
	}
	w.edit(both, second) // what it encrypted is still alive
	refused("gone and still in use: it last opened something here")
	w.says(w.doctor("--only", "configuration"), doctor.Fail, symptom{doctor.Configuration, "in force", "still in use", "--check"})
	w.edit(second, both)
	w.eventually("the configuration to be good again", w.tells("neverlapse_config_refused 0"))

	file := filepath.Join(w.Dir, "temporal-b.key")
	key, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, []byte("half of a k"))
	refused("is not the base64 of 32 bytes")
	writeFile(t, file, key)
	w.eventually("the key to be taken as it was", w.tells("neverlapse_config_refused 0"))
	w.renewNow("shop")
	if got := w.Worker.PID(); got != process {
		t.Errorf("the worker was started anew: process %d, before %d", got, process)
	}
}

// In containers each worker has PID 1, and temporal.machine may be one for all.
func TestWorkersThatShareMachineAndPIDAreToldApart(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Nginx: sites(lived(t, "www.shop.test", 60*aDay))})
	const queue = "neverlapse"
	d, err := w.client.DescribeTaskQueue(t.Context(), queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil || len(d.GetPollers()) == 0 {
		t.Fatalf("%v, %v", d, err)
	}
	both := fmt.Sprint(len(d.GetPollers()) + 1)
	of := regexp.MustCompile(` run:\w+`)
	mine := d.GetPollers()[0].GetIdentity()
	run := strings.TrimPrefix(of.FindString(mine), " run:")
	if run == "" {
		t.Fatalf("%q names no run", mine)
	}
	conn := w.client
	go func() {
		for t.Context().Err() == nil {
			polling, cancel := context.WithTimeout(t.Context(), time.Minute)
			_, _ = conn.WorkflowService().PollWorkflowTaskQueue(polling, &workflowservice.PollWorkflowTaskQueueRequest{
				Namespace: w.Namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: queue}, Identity: of.ReplaceAllString(mine, " run:another1"),
			})
			cancel()
		}
	}()
	w.eventually("the metrics to count both", w.tells(`neverlapse_task_queue_pollers{queue="neverlapse",type="workflow"} `+both))
	all := w.doctor("--only", "workers.polling")
	for _, found := range []string{"run:another1", "run:" + run, both + " polling"} {
		w.says(all, doctor.OK, symptom{doctor.Pollers, "(workflow)", found, ""})
	}
}

// The worker of a host takes keys as those of the centre do.
func TestTheWorkerOfAHostFollowsTheKeysOfItsConfiguration(t *testing.T) {
	t.Parallel()
	w := apart(t, harness.Options{})
	w.startHost()
	a := w.newKey("a")
	host := filepath.Join(w.Dir, "host.yaml")
	text, err := os.ReadFile(host)
	if err != nil {
		t.Fatal(err)
	}
	reads := strings.Replace(string(text), "temporal: {", "temporal: {encryption: {keys: ["+a+"]}, ", 1)
	writeFile(t, host, []byte(reads))
	w.eventually("the host to take the key", func() bool {
		return strings.Contains(w.HostWork.Output(), "the keys of temporal.encryption are read anew")
	})
	w.edit("temporal: {", "temporal: {encryption: {use: a, keys: ["+a+"]}, ")
	w.eventually("the centre to encrypt", func() bool { return strings.Contains(w.Worker.Output(), "another key of temporal.encryption encrypts") })
	w.client = w.reader(a)
	w.manageBoth(0)
	got := w.until("shop", "both servers to have it", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != "" && w.served(0) == s.State.Live.Fingerprint && w.served(1) == w.served(0)
	})
	if p := got.State.Place(there); p == nil || p.Behind != "" {
		t.Errorf("the target of the host: %+v", p)
	}
}
