package inbox

// This file logs refusals and failures, within a limit per second.

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/plain"
)

// maxRefusals is how many refusals are logged per second, so that a flood of forgeries does not
// flood the log.
const maxRefusals = 10

// logger logs refusals and failures.
type logger struct {
	*slog.Logger

	mu     sync.Mutex
	second time.Time
	count  int
}

// refuse logs the reason of a refusal and returns the status. The record has no text of the sender.
func (l *logger) refuse(ctx context.Context, client string, status int, why error) int {
	l.mu.Lock()
	now := time.Now()
	left := 0
	if now.Sub(l.second) >= time.Second {
		left = max(0, l.count-maxRefusals)
		l.second, l.count = now, 0
	}
	l.count++
	quiet := l.count > maxRefusals
	l.mu.Unlock()
	if quiet {
		return status
	}
	_ = noPanic(func() error { // the text is the application's if its store failed
		l.write(ctx, slog.LevelWarn, "inbox: a delivery was refused", "client", client, "status", status,
			"kind", string(bankmux.KindOf(why)), "why", plain.Line(why.Error()), "not_logged", left)
		return nil
	})
	return status
}

// write recovers from a panic of the application's log handler. Only the record is lost.
func (l *logger) write(ctx context.Context, level slog.Level, text string, args ...any) {
	_ = noPanic(func() error {
		l.Log(ctx, level, text, args...)
		return nil
	})
}
