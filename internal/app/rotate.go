package app

import (
	"context"
	"errors"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/store"
)

// RotateKey wraps every data key of the store of a configuration anew with its
// key, while workers may go on. A folder that is not there is not made.
func RotateKey(ctx context.Context, c config.Config, more ...Kinds) (store.Rotated, error) {
	if err := storeIsThere(c); err != nil {
		return store.Rotated{}, err
	}
	s, err := storeOf(ctx, c, more)
	if err != nil {
		return store.Rotated{}, err
	}
	var done store.Rotated
	if err = s.Begin(ctx); err == nil {
		done, err = s.RotateKey(ctx)
	}
	return done, errors.Join(err, s.Close())
}
