package acme

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// webroot answers http-01 challenges by files below a folder that a running web
// server serves. It never leaves that folder, whatever the token or a symbolic
// link in it says.
type webroot struct {
	dir string

	mu    sync.Mutex
	users map[string]int
}

func (w *webroot) present(token, text string) error {
	if err := checkToken(token); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.users[token] == 0 {
		if err := w.write(token, text); err != nil {
			return fault.New(fault.Configuration, "webroot %s: %w", w.dir, err)
		}
	}
	if w.users == nil {
		w.users = make(map[string]int)
	}
	w.users[token]++
	return nil
}

// write makes the file visible at once and whole.
func (w *webroot) write(token, text string) (err error) {
	root, err := os.OpenRoot(w.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	folder := strings.Trim(challengePath, "/")
	if err := root.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	draft := folder + "/." + rand.Text()
	f, err := root.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o644), f.Close()) // whatever the umask
	if err == nil {
		err = root.Rename(draft, folder+"/"+token)
	}
	if err != nil {
		return errors.Join(err, root.Remove(draft))
	}
	return nil
}

func (w *webroot) cleanUp(token string) (err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.users[token]--; w.users[token] > 0 {
		return nil
	}
	delete(w.users, token)
	root, err := os.OpenRoot(w.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if err := root.Remove(strings.TrimPrefix(challengePath, "/") + token); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
