package stage

import (
	"os"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/test/harness/browser"
)

// Everything once more as somebody sees it who has neither nginx nor a mouse and
// reads Korean, and to its very end.
func TestTheStageWithoutNginxAndMouseInKorean(t *testing.T) {
	if os.Getenv("NEVERLAPSE_LONG") == "" {
		t.Skip("SKIPPED: takes minutes; make test-long runs it")
	}
	d := start(t, "--no-nginx", "--language", "ko")
	v := d.visit(browser.Options{Language: "ko", Zone: "Asia/Seoul", Width: 390, Height: 800, Phone: true})
	d.says("The first five certificates were there")
	back := func(tag, name string) {
		t.Helper()
		v.sees("trouble-"+tag, name)
		v.TabTo(name)
		v.Press("Enter")
	}

	v.TabTo("아무도 답하지 않음")
	v.Press("Enter")
	v.sees("trouble-silence", "jun에게 알림이 갔습니다")
	back("silence", "답하기")
	v.sees("trouble-silence", "알림을 받은 순서: minji, #platform, hana, jun.")

	v.TabTo("웹 서버 고장 내기")
	v.Press("Space")
	v.sees("trouble-nginx", "minji가 Slack과 메일로 알림을 받았습니다")
	back("nginx", "고치기")
	v.sees("trouble-nginx", "모두 성공했습니다")

	v.TabTo("CA 내리기")
	v.Press("Enter")
	v.sees("trouble-ca", "한 번 알렸습니다")
	back("ca", "CA 되살리기")
	v.sees("trouble-ca", "아무에게도 가지 않았습니다")

	v.TabTo("worker 죽이기")
	v.Press("Enter")
	v.sees("trouble-worker", "CA가 발급한 것은 1장") // it is started again by itself
	v.TabTo("엔진 죽이기")
	v.Press("Enter")
	v.sees("trouble-engine", "1번 알림")

	v.TabTo("메시지 전체")
	v.Press("Enter")
	if wide := v.Overflow(); wide != "" {
		t.Errorf("too wide for a phone: %s", wide)
	}
	d.says("Everything still runs. Try:")
	if out := d.output(); strings.Contains(out, "FAILED") {
		t.Error("a scene failed")
	}
	v.well()

	d.interrupt()
	d = start(t, "--no-nginx")
	d.says("The first five certificates were there")
	d.interrupt()
	start(t, "--no-nginx").interrupt() // while it is being set up
}
