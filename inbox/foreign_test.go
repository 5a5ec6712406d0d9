package inbox_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
	for _, k := range l.marked {
		if k == key {
			return true, nil
		}
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
func (l *leaving) WithGroup(string) slog.Handler      { return l }

func TestCodeOfAnApplicationThatDoesNotReturnIsAFailureAndHoldsNothing(t *testing.T) {
	t.Parallel()
	for how, end := range endings {
		for at, status := range map[string]int{
			"handler": http.StatusInternalServerError, "log of a failure": http.StatusInternalServerError,
			"Seen": http.StatusServiceUnavailable,
			// It was handled. To deliver it again would only have it handled again.
			"Mark": http.StatusOK, "log of what cannot be marked": http.StatusOK,
		} {
			t.Run(at+" "+how, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					app := &leaving{end: end, at: at}
					h := inbox.New(newRegistry(t, sender{}), app.handle, inbox.WithSeen(app), inbox.WithLogger(slog.New(app)),
						inbox.WithLimits(inbox.Limits{Handlers: 1, Waiting: 1, Memory: 4 << 10}))
					for range 3 { // neither the key, nor the only handler, nor the memory is held
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
			h := inbox.New(newRegistry(t, sender{}), app.handle, inbox.WithLogger(slog.New(app)), inbox.WithLimits(inbox.Limits{Memory: 4 << 10}))
			for range 3 {
				forged := delivery("k", strings.Repeat("x", 3000))
				forged.Header.Del("Genuine")
				w := httptest.NewRecorder()
				apart(func() { h.ServeHTTP(w, forged) })
				if how == "panics" {
					assert.Equal(t, http.StatusUnauthorized, w.Code, "it is answered all the same")
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

func TestEveryDeliveryHasAKeyOfItsOwn(t *testing.T) {
	t.Parallel()
	post := func(h http.Handler, client, key string, names ...string) int {
		r := delivery(key, names...)
		r.URL.Path, r.URL.RawPath = "/hooks/"+client, "/hooks/"+url.PathEscape(client)
		return answer(h, r).Code
	}
	t.Run("whatever the names of client and key are joined from", func(t *testing.T) {
		t.Parallel()
		s := sender{}
		long := strings.Repeat("k", 300)
		pairs := [][2]string{
			{"acme", "x/k"}, {"acme/x", "k"}, {"acme", "k"}, {"acme/x/k", "/"}, {"4:acme", "k"}, {"1", "4:acme/k"},
			{"acme", "x\x00k"}, {"acme\x00x", "k"}, {"acme", long}, {"acme/" + long, "k"}, {"acme", long + "/k"},
		}
		var clients []*bankmux.Client
		made := map[string]bool{}
		for _, p := range pairs {
			if !made[p[0]] {
				made[p[0]] = true
				clients = append(clients, bankmux.NewClient(p[0], s))
			}
		}
		registry, err := bankmux.NewRegistry(clients, nil)
		require.NoError(t, err)
		handled := map[[2]string]int{}
		h := inbox.New(registry, func(_ context.Context, e bankmux.Event) error {
			handled[[2]string{e.Client, e.Key}]++
			return nil
		})
		for range 2 {
			for _, p := range pairs {
				assert.Equal(t, http.StatusOK, post(h, p[0], p[1]))
			}
		}
		for _, p := range pairs {
			assert.Equal(t, 1, handled[p], "%q", p)
		}
	})
	t.Run("also where the adapter gives none: that of its body", func(t *testing.T) {
		t.Parallel()
		handled := map[string]int{}
		keys := map[string]bool{}
		h := inbox.New(newRegistry(t, sender{}), func(_ context.Context, e bankmux.Event) error {
			handled[e.Client+" "+e.Name]++
			keys[e.Key] = true
			return nil
		})
		for range 2 {
			for _, name := range []string{"a", "b", "c"} {
				assert.Equal(t, http.StatusOK, post(h, "acme", "", name))
			}
			assert.Equal(t, http.StatusOK, post(h, "other app/2", "", "a"))
		}
		assert.Equal(t, map[string]int{"acme a": 1, "acme b": 1, "acme c": 1, "other app/2 a": 1}, handled)
		assert.Len(t, keys, 3, "the application is given the same key")
		assert.NotContains(t, keys, "")
	})
}
