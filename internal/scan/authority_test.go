package scan

import "github.com/neverlapse/neverlapse/internal/scan/scantest"

type (
	issuer    = scantest.Issuer
	authority = scantest.Authority
)

var (
	newAuthority = scantest.NewAuthority
	makeCert     = scantest.Make
	leafTemplate = scantest.LeafTemplate
	serve        = scantest.Serve
	serveTLS     = scantest.ServeTLS
)
