//go:build tools

// Package tools pins the version of step-ca that tests run.
package tools

import _ "github.com/smallstep/certificates/cmd/step-ca"
