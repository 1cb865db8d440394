package target

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/user"
	"regexp"
	"strconv"
)

// keep stands for "whatever it is" where a uid or gid is expected.
const keep = -1

// attributes are the configured owner and modes of the files we write.
type attributes struct {
	uid, gid      int // keep: not configured
	mode, keyMode os.FileMode
	// modeSet, keyModeSet: configured, so that an existing file's mode does not count.
	modeSet, keyModeSet bool
	// keyLink: the key is a symlink to what the data names, by default to this; empty: it is written.
	keyLink string
}

func (f Files) attributes(on machine) (attributes, error) {
	a := attributes{uid: keep, gid: keep, mode: defaultMode, keyMode: defaultKeyMode, keyLink: f.KeptKey}
	var errs [4]error
	if f.Owner != "" {
		a.uid, errs[0] = on.user(f.Owner)
	}
	if f.Group != "" {
		a.gid, errs[1] = on.group(f.Group)
	}
	if f.Mode != "" {
		a.modeSet = true
		a.mode, errs[2] = parseMode("mode", f.Mode)
	}
	if f.KeyMode != "" {
		a.keyModeSet = true
		a.keyMode, errs[3] = parseMode("key_mode", f.KeyMode)
		if errs[3] == nil && a.keyMode&0o007 != 0 {
			errs[3] = fmt.Errorf("key_mode: %s opens the private key to everybody; use 0600, or 0640 with a group", f.KeyMode)
		}
	}
	return a, errors.Join(errs[:]...)
}

// wanted is the file that should stand where existing is (absent if none).
func (a attributes) wanted(r role, data []byte, existing node) node {
	if r == key && a.keyLink != "" {
		return node{Kind: kindSymlink, Link: cmp.Or(string(data), a.keyLink), UID: keep, GID: keep}
	}
	n := node{Kind: kindFile, Mode: a.mode, UID: a.uid, GID: a.gid, Bytes: data}
	modeSet := a.modeSet
	if r.holdsKey() {
		n.Mode, modeSet = a.keyMode, a.keyModeSet
	}
	if existing.Kind != kindFile {
		return n
	}
	if !modeSet && (!r.holdsKey() || existing.Mode&0o007 == 0) {
		n.Mode = existing.Mode
	}
	if n.UID == keep {
		n.UID = existing.UID
	}
	if n.GID == keep {
		n.GID = existing.GID
	}
	return n
}

var octal = regexp.MustCompile(`^0[0-7]{3}$`)

// parseMode insists on the leading zero: YAML turns an unquoted 0640 into the
// number 416, which must not be taken for a mode.
func parseMode(field, s string) (os.FileMode, error) {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || !octal.MatchString(s) || n&0o400 == 0 {
		return 0, fmt.Errorf("%s: %q is not a mode; write four octal digits in quotes that let the owner read, such as \"0640\"", field, s)
	}
	return os.FileMode(n), nil
}

func lookupOwner(s string) (int, error) {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return int(n), nil
	}
	u, err := user.Lookup(s)
	if err != nil {
		return keep, fmt.Errorf("owner: %q: %w; create the user or give its number", s, err)
	}
	return strconv.Atoi(u.Uid)
}

func lookupGroup(s string) (int, error) {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return int(n), nil
	}
	g, err := user.LookupGroup(s)
	if err != nil {
		return keep, fmt.Errorf("group: %q: %w; create the group or give its number", s, err)
	}
	return strconv.Atoi(g.Gid)
}

// whoami names the user we run as, for messages.
func whoami() string {
	uid := os.Geteuid()
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return fmt.Sprintf("uid %d (%s)", uid, u.Username)
	}
	return fmt.Sprintf("uid %d", uid)
}
