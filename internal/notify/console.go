package notify

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// ConsoleGuarantees is what the console promises.
var ConsoleGuarantees = Guarantees{
	Kind: KindConsole, Deduplicates: "no",
}

// ConsoleOptions configures nothing yet; the section may be empty.
type ConsoleOptions struct{}

// Validate accepts every ConsoleOptions.
func (ConsoleOptions) Validate() error { return nil }

// Console writes each notice as one block of plain lines, for the demo and for
// set-ups whose logs are read by somebody.
type Console struct {
	mu  sync.Mutex
	out io.Writer
}

// NewConsole writes to out, one block at a time.
func NewConsole(out io.Writer) *Console { return &Console{out: out} }

// Send writes the block. A retry writes it again.
func (c *Console) Send(ctx context.Context, m alert.Message, _ bool) (alert.Receipt, error) {
	if err := c.write(ctx, m); err != nil {
		return alert.Receipt{}, err
	}
	thread := m.DedupKey
	if m.InReplyTo != nil && m.InReplyTo.Thread != "" {
		thread = m.InReplyTo.Thread
	}
	return receipt(m, KindConsole, m.Address, m.DedupKey, thread, time.Now()), nil
}

// Update writes a block with the news, one a thread.
func (c *Console) Update(ctx context.Context, r alert.Receipt, m alert.Message) error {
	if !begins(r) {
		return nil
	}
	return c.write(ctx, asSent(m, r))
}

func (c *Console) write(ctx context.Context, m alert.Message) error {
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Transient, "write to the console: %w", err)
	}
	t := text(m)
	to := alert.Clean(m.To.Name)
	if to == "" {
		to = alert.Clean(m.To.ID)
	}
	rule := strings.Repeat("─", 72)
	block := fmt.Sprintf("%s\n%s → %s\n\n%s%s\n", rule, t.Subject, to, alert.Plain(t), rule)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := io.WriteString(c.out, block); err != nil {
		return fault.New(fault.Transient, "write to the console: %w", err)
	}
	return nil
}
