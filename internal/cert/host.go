package cert

import "time"

// HostReport is what the worker of a host says of its targets when it starts.
type HostReport struct {
	Host    string       `json:"host"`
	Release string       `json:"release,omitempty"` // of the worker
	At      time.Time    `json:"at"`
	Targets []HostTarget `json:"targets"`
}

// HostTarget is one target of a host.
type HostTarget struct {
	Name   string   `json:"name"`
	Kind   string   `json:"kind"`
	Places []string `json:"places"` // what it writes: kind, machine and path of each
	// KeepsKey: it takes chains alone, for a private key that stays there.
	KeepsKey bool `json:"keepsKey,omitempty"`
}
