package notify

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/slack-go/slack/socketmode"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

const (
	maxEnvelope = 1 << 20         // Slack sends the whole message along
	acknowledge = 3 * time.Second // Slack waits no longer
)

// link is one WebSocket from Slack.
type link struct {
	conn        *websocket.Conn
	socket      *SlackSocket
	connections int
	replace     chan struct{} // closed when Slack asks for another
	replaced    sync.Once
	closed      chan struct{} // closed when it ended, after err was set
	err         error

	mu       sync.Mutex
	stopping bool  // takes nothing any more
	cause    error // why it was closed from here
	handling sync.WaitGroup
}

// receive reads until the connection ends.
func (l *link) receive() {
	for {
		_, data, err := l.conn.Read(context.Background())
		if err != nil {
			l.ended(err)
			return
		}
		var m socketmode.Request
		if err := json.Unmarshal(data, &m); err != nil {
			l.socket.log.Warn("what Slack sent is no JSON", "cause", err.Error())
			continue
		}
		switch m.Type {
		case socketmode.RequestTypeInteractive:
			if l.begin() {
				go l.handle(m)
			}
		case socketmode.RequestTypeDisconnect:
			l.disconnect(m.Reason)
		default: // nothing else is subscribed to
			l.socket.log.Debug("Slack sent something else", "type", alert.Clean(m.Type))
		}
	}
}

// begin counts a click in, unless the connection is being closed: then it is not
// acknowledged, and Slack gives it to another.
func (l *link) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stopping {
		l.handling.Add(1)
	}
	return !l.stopping
}

// handle acknowledges an envelope once what is in it was taken.
func (l *link) handle(m socketmode.Request) {
	defer l.handling.Done()
	ctx, cancel := context.WithTimeout(context.Background(), acknowledge)
	defer cancel()
	if m.RetryAttempt > 0 {
		l.socket.log.Info("Slack delivers a click again", "attempt", m.RetryAttempt, "reason", alert.Clean(m.RetryReason))
	}
	taken, reply, after := l.socket.take(ctx, m.Payload)
	if taken {
		answer := socketmode.Response{EnvelopeID: m.EnvelopeID}
		if len(reply) > 0 {
			answer.Payload = json.RawMessage(reply)
		}
		ack, err := json.Marshal(answer)
		if err == nil {
			err = l.conn.Write(ctx, websocket.MessageText, ack)
		}
		if err != nil {
			l.socket.log.Warn("a click was taken, but Slack could not be told; it may show an error or deliver it again", "cause", err.Error())
		}
	}
	if after != nil {
		after(context.Background())
	}
}

// disconnect does what Slack asks for before it ends the connection.
func (l *link) disconnect(reason string) {
	if err := refused(reason); err != nil {
		go l.finish(err)
		return
	}
	l.replaced.Do(func() { close(l.replace) })
}

// keep asks whether the other side lives, and closes the connection in order
// when ctx ends or when another took its place.
func (l *link) keep(ctx context.Context) {
	tick := time.NewTicker(l.socket.pace.ping)
	defer tick.Stop()
	replace := l.replace
	var old <-chan time.Time
	for {
		select {
		case <-l.closed:
			return
		case <-ctx.Done():
			l.finish(ctx.Err())
			return
		case <-replace:
			replace, old = nil, time.After(l.socket.pace.replaced)
		case <-old:
			l.finish(nil)
			return
		case <-tick.C:
			if err := l.ping(); err != nil {
				l.cut(fault.New(fault.Transient, "slack: the connection is silent: %w", err))
				return
			}
		}
	}
}

func (l *link) ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), l.socket.pace.silence)
	defer cancel()
	return l.conn.Ping(ctx)
}

// finish takes nothing more, lets what is under way be acknowledged, and closes.
func (l *link) finish(cause error) {
	l.mu.Lock()
	l.stopping, l.cause = true, cause
	l.mu.Unlock()
	l.handling.Wait()
	// The other side may be gone; then there is nobody to tell.
	_ = l.conn.Close(websocket.StatusNormalClosure, "")
}

// cut ends a connection whose other side is gone.
func (l *link) cut(cause error) {
	l.mu.Lock()
	l.stopping, l.cause = true, cause
	l.mu.Unlock()
	_ = l.conn.CloseNow()
}

// ended says why there is nothing more to read.
func (l *link) ended(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopping = true
	if l.err = l.cause; l.err == nil {
		l.err = fault.New(fault.Transient, "slack: the connection ended: %w", err)
	}
	close(l.closed)
}
