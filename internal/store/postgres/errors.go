package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/neverlapse/neverlapse/internal/fault"
)

const undefinedTable = "42P01"

// takenBack says that the server ended a transaction so that another could go
// on: nothing of it has happened.
func takenBack(err error) bool {
	switch state(err) {
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return true
	}
	return false
}

// state is the SQLSTATE of an error (PostgreSQL, appendix A); empty if the
// server did not say it.
func state(err error) string {
	var p *pgconn.PgError
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

// failed gives an error of the database its kind.
func (m *Medium) failed(err error) error {
	if err == nil {
		return nil
	}
	kind := fault.Transient
	switch code := state(err); {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), code == "":
	case code == "25006", code[:2] == "53" && code != "53300", code[:2] == "58": // read only; disk or memory full, but not too many clients; system errors
		kind = fault.Unavailable
	case code[:2] == "28", code[:2] == "3D", code[:2] == "3F", code[:2] == "42", code[:2] == "XX": // who, which database, which schema, rights and tables; damage
		kind = fault.Configuration
	}
	return fault.New(kind, "store %s: %w", m, err)
}
