package activities_test

import (
	"context"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
)

func TestACallThatGoesOnTellsWhatItWaitsFor(t *testing.T) {
	w := begin(t)
	heard := make(chan string, 100)
	w.env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		var said string
		if err := details.Get(&said); err != nil {
			t.Error(err)
		}
		heard <- said
	})
	w.ca.proving = func(ctx context.Context, progress func(string)) error {
		progress("reading the order")
		progress("waiting for the CA to validate shop.test")
		select {
		case said := <-heard:
			if said != "waiting for the CA to validate shop.test" {
				t.Errorf("the engine heard %q", said)
			}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	must[any](w, w.Authorize, wish())
}
