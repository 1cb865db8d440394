package cert

import "time"

// Limit is how often a CA lets something happen, as one order meets it.
type Limit struct {
	Key    string        `json:"key"` // what is counted: account, domain/example.com, names/<hash>, failures/a.example.com
	Most   int           `json:"most"`
	Within time.Duration `json:"within"` // any stretch of time of this length
	// Failures tells that failed validations are counted and not orders.
	Failures bool `json:"failures,omitempty"`
	// SparesRenewals tells that an order for exactly the names of the version that
	// it replaces, at the same CA, is not counted.
	SparesRenewals bool `json:"sparesRenewals,omitempty"`
}
