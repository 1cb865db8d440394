package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/web/page"
)

// lookEvery is between two looks at the file of the configuration. A content
// counts once two looks in a row found it: nobody writes a file in an instant.
const lookEvery = 2 * time.Second

// digest identifies a content of the file.
type digest [sha256.Size]byte

func (d digest) String() string { return hex.EncodeToString(d[:6]) }

// reload keeps the configuration in force up to date with its file. It reads the
// content each time: a link that is turned, or a file that is renamed over
// another, may leave every mark of time and size as it was.
type reload struct {
	inForce *standing
	check   func(context.Context, config.Adoption, config.Config) (kit, error)
	log     *slog.Logger
	now     func() time.Time

	judged, seen digest // the content that was judged last, and the one that was seen last

	mu      sync.Mutex
	refused refusal
	restart []string
	before  []digest // were refused by this worker, until one was taken
}

// refusal is a content that is not taken; none if it has no text.
type refusal struct {
	content digest
	text    string
	since   time.Time
}

// verdict is what came of a look.
type verdict struct {
	changed []string // sections that count since
	refused *refusal
	mended  bool // what was refused before is refused no more
}

// look judges the content of the file if it is another one than before, or if it
// was refused: what it names may have been mended. at once takes it as it is.
func (r *reload) look(ctx context.Context, atOnce bool) verdict {
	content, sum, err := r.inForce.config().Content()
	now := digest(sum)
	before := r.state()
	settled := now == r.seen || atOnce
	r.seen = now
	if !settled || now == r.judged && before.text == "" {
		return verdict{}
	}
	var a config.Adoption
	var made kit
	if err == nil {
		a, made, err = r.judge(ctx, content)
	}
	r.judged = now
	if err != nil {
		return r.refuse(refusal{now, err.Error(), r.now().UTC()})
	}
	return r.adopt(a, made)
}

func (r *reload) judge(ctx context.Context, content []byte) (config.Adoption, kit, error) {
	c := r.inForce.config()
	next, err := c.Again(content)
	if err != nil {
		return config.Adoption{}, kit{}, err
	}
	a, err := c.Adopt(next)
	if err != nil {
		return a, kit{}, err
	}
	made, err := r.check(ctx, a, next)
	return a, made, err
}

func (r *reload) refuse(why refusal) verdict {
	r.mu.Lock()
	defer r.mu.Unlock()
	if before := r.refused; before.text != "" {
		why.since = before.since
		if before.text == why.text && before.content == why.content {
			return verdict{}
		}
	}
	r.refused = why
	r.before = append(r.before, why.content)
	r.log.Error("the configuration is refused; what was in force stays in force", "file", r.inForce.config().Source, "errors", why.text)
	return verdict{refused: &why}
}

func (r *reload) adopt(a config.Adoption, made kit) verdict {
	r.inForce.set(a.Config, made)
	r.mu.Lock()
	defer r.mu.Unlock()
	out := verdict{changed: a.Changed, mended: r.refused.text != ""}
	news := !slices.Equal(r.restart, a.Restart)
	r.refused, r.restart = refusal{}, a.Restart
	if len(a.Changed) > 0 || out.mended {
		r.log.Info("the configuration is read anew", "file", a.Config.Source, "changed", strings.Join(a.Changed, ", "))
	}
	if news && len(a.Restart) > 0 {
		r.log.Warn("what changed in these sections of the configuration needs a restart of the worker", "sections", strings.Join(a.Restart, ", "))
	}
	return out
}

func (r *reload) state() refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused
}

// wasRefused lists the contents that people were told of, and forgets them.
func (r *reload) wasRefused() []digest {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.before
	r.before = nil
	return out
}

// configured is for people who look.
func (r *reload) configured() page.Configured {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := page.Configured{Restart: r.restart}
	if r.refused.text != "" {
		out.Refused, out.Since = strings.Split(r.refused.text, "\n"), r.refused.since
	}
	return out
}

// ready is for machines that look.
func (r *reload) ready(context.Context) error {
	c := r.configured()
	switch {
	case len(c.Refused) > 0:
		return errors.New("refused, and what was in force stays in force: " + strings.Join(c.Refused, "; "))
	case len(c.Restart) > 0:
		return errors.New("needs a restart: " + strings.Join(c.Restart, ", "))
	}
	return nil
}
