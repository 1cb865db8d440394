package app

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/scan/source"
)

// sourcesOf makes the sources of the inventory that a configuration names.
func sourcesOf(c config.Config, p parts, more []Kinds) (map[string]source.Source, error) {
	var errs []error
	out := map[string]source.Source{}
	kinds := sourceKinds(more)
	for i, x := range c.Sources {
		path := fmt.Sprintf("sources[%d]", i)
		f, err := of(kinds, path, x.Kind)
		if err == nil {
			out[x.Name], err = f(Means{Scanner: p.look, Dir: filepath.Join(c.Data, "sources", x.Name)}, x, path)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return out, errors.Join(errs...)
}
