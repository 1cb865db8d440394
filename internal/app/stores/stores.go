// Package stores names the kinds of stores, and of key services for them, that need
// the client libraries of others. The worker passes them to app, and so does the CLI for the commands
// that work on a store itself.
package stores

import (
	"errors"
	"fmt"
	"os"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/store/awskms"
	"github.com/neverlapse/neverlapse/internal/store/postgres"
	"github.com/neverlapse/neverlapse/internal/store/s3"
	"github.com/neverlapse/neverlapse/internal/store/transit"
)

// Kinds are the constructors by kind.
var Kinds = app.Kinds{
	Media: app.Media{"postgres": inPostgres, "s3": inS3},
	Keys:  app.KeyServices{transit.Scheme: byTransit, awskms.Scheme: byKMS},
}

func byTransit(key string, query map[string]any, path string) (store.KeyService, error) {
	var o transit.Options
	if err := config.DecodeOptions(path, query, &o); err != nil {
		return nil, err
	}
	o.Key = key
	s, err := transit.New(o)
	if err != nil {
		return nil, config.Under(path, err)
	}
	return s, nil
}

func byKMS(key string, query map[string]any, path string) (store.KeyService, error) {
	var o awskms.Options
	if err := config.DecodeOptions(path, query, &o); err != nil {
		return nil, err
	}
	o.Key = key
	s, err := awskms.New(o)
	if err != nil {
		return nil, config.Under(path, err)
	}
	return s, nil
}

type postgresOptions struct {
	// URLFile holds the connection string, and so does the environment variable
	// URLEnv, which is removed from the environment. It is a secret.
	URLFile     string `mapstructure:"url_file"`
	URLEnv      string `mapstructure:"url_env"`
	app.Sealing `mapstructure:",squash"`
}

func inPostgres(options map[string]any, path string) (store.Medium, app.Sealing, error) {
	var o postgresOptions
	if err := config.DecodeOptions(path, options, &o); err != nil {
		return nil, o.Sealing, err
	}
	connection, from, err := secret("url", o.URLFile, o.URLEnv)
	if err != nil {
		return nil, o.Sealing, config.Under(path, err)
	}
	m, err := postgres.New(connection)
	if err != nil {
		return nil, o.Sealing, config.Under(path, fmt.Errorf("%s: %w", from, err))
	}
	return m, o.Sealing, nil
}

type s3Options struct {
	s3.Options  `mapstructure:",squash"`
	app.Sealing `mapstructure:",squash"`
}

func inS3(options map[string]any, path string) (store.Medium, app.Sealing, error) {
	var o s3Options
	if err := config.DecodeOptions(path, options, &o); err != nil {
		return nil, o.Sealing, err
	}
	if err := o.Options.Validate(); err != nil {
		return nil, o.Sealing, config.Under(path, err)
	}
	m, err := s3.New(o.Options)
	if err != nil {
		return nil, o.Sealing, config.Under(path, err)
	}
	return m, o.Sealing, nil
}

// secret reads what key_file or key_env name, of which one is given.
func secret(key, file, env string) (text, from string, err error) {
	switch {
	case file == "" && env == "":
		return "", "", fmt.Errorf("%s_file: missing; name the file with the connection string, or in %s_env the environment variable that holds it", key, key)
	case file != "" && env != "":
		return "", "", fmt.Errorf("%s_env: %s_file is given too; keep one of them", key, key)
	case file != "":
		text, err = config.ReadSecret(file)
		if err != nil {
			err = fmt.Errorf("%s_file: %w", key, err)
		}
		return text, key + "_file", err
	}
	text, ok := os.LookupEnv(env)
	if !ok {
		return "", "", fmt.Errorf("%s_env: the environment variable %s is not set", key, env)
	}
	return text, key + "_env", errors.Join(os.Unsetenv(env))
}
