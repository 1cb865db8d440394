package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/neverlapse/neverlapse/internal/sshhost"
)

// maxAnswer bounds what a command on a host says, in bytes.
const maxAnswer = 20 << 20

// sections takes apart what a script said, by the numbers behind its mark.
func sections(said, mark string, n int) []string {
	out := make([]string, n)
	for _, part := range strings.Split(said, mark+" ")[1:] {
		number, text, _ := strings.Cut(part, "\n")
		if i, err := strconv.Atoi(number); err == nil && i >= 0 && i < n {
			out[i] = text
		}
	}
	return out
}

// run has /bin/sh on the host read a script from its standard input, so that the
// user's login shell sees no word of it, and gives what it says.
func (m *machine) run(ctx context.Context, script string) (string, error) {
	s, err := m.conn.NewSession()
	if err != nil {
		return "", err
	}
	defer s.Close()
	said := &answer{}
	s.Stdin = strings.NewReader("PATH=" + sshhost.SearchPath + " LC_ALL=C && export PATH LC_ALL && cd /\n" + script + "exit 0\n")
	s.Stdout = said
	err = s.Run("/bin/sh")
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case said.full:
		return "", fmt.Errorf("the host says more than %d MB of files that have less", maxAnswer>>20)
	case err != nil:
		return "", fmt.Errorf("the host does not run what reads the files (sh, awk, timeout): %w", err)
	}
	return said.String(), nil
}

// answer keeps what a host says, up to its bound.
type answer struct {
	bytes.Buffer
	full bool
}

func (a *answer) Write(p []byte) (int, error) {
	if a.Len()+len(p) > maxAnswer {
		a.full = true
		return 0, errors.New("too much")
	}
	return a.Buffer.Write(p)
}
