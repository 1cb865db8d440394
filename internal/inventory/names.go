package inventory

import (
	"fmt"
	"strconv"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// name gives every row that has none the name of its host, or with the port
// behind it where the file has the host on several ports.
func (f *File) name() {
	ports := map[string]map[int]bool{}
	for _, r := range f.Rows {
		if host := r.Endpoint.SNI(); r.Err == nil {
			if ports[host] == nil {
				ports[host] = map[int]bool{}
			}
			ports[host][r.Endpoint.Port] = true
		}
	}
	for i := range f.Rows {
		r := &f.Rows[i]
		if r.Err != nil || r.Given {
			continue
		}
		r.Name = r.Endpoint.SNI()
		if r.Endpoint.Port != 443 && len(ports[r.Name]) > 1 {
			r.Name += "-" + strconv.Itoa(r.Endpoint.Port)
		}
		if err := cert.ValidateName(r.Name); err != nil {
			r.Err = fmt.Errorf("%w; choose one in a column name", err)
		}
	}
}

// findRepeated refuses what stands there a second time.
func (f *File) findRepeated() {
	places, names := map[string]int{}, map[string]int{}
	for i := range f.Rows {
		r := &f.Rows[i]
		if r.Err != nil {
			continue
		}
		place := r.Endpoint.String()
		switch {
		case places[place] != 0:
			r.Err = fmt.Errorf("%s stands in line %d already; remove one of them", place, places[place])
		case names[r.Name] != 0:
			r.Err = fmt.Errorf("%s is the name of line %d already; choose another in a column name", r.Name, names[r.Name])
		default:
			places[place], names[r.Name] = r.Line, r.Line
		}
	}
}
