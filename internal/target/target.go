// Package target holds the places that receive a certificate: files that any
// program reads, here or behind SSH, nginx, Apache and HAProxy, and whatever
// programs of the operator's reach. Each kind implements the port activities.Target:
// what was there is captured, the pair is written, the server's own check runs,
// and only then is it reloaded; a check that fails brings the old bytes back.
// activities calls it through that port and app builds it from the options.
//
// It decides nothing: not when to deploy, not whether to roll back after a
// failed proof, and it never asks the wire what is served (scan does). It runs
// on unix.
package target

// Guarantees is what a kind of target promises while a pair is replaced. The
// table in the README is generated from it.
type Guarantees struct {
	// Atomic: key and certificate change together, whenever the process dies.
	Atomic bool
	// ChecksBefore: the server's own check must pass before it is reloaded.
	ChecksBefore bool
	// ReloadsWithoutDrop: no new connection is refused during the reload.
	ReloadsWithoutDrop bool
	// Reversible: what was there before comes back byte for byte, with owner and mode.
	Reversible bool
	// Note says in one line what the flags depend on.
	Note string
}

// FileGuarantees are those of the kind file with its recommended options.
func FileGuarantees() Guarantees {
	return Guarantees{
		Atomic: true, ChecksBefore: true, ReloadsWithoutDrop: false, Reversible: true,
		Note: "atomic with `directory` or with one file alone (`combined`, `pkcs12`, `jks`), otherwise each file by itself; checks if `check` is set; the reload is as gentle as the command in `reload`",
	}
}

// SSHGuarantees are those of the kind ssh with its recommended options.
func SSHGuarantees() Guarantees {
	return Guarantees{
		Atomic: true, ChecksBefore: true, ReloadsWithoutDrop: false, Reversible: true,
		Note: "as `file`, on another host; a command that was still running when the connection broke ends there by its timeout, and is repeated",
	}
}

// ExecGuarantees are those of the kind exec with all its programs.
func ExecGuarantees() Guarantees {
	return Guarantees{
		Atomic: false, ChecksBefore: true, ReloadsWithoutDrop: false, Reversible: true,
		Note: "on your programs, which keep to [a contract](docs/exec.md): `check` looks before anything is changed, `capture` takes what `restore` puts back, and without them the first deployment over what others put there needs `--accept-irreversible`; whether the pair changes at once and requests survive is up to `install`",
	}
}

// NginxGuarantees are those of the kind nginx with its recommended options.
func NginxGuarantees() Guarantees {
	return Guarantees{
		Atomic: true, ChecksBefore: true, ReloadsWithoutDrop: true, Reversible: true,
		Note: "atomic with `directory`, otherwise each file by itself; idle keep-alive connections are closed by a reload, as nginx always does",
	}
}

// ApacheGuarantees are those of the kind apache with its recommended options.
func ApacheGuarantees() Guarantees {
	return Guarantees{
		Atomic: true, ChecksBefore: true, ReloadsWithoutDrop: true, Reversible: true,
		Note: "atomic with `directory`, otherwise each file by itself; its own check overlooks a wrong key, of which it dies, so ours comes first and its process is watched: one that died gets the old files back and is started again; idle keep-alive connections are closed by a reload",
	}
}

// HAProxyGuarantees are those of the kind haproxy with its recommended options.
func HAProxyGuarantees() Guarantees {
	return Guarantees{
		Atomic: true, ChecksBefore: true, ReloadsWithoutDrop: true, Reversible: true,
		Note: "with `socket` the running process takes the pair without a reload: no request is lost, and open connections keep their old certificate; with `master` alone it is reloaded, which closes idle keep-alive connections",
	}
}
