//go:build alldns

package dnsprovider

import (
	"github.com/go-acme/lego/v4/challenge"
	"github.com/go-acme/lego/v4/providers/dns"
)

// Everything tells that this build has every provider of lego.
const Everything = true

func other(name string) (challenge.Provider, error) { return dns.NewDNSChallengeProviderByName(name) }
