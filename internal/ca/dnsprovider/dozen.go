//go:build !alldns

package dnsprovider

import (
	"fmt"

	"github.com/go-acme/lego/v4/challenge"
)

// Everything tells that this build has every provider of lego.
const Everything = false

func other(name string) (challenge.Provider, error) {
	return nil, fmt.Errorf("kind: %q is not in this build", name)
}
