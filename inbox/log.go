package inbox

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
)

// mostRefusals is how many refusals are logged a second: a flood of forgeries must not become one of records.
const mostRefusals = 10

type logger struct {
	*slog.Logger

	mu     sync.Mutex
	second time.Time
	count  int
}

// refuse logs why a delivery was refused and returns the status. The record holds nothing the sender wrote.
func (l *logger) refuse(ctx context.Context, client string, status int, why error) int {
	l.mu.Lock()
	now := time.Now()
	left := 0
	if now.Sub(l.second) >= time.Second {
		left = max(0, l.count-mostRefusals)
		l.second, l.count = now, 0
	}
	l.count++
	quiet := l.count > mostRefusals
	l.mu.Unlock()
	if quiet {
		return status
	}
	l.LogAttrs(ctx, slog.LevelWarn, "inbox: a delivery was refused", slog.String("client", client), slog.Int("status", status),
		slog.String("kind", string(bankmux.KindOf(why))), slog.String("why", why.Error()), slog.Int("not_logged", left))
	return status
}
