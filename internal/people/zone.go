package people

import (
	"fmt"
	"sync"
	"time"
)

var zones sync.Map // name -> *time.Location

// Zone gives a time zone by its IANA name. The programs carry the database of
// zones (time/tzdata), so that every machine knows the same names; a machine
// that has a newer one is believed.
func Zone(name string) (*time.Location, error) {
	if known, ok := zones.Load(name); ok {
		return known.(*time.Location), nil
	}
	if name == "" || name == "Local" { // would mean another zone on every machine
		return nil, fmt.Errorf("%q is not an IANA time zone; write for example Asia/Seoul", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q is not an IANA time zone; write for example Asia/Seoul: %w", name, err)
	}
	zones.Store(name, zone)
	return zone, nil
}
