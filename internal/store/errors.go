package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// failed gives an error of the file system its kind. What is missing is
// NotFound; callers for which that is not an error look with errors.Is.
func (m *folder) failed(err error) error {
	if err == nil {
		return nil
	}
	kind := fault.Transient
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	case errors.Is(err, fs.ErrNotExist):
		kind = fault.NotFound
	case errors.Is(err, fs.ErrPermission):
		kind = fault.Configuration
	default:
		for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO, syscall.EFBIG} {
			if errors.Is(err, errno) {
				kind = fault.Unavailable
			}
		}
	}
	return fault.New(kind, "store %s: %w", m.dir, err)
}

const longestComponent = 100

// component makes one path component of any string: readable where it can be,
// different for different strings also where the file system folds case, never
// "." or "..", never longer than longestComponent.
func component(s string) string {
	if s == "" {
		return "~"
	}
	var b strings.Builder
	for i, c := range []byte(s) {
		plain := c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '@' || c == '.' && i > 0
		if plain {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	if b.Len() <= longestComponent {
		return b.String()
	}
	sum := hex.EncodeToString(sha256Of([]byte(s)))
	return b.String()[:longestComponent-len(sum)-1] + "~" + sum
}

func sha256Of(data []byte) []byte {
	sum := sha256.Sum256(data)
	return sum[:]
}
