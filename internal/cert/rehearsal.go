package cert

// Rehearsal is what deploying a version to one target would do now.
type Rehearsal struct {
	Target  string  `json:"target"`
	Has     Version `json:"has,omitzero"`      // what is there; empty if nothing
	Gets    Version `json:"gets,omitzero"`     // what would be put there
	Refused string  `json:"refused,omitempty"` // why the version must not go there
	Trouble string  `json:"trouble,omitempty"` // why it could not be put there as things are
	Steps   *Steps  `json:"steps,omitempty"`   // nil: this kind of target does not say
}

// Steps are what deploying a version to a place would do there.
type Steps struct {
	Writes []string `json:"writes,omitempty"` // files, or whatever else is written
	Check  string   `json:"check,omitempty"`  // command that must pass before the reload
	Reload string   `json:"reload,omitempty"` // command, or what happens instead of one
	// Irreversible tells why what is there now could not be put back; empty if it could.
	Irreversible string `json:"irreversible,omitempty"`
}
