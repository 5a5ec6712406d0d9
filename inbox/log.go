package inbox

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/plain"
)

// maxRefusals is how many refusals are logged a second: a flood of forgeries must not become one
// of records.
const maxRefusals = 10

type logger struct {
	*slog.Logger

	mu     sync.Mutex
	second time.Time
	count  int
}

// refuse logs why a delivery was refused and returns the status. The record holds nothing the
// sender wrote.
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
	_ = noPanic(func() error { // the text is the application's where its store failed
		l.write(ctx, slog.LevelWarn, "inbox: a delivery was refused", "client", client, "status", status,
			"kind", string(bankmux.KindOf(why)), "why", plain.Line(why.Error()), "not_logged", left)
		return nil
	})
	return status
}

// write recovers from a panic of the application's handler, which loses only its record.
func (l *logger) write(ctx context.Context, level slog.Level, text string, args ...any) {
	_ = noPanic(func() error {
		l.Log(ctx, level, text, args...)
		return nil
	})
}
