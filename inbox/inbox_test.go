package inbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/inbox"
)

// TestInbox specifies which deliveries are handled, how often, and with which response.
func TestInbox(t *testing.T) {
	t.Parallel()
	t.Run("a genuine delivery is handled once and its repeats are acknowledged", aGenuineDeliveryIsHandledOnce)
	t.Run("a request that is not a delivery is refused and not handled", aRequestThatIsNotADeliveryIsRefused)
	t.Run("the status asks for a retry where one helps", theStatusAsksForARetryWhereOneHelps)
	t.Run("a delivery that the handler failed is handled when it is retried", aDeliveryThatTheHandlerFailedIsHandled)
	t.Run("duplicates at the same time are handled once and get one response", duplicatesAtTheSameTimeAreHandledOnce)
	t.Run("a slow handler gets a 503 in time and its late result counts", aSlowHandlerGetsA503AndItsLateResultCounts)
	t.Run("a provider that hangs up does not stop the handler", aProviderThatHangsUpDoesNotStopTheHandler)
	t.Run("New panics without a registry or a handler", newPanicsWithoutARegistryOrAHandler)
}

// TestMain fails if a goroutine outlives the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sender is a provider that believes every body with the header Genuine, and reads an event for
// each name in it.
type sender struct{ err error }

func (sender) CreateSession(context.Context, bankmux.SessionRequest) (bankmux.Session, error) {
	return bankmux.Session{}, errors.ErrUnsupported
}

func (sender) ExchangeToken(context.Context, bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	return bankmux.ExchangeResult{}, errors.ErrUnsupported
}

func (s sender) ReadWebhook(_ context.Context, req bankmux.WebhookRequest) (bankmux.WebhookResult, error) {
	if s.err != nil {
		return bankmux.WebhookResult{}, s.err
	}
	h := http.Header(req.Header())
	if h.Get("Genuine") == "" {
		return bankmux.WebhookResult{}, &bankmux.Error{Kind: bankmux.ErrSignature, Detail: "no signature"}
	}
	var body struct {
		Key   string   `json:"key"`
		Names []string `json:"names"`
	}
	if err := json.Unmarshal(req.Body(), &body); err != nil {
		return bankmux.WebhookResult{}, err
	}
	res := bankmux.WebhookResult{Key: body.Key}
	for _, n := range body.Names {
		res.Events = append(res.Events, bankmux.Event{Kind: bankmux.EventUnknown, Name: n})
	}
	return res, nil
}

// deaf takes no webhooks.
type deaf struct{ bankmux.Provider }

func newRegistry(t *testing.T, s sender) *bankmux.Registry {
	t.Helper()
	r, err := bankmux.NewRegistry(
		[]*bankmux.Client{
			bankmux.NewClient("acme", s),
			bankmux.NewClient("other app/2", s),
			bankmux.NewClient("deaf", deaf{s}),
		},
		[]bankmux.Route{{Client: "acme"}},
	)
	require.NoError(t, err)
	return r
}

func delivery(key string, names ...string) *http.Request {
	if len(names) == 0 {
		names = []string{"thing.happened"}
	}
	body, _ := json.Marshal(map[string]any{"key": key, "names": names})
	r := httptest.NewRequest(http.MethodPost, "/hooks/acme", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("Genuine", "yes")
	return r
}

func answer(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func ignore(context.Context, bankmux.Event) error { return nil }

func aGenuineDeliveryIsHandledOnce(t *testing.T) {
	t.Parallel()
	var got []bankmux.Event
	h := inbox.New(newRegistry(t, sender{}), func(_ context.Context, e bankmux.Event) error {
		got = append(got, e)
		return nil
	})
	for range 3 {
		assert.Equal(t, http.StatusOK, answer(h, delivery("k1", "a", "b")).Code)
	}
	require.Len(t, got, 2)
	assert.Equal(t, "acme", got[0].Client)
	assert.Equal(t, "acme", got[0].Provider)
	assert.Equal(t, "k1", got[1].Key)
	assert.JSONEq(t, `{"key":"k1","names":["a","b"]}`, string(got[1].Raw()))

	other := delivery("k1")
	other.URL.Path, other.URL.RawPath = "/hooks/other app/2", "/hooks/other%20app%2F2"
	assert.Equal(t, http.StatusOK, answer(h, other).Code)
	assert.Len(t, got, 3, "keys of two clients have nothing to do with each other")
	assert.Equal(t, "other app/2", got[2].Client)
}

func aRequestThatIsNotADeliveryIsRefused(t *testing.T) {
	t.Parallel()
	h := inbox.New(newRegistry(t, sender{}), func(context.Context, bankmux.Event) error {
		t.Error("handled")
		return nil
	}, inbox.WithLimits(inbox.Limits{Body: 100}))
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"forged": {func(r *http.Request) { r.Header.Del("Genuine") }, http.StatusUnauthorized},
		"a GET": {
			func(r *http.Request) { r.Method = http.MethodGet }, http.StatusMethodNotAllowed,
		},
		"a form": {
			func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") },
			http.StatusUnsupportedMediaType,
		},
		"of no content type": {
			func(r *http.Request) { r.Header.Del("Content-Type") }, http.StatusUnsupportedMediaType,
		},
		"compressed": {
			func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, http.StatusUnsupportedMediaType,
		},
		"for an unknown client":        {func(r *http.Request) { r.URL.Path = "/hooks/unknown" }, http.StatusNotFound},
		"without a client":             {func(r *http.Request) { r.URL.Path = "/hooks/" }, http.StatusNotFound},
		"for a client that takes none": {func(r *http.Request) { r.URL.Path = "/hooks/deaf" }, http.StatusNotFound},
		"too large by its length": {
			func(r *http.Request) { r.ContentLength = 101 }, http.StatusRequestEntityTooLarge,
		},
		"too large, without length": {func(r *http.Request) {
			r.ContentLength = -1
			r.Body = io.NopCloser(strings.NewReader(strings.Repeat(" ", 101)))
		}, http.StatusRequestEntityTooLarge},
		"larger than it says": {
			func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(strings.Repeat(" ", 5000))) },
			http.StatusRequestEntityTooLarge,
		},
		"broken off": {
			func(r *http.Request) { r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), broken{})) },
			http.StatusBadRequest,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := delivery("k")
			c.change(r)
			w := answer(h, r)
			assert.Equal(t, c.status, w.Code)
			assert.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
			assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
			assert.JSONEq(t, fmt.Sprintf(`{"title":%q,"status":%d}`, http.StatusText(c.status), c.status),
				w.Body.String(), "the sender learns no reason")
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func theStatusAsksForARetryWhereOneHelps(t *testing.T) {
	t.Parallel()
	for kind, status := range map[bankmux.Kind]int{
		bankmux.ErrSignature: http.StatusUnauthorized, bankmux.ErrUnsupported: http.StatusNotFound,
		bankmux.ErrUnavailable: http.StatusServiceUnavailable, bankmux.ErrMalformed: http.StatusServiceUnavailable,
		bankmux.ErrCredentials: http.StatusServiceUnavailable,
	} {
		h := inbox.New(newRegistry(t, sender{err: &bankmux.Error{Kind: kind}}), ignore)
		assert.Equal(t, status, answer(h, delivery("k")).Code, kind)
	}
}

func aDeliveryThatTheHandlerFailedIsHandled(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"an error": func() error { return errors.New("the database is away") },
		"a panic":  func() error { panic("secret") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls []string
			var logged bytes.Buffer
			h := inbox.New(newRegistry(t, sender{}), func(_ context.Context, e bankmux.Event) error {
				calls = append(calls, e.Name)
				if len(calls) == 2 {
					return fail()
				}
				return nil
			}, inbox.WithLogger(slog.New(slog.NewTextHandler(&logged, nil))))
			assert.Equal(t, http.StatusInternalServerError, answer(h, delivery("k", "a", "b")).Code)
			assert.Equal(t, http.StatusOK, answer(h, delivery("k", "a", "b")).Code)
			assert.Equal(t, http.StatusOK, answer(h, delivery("k", "a", "b")).Code)
			assert.Equal(t, []string{"a", "b", "a", "b"}, calls)
			assert.Contains(t, logged.String(), "the handler failed")
			assert.NotContains(t, logged.String(), "secret")
			assert.NotContains(t, logged.String(), "names", "no body")
		})
	}
}

func duplicatesAtTheSameTimeAreHandledOnce(t *testing.T) {
	t.Parallel()
	for _, outcome := range []error{nil, errors.New("no")} {
		synctest.Test(t, func(t *testing.T) {
			var calls atomic.Int32
			h := inbox.New(newRegistry(t, sender{}), func(context.Context, bankmux.Event) error {
				calls.Add(1)
				time.Sleep(time.Second)
				return outcome
			})
			var statuses [8]int
			var all sync.WaitGroup
			for i := range statuses {
				all.Go(func() { statuses[i] = answer(h, delivery("k")).Code })
			}
			all.Wait()
			want := http.StatusOK
			if outcome != nil {
				want = http.StatusInternalServerError
			}
			for _, s := range statuses {
				assert.Equal(t, want, s)
			}
			assert.EqualValues(t, 1, calls.Load())
		})
	}
}

func aSlowHandlerGetsA503AndItsLateResultCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		h := inbox.New(newRegistry(t, sender{}), func(ctx context.Context, _ bankmux.Event) error {
			calls.Add(1)
			time.Sleep(15 * time.Second) // does not look at its context
			assert.ErrorIs(t, ctx.Err(), context.DeadlineExceeded)
			return nil
		})
		start := time.Now()
		w := answer(h, delivery("k"))
		assert.Equal(t, http.StatusServiceUnavailable, w.Code)
		assert.Equal(t, "10", w.Header().Get("Retry-After"))
		assert.Equal(t, 10*time.Second, time.Since(start))
		assert.Equal(t, http.StatusOK, answer(h, delivery("k")).Code, "it is retried while the handler still runs")
		assert.Equal(t, http.StatusOK, answer(h, delivery("k")).Code)
		assert.EqualValues(t, 1, calls.Load())
	})
}

func aProviderThatHangsUpDoesNotStopTheHandler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var handled atomic.Bool
		h := inbox.New(newRegistry(t, sender{}), func(ctx context.Context, _ bankmux.Event) error {
			time.Sleep(time.Second)
			handled.Store(ctx.Err() == nil)
			return ctx.Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		answer(h, delivery("k").WithContext(ctx))
		time.Sleep(2 * time.Second)
		assert.True(t, handled.Load())
	})
}

func newPanicsWithoutARegistryOrAHandler(t *testing.T) {
	t.Parallel()
	assert.Panics(t, func() { inbox.New(nil, ignore) })
	assert.Panics(t, func() { inbox.New(newRegistry(t, sender{}), nil) })
}
