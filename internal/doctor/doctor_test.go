package doctor_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/doctor"
)

var soon = doctor.Patience{Each: 50 * time.Millisecond, All: time.Minute, Abreast: 2}

func TestOneDeadThingHoldsUpNothing(t *testing.T) {
	forever := make(chan struct{})
	defer close(forever)
	deaf := doctor.One(doctor.CA, "deaf", func(context.Context) doctor.Finding { <-forever; return doctor.Good("never") })
	heeds := doctor.One(doctor.Channel, "slow", func(ctx context.Context) doctor.Finding {
		<-ctx.Done()
		return doctor.Bad("mend it", "%s", ctx.Err())
	})
	quick := doctor.One(doctor.Engine, "", func(context.Context) doctor.Finding { return doctor.Good("quick") })
	patient := soon
	patient.Abreast = 3
	got := doctor.Run(t.Context(), patient, "me", nil, []doctor.Check{deaf, heeds, quick})
	if len(got) != 3 || got[0].Level != doctor.Fail || got[0].Found != "no answer within 50ms" || got[0].About != "deaf" || got[0].By != "me" || got[0].Remedy == "" {
		t.Errorf("the deaf one: %+v", got)
	}
	if got[1].Level != doctor.Fail || got[2] != (doctor.Finding{Code: doctor.Engine, Level: doctor.OK, By: "me", Found: "quick"}) {
		t.Errorf("the others: %+v", got[1:])
	}
}

func TestWhatDoesNotGetItsTurnIsSaidNotToHaveBeenLookedAt(t *testing.T) {
	forever := make(chan struct{})
	defer close(forever)
	var checks []doctor.Check
	for range 3 {
		checks = append(checks, doctor.One(doctor.Target, "", func(context.Context) doctor.Finding { <-forever; return doctor.Good("never") }))
	}
	got := doctor.Run(t.Context(), doctor.Patience{Each: time.Minute, All: 50 * time.Millisecond, Abreast: 1}, "me", nil, checks)
	if n := doctor.Count(got, doctor.Warn); n != 2 || doctor.Count(got, doctor.Fail) != 1 {
		t.Errorf("%d were not looked at: %+v", n, got)
	}
}

func TestOnlyWhatIsNamedIsLookedAtAndTold(t *testing.T) {
	var ran []string
	check := func(name string, codes ...doctor.Code) doctor.Check {
		return doctor.Check{Codes: codes, Run: func(context.Context) (out []doctor.Finding) {
			ran = append(ran, name)
			for _, c := range codes {
				f := doctor.Good("%s", name)
				f.Code = c
				out = append(out, f)
			}
			return out
		}}
	}
	one := soon
	one.Abreast = 1
	all := []doctor.Check{check("ca", doctor.CA, doctor.CAClock), check("target", doctor.Target)}
	for words, want := range map[string]string{"cas": "cas.usable", "clock.ca": "clock.ca", "targets": "targets.ready", "": "cas.usable clock.ca targets.ready"} {
		ran = nil
		var codes []string
		for _, f := range doctor.Run(t.Context(), one, "me", strings.Fields(words), all) {
			codes = append(codes, string(f.Code))
		}
		if got := strings.Join(codes, " "); got != want || words == "targets" && slices.Contains(ran, "ca") {
			t.Errorf("%q: %s by %v, want %s", words, got, ran, want)
		}
	}
	if err := doctor.CheckWords([]string{"cas", "clock.ca"}); err != nil {
		t.Error(err)
	}
	if err := doctor.CheckWords([]string{"casino"}); err == nil || !strings.Contains(err.Error(), "configuration, temporal") {
		t.Errorf("got %v", err)
	}
}

func TestManyThatAreGoodAreFoldedAndNoneThatIsBad(t *testing.T) {
	var all []doctor.Finding
	for i := range 10 {
		all = append(all, doctor.Finding{Code: doctor.Target, Level: doctor.OK, About: fmt.Sprint(i)}, doctor.Finding{Code: doctor.Target, Level: doctor.Fail, About: fmt.Sprint(i)})
	}
	got := doctor.Fold(all, 3)
	if n := doctor.Count(got, doctor.Fail); n != 10 || doctor.Count(got, doctor.OK) != 3 {
		t.Errorf("%d of 10 are left, and %d good ones", n, doctor.Count(got, doctor.OK))
	}
	if !slices.ContainsFunc(got, func(f doctor.Finding) bool { return f.Found == "8 more are good" }) {
		t.Errorf("nothing says how many: %+v", got)
	}
	if again := doctor.Fold(all[:4], 3); !reflect.DeepEqual(again, all[:4]) {
		t.Errorf("few were folded: %+v", again)
	}
}

func TestFindingsStandInTheOrderOfTheTableAndTheWorstCounts(t *testing.T) {
	all := []doctor.Finding{{Code: doctor.Sources, Level: doctor.Warn}, {Code: doctor.CA, Level: doctor.OK, About: "a"}, {Code: doctor.CA, Level: doctor.OK, About: "b"}, {Code: doctor.Configuration, Level: doctor.OK}}
	doctor.Sort(all)
	if all[0].Code != doctor.Configuration || all[1].About != "a" || all[3].Code != doctor.Sources {
		t.Errorf("%+v", all)
	}
	for _, tc := range []struct {
		all  []doctor.Finding
		want doctor.Level
	}{{nil, doctor.OK}, {all, doctor.Warn}, {append(all, doctor.Finding{Level: doctor.Fail}), doctor.Fail}} {
		if got := doctor.Worst(tc.all); got != tc.want {
			t.Errorf("the worst is %s, want %s", got, tc.want)
		}
	}
}

func TestEveryCodeIsExplained(t *testing.T) {
	for _, a := range doctor.Codes {
		if a.Looks == "" || a.Warns+a.Fails == "" || a.By == "" || a.Mend == "" || !strings.Contains(string(a.Code), ".") {
			t.Errorf("%s is not explained: %+v", a.Code, a)
		}
	}
}
