package workflows

import "github.com/neverlapse/neverlapse/internal/lifecycle"

// Words are what the tests compare with the brain's reasons.
var Words = words

// Outcome is what a certificate makes of an attempt's output.
func (o RenewalOutput) Outcome() lifecycle.Outcome { return o.outcome() }
