package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	deploymentpb "go.temporal.io/api/deployment/v1"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/doctor"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/scan/source"
)

func found(t *testing.T, what string, f doctor.Finding, level doctor.Level, pieces ...string) {
	t.Helper()
	for _, p := range pieces {
		if !strings.Contains(f.Found+" | "+f.Remedy, p) {
			t.Errorf("%s: %q is missing in %+v", what, p, f)
		}
	}
	if f.Level != level || (level == doctor.OK) != (f.Remedy == "") {
		t.Errorf("%s: %+v, want %s", what, f, level)
	}
}

func TestAClockThatIsOffIsNamedWithItsDirection(t *testing.T) {
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	until := at.Add(2 * time.Second)
	found(t, "asked meanwhile", clockOf(at, until, at.Add(time.Second)), doctor.OK, "agrees")
	found(t, "a little late", clockOf(at, until, at.Add(12*time.Second)), doctor.OK, "within 10s")
	found(t, "behind", clockOf(at, until, at.Add(62*time.Second)), doctor.Warn, "1m0s behind Temporal's", "timedatectl")
	found(t, "ahead", clockOf(at, until, at.Add(-10*time.Minute)), doctor.Fail, "10m0s ahead of Temporal's", "timedatectl")
	for late, want := range map[time.Duration]time.Duration{3 * time.Second: 0, time.Minute: time.Minute, -time.Second: -time.Second} {
		if got := lag(activities.Moment{Temporal: at, Here: at.Add(late)}); got != want {
			t.Errorf("a task that came after %s: %s, want %s", late, got, want)
		}
	}
	off := authority(cert.Authority{Name: "le", Reached: true, Date: at, AskedAt: at.Add(-6 * time.Minute)})
	if len(off) != 2 || off[1].Code != doctor.CAClock {
		t.Fatalf("%+v", off)
	}
	found(t, "a CA's clock", off[1], doctor.Fail, "behind that of le")
}

func TestSpaceIsJudgedByWhatIsLeftAndByItsShare(t *testing.T) {
	const gib = 1 << 30
	found(t, "plenty", left("/d", 50*gib, 100*gib), doctor.OK, "50.0 GiB left")
	found(t, "a small disk", left("/d", gib/2, gib), doctor.Warn, "df -h /d")
	found(t, "a large disk", left("/d", 50*gib, 1000*gib), doctor.Warn, "5 in a hundred")
	found(t, "full", left("/d", gib/20, 100*gib), doctor.Fail, "df -h /d")
	found(t, "empty", left("/d", 0, 0), doctor.Fail)
}

func TestAQueueIsJudgedByWhoPollsItAndByHowLongTasksWait(t *testing.T) {
	e := engineChecks{config: config.Default()}
	poller := func(who, build string, ago time.Duration) *taskqueuepb.PollerInfo {
		return &taskqueuepb.PollerInfo{Identity: who, LastAccessTime: timestamppb.New(time.Now().Add(-ago)), DeploymentOptions: &deploymentpb.WorkerDeploymentOptions{BuildId: build}}
	}
	found(t, "nobody", e.pollers("neverlapse", nil), doctor.Fail, "systemctl start neverlapse-worker")
	found(t, "a host's", e.pollers("web7", nil), doctor.Fail, "systemctl start neverlapse-host@web7")
	found(t, "one that is gone", e.pollers("neverlapse", []*taskqueuepb.PollerInfo{poller("7@a", "1", 3*time.Minute)}), doctor.Fail, "7@a did last, 3m0s ago")
	found(t, "one", e.pollers("neverlapse", []*taskqueuepb.PollerInfo{poller("7@a", "1", time.Second), poller("8@b", "1", time.Second)}), doctor.OK, "2 polling: 7@a, 1s ago, build 1; 8@b")
	found(t, "an upgrade", e.pollers("neverlapse", []*taskqueuepb.PollerInfo{poller("7@a", "1", 0), poller("8@b", "2", 0)}), doctor.Warn, "2 builds side by side")
	stats := func(n int64, age time.Duration) *taskqueuepb.TaskQueueStats {
		return &taskqueuepb.TaskQueueStats{ApproximateBacklogCount: n, ApproximateBacklogAge: durationpb.New(age)}
	}
	found(t, "empty", e.backlog("q", stats(0, 0)), doctor.OK, "0 tasks wait")
	found(t, "busy", e.backlog("q", stats(100, 10*time.Second)), doctor.OK)
	found(t, "slow", e.backlog("q", stats(3, 2*time.Minute)), doctor.Warn, "the oldest for 2m0s")
	found(t, "stuck", e.backlog("q", stats(3, time.Hour)), doctor.Fail, "the oldest for 1h0m0s")
}

func TestAStoreOfAnotherUserIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	c := config.Default()
	c.Data = dir
	if f := notOurs(c); f == nil || f.Level != doctor.Fail || !strings.Contains(f.Found, "there is no store at "+filepath.Join(dir, "store")) {
		t.Errorf("no store: %+v", f)
	}
	if err := os.Mkdir(filepath.Join(dir, "store"), 0o700); err != nil {
		t.Fatal(err)
	}
	if f := notOurs(c); f != nil {
		t.Errorf("our own: %+v", f)
	}
	if os.Geteuid() != 0 {
		return // who is not root cannot give a folder away
	}
	if err := os.Chown(filepath.Join(dir, "store"), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	f := notOurs(c)
	if f == nil || f.Level != doctor.Warn || !strings.HasPrefix(f.Remedy, "sudo -u nobody neverlapse doctor") {
		t.Fatalf("another's: %+v", f)
	}
	d := Doctor{Config: c, Each: time.Second}
	if all := d.fromHere(t.Context(), nil); !contains(all, doctor.Opens, doctor.Warn) || contains(all, doctor.Writes, doctor.OK) {
		t.Errorf("%+v", all)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "store")); err != nil || len(entries) > 0 {
		t.Errorf("it was written to: %v %v", entries, err)
	}
}

func contains(all []doctor.Finding, code doctor.Code, l doctor.Level) bool {
	for _, f := range all {
		if f.Code == code && f.Level == l {
			return true
		}
	}
	return false
}

func TestASourceIsStaleByItsLastCompleteRun(t *testing.T) {
	c := config.Default()
	c.Data = t.TempDir()
	s, err := storeOf(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	x := &examiner{store: s}
	now := time.Now()
	stands := func(last estate.Run, completed time.Time) doctor.Finding {
		t.Helper()
		if err := s.EndRun(t.Context(), estate.Standing{Source: "web", Last: last, Completed: completed, Places: 7}); err != nil {
			t.Fatal(err)
		}
		return x.source(t.Context(), "web", time.Hour)
	}
	found(t, "never", x.source(t.Context(), "web", time.Hour), doctor.Warn, "never gone through", "neverlapse sources run web --wait")
	first := stands(estate.Run{ID: "0", Ended: now, Failed: []source.Failure{{Places: "/a", Why: "no such file"}}}, time.Time{})
	found(t, "not yet", first, doctor.Warn, "no run of it was complete yet", "/a: no such file")
	found(t, "fresh", stands(estate.Run{ID: "1", Ended: now, Complete: true}, now), doctor.OK, "7 places")
	found(t, "partly", stands(estate.Run{ID: "2", Ended: now, Err: "the list is gone"}, now.Add(-90*time.Minute)), doctor.Warn, "not complete: the list is gone")
	found(t, "stale", stands(estate.Run{ID: "3", Ended: now.Add(-3 * time.Hour)}, now.Add(-3*time.Hour)), doctor.Fail, "two intervals", "neverlapse sources run web --wait")
}

func TestRemarksOfTheConfigurationAreFindings(t *testing.T) {
	c, err := configured(t, map[string]string{"channels": mailOnly, "accept_email_alone": "true", "people": "[{id: minji, email: minji@example.com}]", "teams": "[{id: web, members: [minji]}]"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range (Doctor{Config: c, Each: time.Second, Only: []string{"configuration"}}).fromHere(t.Context(), nil) {
		if f.Code == doctor.Notes {
			found(t, "a remark", f, doctor.Warn, "by e-mail alone", "--check")
			return
		}
	}
	t.Error("nothing is remarked")
}

func TestOneAdapterThatCannotBeMadeDoesNotKeepTheRestFromBeingLookedAt(t *testing.T) {
	c, err := configured(t, map[string]string{"targets": "[{name: box, kind: file, options: {directory: /nowhere-at-all}}, {name: shelf, kind: cupboard}, {name: pod, kind: kubernetes}]"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(c.Data, "store"), 0o700); err != nil {
		t.Fatal(err)
	}
	all := (Doctor{Config: c, Each: 5 * time.Second, Only: []string{"configuration", "targets", "store"}}).fromHere(t.Context(), nil)
	for _, f := range all {
		switch f.Code {
		case doctor.Configuration:
			found(t, "the configuration", f, doctor.Fail, `targets[1].kind: "cupboard" is not known`)
		case doctor.Target:
			if f.About == "pod" {
				found(t, "a worker's", f, doctor.Warn, "of kind kubernetes, which a worker alone reaches")
				continue
			}
			found(t, "the other target", f, doctor.Fail, "/nowhere-at-all does not exist")
		}
	}
	if !contains(all, doctor.Configuration, doctor.Fail) || !contains(all, doctor.Target, doctor.Fail) || !contains(all, doctor.Writes, doctor.OK) {
		t.Errorf("%+v", all)
	}
}
