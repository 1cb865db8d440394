package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/neverlapse/neverlapse/test/harness"
)

// nextRelease says what the release after this one does otherwise: workflows give
// more commands in the middle of telling, issuing and deploying, behind one patch,
// and the brain, whose decisions are recorded, wakes a certificate far more often.
var nextRelease = map[string][][2]string{
	"workflows/patches.go": {
		{"\n)\n\n// patchIDs", "\n\tasInNextRelease\n)\n\n// patchIDs"},
		{"\n}\n\n// PatchLevel", "\n\tasInNextRelease: \"" + nextPatch + "\",\n}\n\n// PatchLevel"},
	},
	"workflows/tell.go": {{
		"\tvar all []activities.Delivery\n\tif err := own(ctx, patched(ctx, addressesInTask)",
		"\tif patched(ctx, asInNextRelease) {\n\t\t_ = workflow.ExecuteActivity(quick(ctx, \"who it would be\"), hands.Address, q).Get(ctx, nil)\n\t}\n" +
			"\tvar all []activities.Delivery\n\tif err := own(ctx, patched(ctx, addressesInTask)",
	}},
	"workflows/renewal.go": {
		{"\tr.tell(ctx, \"ordering from \"", askAgain + "\tr.tell(ctx, \"ordering from \""},
		{"\treturn workflow.ExecuteActivity(issuance(ctx, \"finalize:", askAgain + "\treturn workflow.ExecuteActivity(issuance(ctx, \"finalize:"},
		{"\treturn r.outcome(ctx, r.rollOut(ctx)), nil", askAgain + "\treturn r.outcome(ctx, r.rollOut(ctx)), nil"},
	},
	"internal/app/run.go": {{
		"Brain: lifecycle.Next,",
		`Brain: func(now time.Time, s lifecycle.State) lifecycle.Decision {
			d := lifecycle.Next(now, s)
			if often := now.Add(3 * time.Second); d.Step.Kind == lifecycle.StepWait && d.Due.After(often) {
				d.Due = often
			}
			return d
		},`,
	}},
}

const (
	nextPatch = "as in the next release"
	askAgain  = "\tif patched(ctx, asInNextRelease) {\n\t\t_ = workflow.ExecuteActivity(quick(ctx, \"what the store has\"), hands.Stored, r.in.Name).Get(ctx, nil)\n\t}\n"
)

// buildNext compiles the worker of the next release.
func buildNext(ctx context.Context, dir string) (worker string, err error) {
	root, err := harness.Root()
	if err != nil {
		return "", err
	}
	replaced := map[string]string{}
	for file, edits := range nextRelease {
		path := filepath.Join(root, file)
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		edited := string(text)
		for _, e := range edits {
			if strings.Count(edited, e[0]) != 1 {
				return "", fmt.Errorf("%s has %q %d times, want it once", file, e[0], strings.Count(edited, e[0]))
			}
			edited = strings.Replace(edited, e[0], e[1], 1)
		}
		replaced[path] = filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(replaced[path], []byte(edited), 0o600); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		return "", err
	}
	worker = filepath.Join(dir, "next-worker")
	build := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-o", worker, "./worker")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build -overlay: %w\n%s", err, out)
	}
	return worker, nil
}
