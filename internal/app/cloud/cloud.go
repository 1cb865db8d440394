// Package cloud names the kinds of targets, sources and stores that need the client
// libraries of others. The worker passes them to app; the CLI does without, and is smaller
// by as much.
package cloud

import (
	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/app/stores"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	sourceacm "github.com/neverlapse/neverlapse/internal/scan/source/acm"
	"github.com/neverlapse/neverlapse/internal/scan/source/certmanager"
	sourcekubernetes "github.com/neverlapse/neverlapse/internal/scan/source/kubernetes"
	"github.com/neverlapse/neverlapse/internal/target/acm"
	"github.com/neverlapse/neverlapse/internal/target/kubernetes"
)

// Kinds are the constructors by kind.
var Kinds = app.Kinds{Targets: targets, Sources: sources, Media: stores.Kinds.Media, Keys: stores.Kinds.Keys}

var sources = app.Sources{
	sourceacm.Kind: func(m app.Means, x config.Source, path string) (source.Source, error) {
		return app.Built(path, x.Adapter, func(o sourceacm.Options) (source.Source, error) { return sourceacm.New(x.Name, o, m.Scanner) })
	},
	certmanager.Kind: func(m app.Means, x config.Source, path string) (source.Source, error) {
		return app.Built(path, x.Adapter, func(o certmanager.Options) (source.Source, error) {
			return certmanager.New(x.Name, o, m.Scanner)
		})
	},
	sourcekubernetes.Kind: func(m app.Means, x config.Source, path string) (source.Source, error) {
		return app.Built(path, x.Adapter, func(o sourcekubernetes.Options) (source.Source, error) {
			return sourcekubernetes.New(x.Name, o, m.Scanner)
		})
	},
}

var targets = app.Targets{
	acm.Kind: func(a config.Adapter, path string) (activities.Target, error) {
		return app.Built(path, a, func(o acm.Options) (activities.Target, error) { return acm.New(a.Name, o) })
	},
	kubernetes.Kind: func(a config.Adapter, path string) (activities.Target, error) {
		return app.Built(path, a, func(o kubernetes.Options) (activities.Target, error) { return kubernetes.New(a.Name, o) })
	},
}
