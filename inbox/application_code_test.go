package inbox_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/inbox"
)

// endings are the ways in which the code of an application leaves without returning.
var endings = map[string]func(){
	"panics":             func() { panic("secret") },
	"ends its goroutine": runtime.Goexit,
}

// leaving is an application whose code does not return while at names it.
type leaving struct {
	end func()
	at  string

	handled, marked []string
}

func (l *leaving) leave(at string) {
	if l.at == at {
		l.end()
	}
}

func (l *leaving) handle(_ context.Context, e bankmux.Event) error {
	l.leave("handler")
	l.handled = append(l.handled, e.Key)
	if l.at == "log of a failure" {
		return errors.New("no")
	}
	return nil
}

func (l *leaving) Seen(_ context.Context, key string) (bool, error) {
	l.leave("Seen")
	if slices.Contains(l.marked, key) {
		return true, nil
	}
	return false, nil
}

func (l *leaving) Mark(_ context.Context, key string) error {
	l.leave("Mark")
	if l.at == "log of what cannot be marked" {
		return errors.New("no")
	}
	l.marked = append(l.marked, key)
	return nil
}

func (*leaving) Enabled(context.Context, slog.Level) bool { return true }

func (l *leaving) Handle(context.Context, slog.Record) error {
	if strings.HasPrefix(l.at, "log") {
		l.end()
	}
	return nil
}

func (l *leaving) WithAttrs([]slog.Attr) slog.Handler { return l }

func (l *leaving) WithGroup(string) slog.Handler { return l }

// TestApplicationCodeThatDoesNotReturn specifies that such code is a failure and occupies nothing.
func TestApplicationCodeThatDoesNotReturn(t *testing.T) {
	t.Parallel()
	for how, end := range endings {
		for at, status := range map[string]int{
			"handler": http.StatusInternalServerError, "log of a failure": http.StatusInternalServerError,
			"Seen": http.StatusServiceUnavailable,
			// It was handled. Another delivery would only be handled again.
			"Mark": http.StatusOK, "log of what cannot be marked": http.StatusOK,
		} {
			t.Run(at+" "+how, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					app := &leaving{end: end, at: at}
					h := inbox.New(
						newRegistry(t, sender{}),
						app.handle,
						inbox.WithSeen(app),
						inbox.WithLogger(slog.New(app)),
						inbox.WithLimits(inbox.Limits{Handlers: 1, Waiting: 1, Memory: 4 << 10}),
					)
					for range 3 { // the key, the only handler and the memory stay free
						got := 0
						apart(func() { got = answer(h, delivery("k", strings.Repeat("x", 3000))).Code })
						assert.Equal(t, status, got)
					}
					app.at = ""
					assert.Equal(t, http.StatusOK, answer(h, delivery("k", strings.Repeat("x", 3000))).Code)
					assert.Equal(t, []string{"4:acme/k"}, app.marked)
				})
			})
		}
		t.Run("the log of a refusal "+how, func(t *testing.T) {
			t.Parallel()
			app := &leaving{end: end, at: "log"}
			h := inbox.New(
				newRegistry(t, sender{}),
				app.handle,
				inbox.WithLogger(slog.New(app)),
				inbox.WithLimits(inbox.Limits{Memory: 4 << 10}),
			)
			for range 3 {
				forged := delivery("k", strings.Repeat("x", 3000))
				forged.Header.Del("Genuine")
				w := httptest.NewRecorder()
				apart(func() { h.ServeHTTP(w, forged) })
				if how == "panics" {
					assert.Equal(t, http.StatusUnauthorized, w.Code, "the response is still sent")
				}
			}
			assert.Equal(t, http.StatusOK, answer(h, delivery("k", strings.Repeat("x", 3000))).Code)
		})
		t.Run("a body of middleware that "+how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := inbox.New(newRegistry(t, sender{}), ignore, inbox.WithLimits(inbox.Limits{Memory: 4 << 10}))
				for range 3 {
					r := delivery("k")
					r.ContentLength = -1
					r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), leaver(end)))
					assert.Equal(t, http.StatusBadRequest, answer(h, r).Code)
				}
				assert.Equal(t, http.StatusOK, answer(h, delivery("k")).Code, "the memory is free")
			})
		})
	}
}

type leaver func()

func (l leaver) Read([]byte) (int, error) { l(); return 0, nil }

// apart runs f in a goroutine of its own, as a server does, and waits until it is gone.
func apart(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = recover() }()
		f()
	}()
	<-done
}

// odd is a body of middleware that does not keep to the rules.
type odd struct {
	n     int
	block chan struct{}
}

func (o odd) Read([]byte) (int, error) {
	if o.block != nil {
		<-o.block
	}
	return o.n, nil
}

func (o odd) Close() error {
	if o.block != nil {
		close(o.block)
	}
	panic("secret")
}
