package workflows

import "github.com/neverlapse/neverlapse/internal/lifecycle"

// Words are what the tests compare with the brain's reasons.
var Words = words

// Outcome is what a certificate makes of an attempt's output.
func (o RenewalOutput) Outcome() lifecycle.Outcome { return o.outcome() }

// PatchID is what histories call the patch of a level.
func PatchID(level int) string { return patchIDs[patch(level)] }
