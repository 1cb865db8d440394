package workflows_test

import (
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

type entry = cert.Entry

func contains(s, part string) bool { return strings.Contains(s, part) }
