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
					h := inbox.New(
						newRegistry(t, sender{}),
						app.handle,
						inbox.WithSeen(app),
						inbox.WithLogger(slog.New(app)),
						inbox.WithLimits(inbox.Limits{Handlers: 1, Waiting: 1, Memory: 4 << 10}),
					)
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
			{"acme", "x/k"},
			{"acme/x", "k"},
			{"acme", "k"},
			{"acme/x/k", "/"},
			{"4:acme", "k"},
			{"1", "4:acme/k"},
			{"acme", "x\x00k"},
			{"acme\x00x", "k"},
			{"acme", long},
			{"acme/" + long, "k"},
			{"acme", long + "/k"},
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

func TestABodyThatDoesNotKeepToTheRulesIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body   func() odd
		status int
	}{
		"more than was asked for":        {func() odd { return odd{n: 1 << 20} }, http.StatusBadRequest},
		"less than nothing":              {func() odd { return odd{n: -1} }, http.StatusBadRequest},
		"a Close that panics, when late": {func() odd { return odd{block: make(chan struct{})} }, http.StatusRequestTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := inbox.New(newRegistry(t, sender{}), ignore, inbox.WithLimits(inbox.Limits{Memory: 4 << 10}))
				for range 3 {
					r := delivery("k")
					r.ContentLength, r.Body = -1, c.body()
					assert.Equal(t, c.status, answer(h, r).Code)
					synctest.Wait()
				}
				assert.Equal(t, http.StatusOK, answer(h, delivery("k")).Code)
			})
		})
	}
}

func TestTheLogSaysWhyADeliveryWasNotTaken(t *testing.T) {
	t.Parallel()
	for why, c := range map[string]struct {
		change func(*http.Request)
		app    leaving
	}{
		"no client of this name":                     {change: func(r *http.Request) { r.URL.Path = "/nobody" }},
		"is not a POST":                              {change: func(r *http.Request) { r.Method = http.MethodPut }},
		"is not plain JSON":                          {change: func(r *http.Request) { r.Header.Del("Content-Type") }},
		"the body is larger than the limit":          {change: func(r *http.Request) { r.ContentLength = 2000 }},
		"the body broke off":                         {change: func(r *http.Request) { r.Body = io.NopCloser(leaver(runtime.Goexit)) }},
		"the body came too slowly":                   {change: func(r *http.Request) { r.Body = odd{block: make(chan struct{})} }},
		"the memory for bodies is used up":           {change: func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(strings.Repeat(" ", 900))) }},
		"no signature":                               {change: func(r *http.Request) { r.Header.Del("Genuine") }},
		"what was seen cannot be read: panic":        {app: leaving{at: "Seen", end: func() { panic("secret") }}},
		"the handler failed":                         {app: leaving{at: "handler", end: func() { panic("secret") }}},
		"the application's code ended the goroutine": {app: leaving{at: "handler", end: runtime.Goexit}},
		"a handled delivery cannot be marked":        {app: leaving{at: "Mark", end: func() { panic("secret") }}},
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var out strings.Builder
				h := inbox.New(
					newRegistry(t, sender{}),
					c.app.handle,
					inbox.WithSeen(&c.app),
					inbox.WithLogger(slog.New(slog.NewTextHandler(&out, nil))),
					inbox.WithLimits(inbox.Limits{Memory: 500, Body: 1000}),
				)
				r := delivery("k")
				if c.change != nil {
					c.change(r)
				}
				answer(h, r)
				synctest.Wait()
				assert.Contains(t, out.String(), why)
				assert.Equal(t, 1, strings.Count(out.String(), "\n"), "and nothing else: %s", out.String())
				assert.NotContains(t, out.String(), "secret")
			})
		})
	}
}

func TestADeliveryThatIsHandledLeavesNoRecord(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	h := inbox.New(newRegistry(t, sender{}), ignore, inbox.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
	for range 2 {
		assert.Equal(t, http.StatusOK, answer(h, delivery("k")).Code)
	}
	assert.Empty(t, out.String())
}
