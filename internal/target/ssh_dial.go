package target

import (
	"context"
	"errors"

	"github.com/pkg/sftp"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/sshhost"
)

// remote is a machine behind SSH, for one operation.
type remote struct {
	options SSHOptions
	conn    *sshhost.Conn
	files   *sftp.Client
}

// dial connects and starts SFTP.
func dial(ctx context.Context, o SSHOptions) (*remote, error) {
	conn, err := sshhost.Dial(ctx, o.reach())
	if err != nil {
		return nil, err
	}
	r := &remote{options: o, conn: conn}
	r.files, err = sftp.NewClient(conn.Client)
	if err != nil {
		err = fault.New(fault.Configuration, "the host %s offers no SFTP to %s: %w; its sshd_config needs a Subsystem sftp", o.address(), o.User, err)
	} else if _, ok := r.files.HasExtension("posix-rename@openssh.com"); !ok {
		err = fault.New(fault.Configuration, "the SFTP server of %s cannot replace a file in one step (posix-rename@openssh.com); OpenSSH's can", o.address())
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close ends the connection.
func (r *remote) Close() error {
	if r.files != nil {
		r.files.Close() // its errors are those of the connection
	}
	return r.conn.Close()
}

// explain tells that the connection was lost, where that is why something failed:
// what became of it is unknown, and trying again settles it.
func (r *remote) explain(err error) error {
	if err == nil {
		return nil
	}
	// A session may see the end of the connection before the one who waits for it.
	if !r.conn.Lost() && (!errors.Is(err, errNoStatus) || r.conn.Alive()) {
		return err
	}
	return fault.New(fault.Unavailable, "the connection to %s was lost, so the outcome is not known: %w", r.options.address(), err)
}
