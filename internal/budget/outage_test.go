package budget

import (
	"testing"
	"time"
)

func TestAnOutageIsOneEventThatEndsWhenTheCAAnswersAnOrder(t *testing.T) {
	var o Outage
	o.Struck(at(0), Stranded{"late", at(9 * time.Hour)}, "refused")
	if !o.On() || o.Confirmed || !o.ProbeDue(at(0)) {
		t.Fatalf("the first word is doubted and the CA probed: %+v", o)
	}
	o.Probed(at(0), "connection refused")
	if !o.Confirmed || o.ProbeDue(at(29*time.Second)) || !o.ProbeDue(at(30*time.Second)) {
		t.Fatalf("confirmed by a probe: %+v", o)
	}
	o.Struck(at(time.Minute), Stranded{"early", at(time.Hour)}, "refused")
	o.Struck(at(time.Minute), Stranded{"early", at(time.Hour)}, "refused")
	for i := range 20 {
		o.Probed(at(time.Duration(i)*time.Hour), "refused")
	}
	if pause := o.ProbeAt.Sub(at(19 * time.Hour)); pause != lastProbe || len(o.Stranded) != 2 {
		t.Errorf("after long the pause is %s, stranded %+v", pause, o.Stranded)
	}
	back := 20 * time.Hour
	if canary := o.Probed(at(back), ""); canary != "early" {
		t.Errorf("%q goes first", canary)
	}
	o.Struck(at(back+time.Minute), Stranded{"early", at(time.Hour)}, "HTTP 503")
	if !o.On() || o.Canary != "" || o.ProbeDue(at(back+time.Minute)) {
		t.Errorf("a CA that answers probes and no orders is still down: %+v", o)
	}
	o.Probed(at(back+time.Hour), "")
	if !o.ProbeDue(at(back + time.Hour + Hold)) {
		t.Error("a canary that never told holds up everybody")
	}
	if canary := o.Probed(at(back+2*time.Hour), ""); canary != "late" {
		t.Errorf("%q goes next", canary)
	}
	o.Struck(at(back+2*time.Hour), Stranded{"third", at(time.Hour)}, "refused")
	if all := o.Answered("late"); len(all) != 1 || all[0].Certificate != "third" || o.On() {
		t.Errorf("woken %+v, still down: %v", all, o.On())
	}
	if all := o.Answered("x"); all != nil {
		t.Errorf("where nothing is down, %+v are woken", all)
	}
}

func TestACertificateThatTriesAnotherCAIsNotSentAhead(t *testing.T) {
	var o Outage
	o.Struck(at(0), Stranded{"early", at(time.Hour)}, "refused")
	o.Struck(at(0), Stranded{"late", at(9 * time.Hour)}, "refused")
	o.Left(at(time.Minute), "early")
	if canary := o.Probed(at(2*time.Minute), ""); canary != "late" {
		t.Errorf("%q goes first", canary)
	}
	o.Left(at(3*time.Minute), "late")
	if !o.On() || o.Canary != "" || !o.ProbeDue(at(3*time.Minute)) {
		t.Errorf("after the one that went ahead left: %+v", o)
	}
	if canary := o.Probed(at(4*time.Minute), ""); canary != "" || o.On() {
		t.Errorf("nobody waits, and the CA answers: %q, %+v", canary, o)
	}
	o.Left(at(time.Hour), "early")
	if o.On() {
		t.Error("leaving begins an outage")
	}
}
