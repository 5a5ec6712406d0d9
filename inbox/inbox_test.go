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
	"runtime"
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
		nil,
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

func TestAGenuineDeliveryIsHandledOnceAndItsRepeatsAreAcknowledged(t *testing.T) {
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

func TestWhatIsNotADeliveryIsRefusedWithoutBeingHandled(t *testing.T) {
	t.Parallel()
	h := inbox.New(newRegistry(t, sender{}), func(context.Context, bankmux.Event) error {
		t.Error("handled")
		return nil
	}, inbox.WithLimits(inbox.Limits{Body: 100}))
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"forged":                       {func(r *http.Request) { r.Header.Del("Genuine") }, http.StatusUnauthorized},
		"a GET":                        {func(r *http.Request) { r.Method = http.MethodGet }, http.StatusMethodNotAllowed},
		"a form":                       {func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, http.StatusUnsupportedMediaType},
		"of no content type":           {func(r *http.Request) { r.Header.Del("Content-Type") }, http.StatusUnsupportedMediaType},
		"compressed":                   {func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, http.StatusUnsupportedMediaType},
		"for nobody":                   {func(r *http.Request) { r.URL.Path = "/hooks/nobody" }, http.StatusNotFound},
		"without a client":             {func(r *http.Request) { r.URL.Path = "/hooks/" }, http.StatusNotFound},
		"for a client that takes none": {func(r *http.Request) { r.URL.Path = "/hooks/deaf" }, http.StatusNotFound},
		"too large, as it says":        {func(r *http.Request) { r.ContentLength = 101 }, http.StatusRequestEntityTooLarge},
		"too large, without saying": {func(r *http.Request) {
			r.ContentLength = -1
			r.Body = io.NopCloser(strings.NewReader(strings.Repeat(" ", 101)))
		}, http.StatusRequestEntityTooLarge},
		"larger than it says": {func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(strings.Repeat(" ", 5000))) }, http.StatusRequestEntityTooLarge},
		"broken off":          {func(r *http.Request) { r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), broken{})) }, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			r := delivery("k")
			c.change(r)
			w := answer(h, r)
			assert.Equal(t, c.status, w.Code)
			assert.Equal(
				t,
				http.StatusText(c.status),
				strings.TrimSpace(w.Body.String()),
				"the sender learns no reason",
			)
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestABodyOfExactlyTheLimitIsTaken(t *testing.T) {
	t.Parallel()
	for _, n := range []int{100, 4095, 4096, 4097, 20_000} {
		for _, told := range []bool{true, false} {
			h := inbox.New(newRegistry(t, sender{}), ignore, inbox.WithLimits(inbox.Limits{Body: n}))
			for _, more := range []int{0, 1} {
				body := `{"key":"k","names":["a"]}`
				body += strings.Repeat(" ", n+more-len(body))
				r := httptest.NewRequest(http.MethodPost, "/acme", strings.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Genuine", "yes")
				if !told {
					r.ContentLength = -1
				}
				want := map[int]int{0: http.StatusOK, 1: http.StatusRequestEntityTooLarge}[more]
				assert.Equal(t, want, answer(h, r).Code, "%d+%d bytes, told: %v", n, more, told)
			}
		}
	}
}

func TestWhereARetryHelpsTheProviderIsAskedForOne(t *testing.T) {
	t.Parallel()
	for kind, status := range map[bankmux.Kind]int{
		bankmux.ErrSignature: http.StatusUnauthorized, bankmux.ErrUnsupported: http.StatusNotFound,
		bankmux.ErrUnavailable: http.StatusServiceUnavailable, bankmux.ErrMalformed: http.StatusServiceUnavailable, bankmux.ErrCredentials: http.StatusServiceUnavailable,
	} {
		h := inbox.New(newRegistry(t, sender{err: &bankmux.Error{Kind: kind}}), ignore)
		assert.Equal(t, status, answer(h, delivery("k")).Code, kind)
	}
}

func TestWhatTheHandlerDidNotTakeIsNotAcknowledgedAndComesAgain(t *testing.T) {
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

func TestTheSameDeliveryTwiceAtOnceIsHandledOnceAndBothAreAnsweredAlike(t *testing.T) {
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

func TestASlowHandlerIsAnsweredForInTimeAndWhatItDoesLateCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		h := inbox.New(newRegistry(t, sender{}), func(ctx context.Context, _ bankmux.Event) error {
			calls.Add(1)
			time.Sleep(15 * time.Second) // does not look at its context
			assert.ErrorIs(t, ctx.Err(), context.DeadlineExceeded)
			return nil
		})
		began := time.Now()
		w := answer(h, delivery("k"))
		assert.Equal(t, http.StatusServiceUnavailable, w.Code)
		assert.Equal(t, "10", w.Header().Get("Retry-After"))
		assert.Equal(t, 10*time.Second, time.Since(began))
		assert.Equal(t, http.StatusOK, answer(h, delivery("k")).Code, "it comes again while the handler is still at it")
		assert.Equal(t, http.StatusOK, answer(h, delivery("k")).Code)
		assert.EqualValues(t, 1, calls.Load())
	})
}

func TestAProviderThatHangsUpDoesNotStopTheHandler(t *testing.T) {
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

func TestHandlersAreFewAndWhatWaitsIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		h := inbox.New(newRegistry(t, sender{}), func(context.Context, bankmux.Event) error {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return nil
		}, inbox.WithLimits(inbox.Limits{Handlers: 2, Waiting: 4}))
		var took, full atomic.Int32
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				switch answer(h, delivery(fmt.Sprint(i))).Code {
				case http.StatusOK:
					took.Add(1)
				case http.StatusServiceUnavailable:
					full.Add(1)
				}
			})
		}
		all.Wait()
		assert.EqualValues(t, 2, most.Load())
		assert.EqualValues(t, 6, took.Load())
		assert.EqualValues(t, 14, full.Load())
	})
}

func TestBodiesShareABoundedMemoryAndGiveItBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := inbox.New(
			newRegistry(t, sender{}),
			ignore,
			inbox.WithLimits(inbox.Limits{Memory: 64 << 10, ReadFor: time.Second}),
		)
		var statuses [40]int
		var all sync.WaitGroup
		for i := range statuses { // 4 KiB each as they begin, so sixteen of them
			all.Go(func() {
				r := delivery(fmt.Sprint(i))
				r.ContentLength = -1
				r.Body = io.NopCloser(io.MultiReader(slow{time.Second / 2}, r.Body))
				statuses[i] = answer(h, r).Code
			})
		}
		all.Wait()
		count := map[int]int{}
		for _, s := range statuses {
			count[s]++
		}
		assert.Equal(t, map[int]int{http.StatusOK: 16, http.StatusServiceUnavailable: 24}, count)
		for i := range 100 {
			require.Equal(t, http.StatusOK, answer(h, delivery(fmt.Sprint("later", i))).Code)
		}
	})
}

func TestABodyCountsForAsLongAsAHandlerIsAtWorkWithIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := inbox.New(newRegistry(t, sender{}), func(context.Context, bankmux.Event) error {
			time.Sleep(5 * time.Second)
			return nil
		}, inbox.WithLimits(inbox.Limits{Memory: 6 << 10}))
		post := func(key string, patience time.Duration) int {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			r := delivery(key).WithContext(ctx)
			r.ContentLength = -1 // 4 KiB as it begins
			return answer(h, r).Code
		}
		post("hangs up", time.Second)
		began := time.Now()
		assert.Equal(t, http.StatusServiceUnavailable, post("another", time.Minute))
		assert.Zero(t, time.Since(began), "not even read")
		time.Sleep(5 * time.Second)
		assert.Equal(t, http.StatusOK, post("another", time.Minute))
	})
}

type slow struct{ d time.Duration }

func (s slow) Read([]byte) (int, error) {
	time.Sleep(s.d)
	return 0, io.EOF
}

func TestASlowBodyIsGivenUp(t *testing.T) {
	t.Parallel()
	limits := inbox.WithLimits(inbox.Limits{ReadFor: 50 * time.Millisecond})
	t.Run("over a connection", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(inbox.New(newRegistry(t, sender{}), ignore, limits))
		defer server.Close()
		body, feed := io.Pipe()
		defer feed.Close()
		go func() { _, _ = feed.Write([]byte(`{"key":`)) }()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/acme", body)
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		res, err := transport.RoundTrip(req)
		require.NoError(t, err)
		defer res.Body.Close()
		assert.Equal(t, http.StatusRequestTimeout, res.StatusCode)
	})
	t.Run("where no deadline can be set", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			h := inbox.New(newRegistry(t, sender{}), ignore, limits)
			r := delivery("k")
			r.Body, _ = io.Pipe()
			assert.Equal(t, http.StatusRequestTimeout, answer(h, r).Code)
		})
	})
}

// A deadline that stays on the connection would end the handler's request.
func TestTheDeadlineOfTheBodyEndsWithTheBody(t *testing.T) {
	t.Parallel()
	w := &connection{ResponseRecorder: httptest.NewRecorder()}
	inbox.New(newRegistry(t, sender{}), func(context.Context, bankmux.Event) error {
		require.Len(t, w.deadlines, 2)
		assert.False(t, w.deadlines[0].IsZero())
		assert.True(t, w.deadlines[1].IsZero())
		return nil
	}).ServeHTTP(w, delivery("k"))
	assert.Equal(t, http.StatusOK, w.Code)
}

type connection struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (c *connection) SetReadDeadline(at time.Time) error {
	c.deadlines = append(c.deadlines, at)
	return nil
}

func TestWithoutItsMemoryNothingIsAcknowledgedUnhandled(t *testing.T) {
	t.Parallel()
	calls := 0
	count := func(context.Context, bankmux.Event) error { calls++; return nil }
	away := errors.New("the store is away")

	h := inbox.New(newRegistry(t, sender{}), count, inbox.WithSeen(&store{unread: away}))
	assert.Equal(t, http.StatusServiceUnavailable, answer(h, delivery("k")).Code)
	assert.Zero(t, calls, "it may have been handled before")

	h = inbox.New(newRegistry(t, sender{}), count, inbox.WithSeen(&store{unmarked: away}))
	assert.Equal(t, http.StatusOK, answer(h, delivery("k")).Code, "handled it is")
	assert.Equal(t, 1, calls)
}

func TestADeliveryIsMarkedOnlyAfterItsHandlerReturned(t *testing.T) {
	t.Parallel()
	s := &store{}
	h := inbox.New(newRegistry(t, sender{}), func(_ context.Context, e bankmux.Event) error {
		assert.NotContains(t, s.marked, "4:acme/"+e.Key)
		return nil
	}, inbox.WithSeen(s))
	assert.Equal(t, http.StatusOK, answer(h, delivery("k", "a", "b")).Code)
	assert.Equal(t, []string{"4:acme/k"}, s.marked)
	long := strings.Repeat("k", 300)
	assert.Equal(t, http.StatusOK, answer(h, delivery(long)).Code)
	require.Len(t, s.marked, 2)
	assert.Regexp(t, `^sha256:[0-9a-f]{64}$`, s.marked[1])
}

type store struct {
	unread, unmarked error
	marked           []string
}

func (s *store) Seen(context.Context, string) (bool, error) { return false, s.unread }

func (s *store) Mark(_ context.Context, key string) error {
	s.marked = append(s.marked, key)
	return s.unmarked
}

func TestMemoryIsBoundedInNumberAndTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := inbox.NewMemory(100, time.Hour)
		knows := func(key string) bool {
			seen, err := m.Seen(t.Context(), key)
			require.NoError(t, err)
			return seen
		}
		for i := range 1000 {
			require.NoError(t, m.Mark(t.Context(), fmt.Sprint(i)))
			require.NoError(t, m.Mark(t.Context(), fmt.Sprint(i)))
			require.True(t, knows(fmt.Sprint(i)))
			require.Equal(t, i < 100, knows("0"))
		}
		for i := range 1000 {
			require.Equal(t, i >= 900, knows(fmt.Sprint(i)), i)
		}
		time.Sleep(30 * time.Minute)
		require.NoError(t, m.Mark(t.Context(), "late"))
		time.Sleep(30 * time.Minute)
		assert.False(t, knows("999"))
		assert.True(t, knows("late"))
		time.Sleep(30 * time.Minute)
		assert.False(t, knows("late"))
	})
}

func TestAFloodOfForgeriesIsNotAFloodOfRecords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		h := inbox.New(newRegistry(t, sender{}), ignore, inbox.WithLogger(slog.New(slog.NewTextHandler(&logged, nil))))
		forge := func() {
			r := delivery("k")
			r.Header.Del("Genuine")
			answer(h, r)
		}
		for range 1000 {
			forge()
		}
		assert.Equal(t, 10, strings.Count(logged.String(), "\n"))
		time.Sleep(time.Second)
		forge()
		assert.Contains(t, logged.String(), "not_logged=990")
		assert.Contains(t, logged.String(), "no signature", "the reason is for the log")
	})
}

func TestNewRefusesToWorkForNobody(t *testing.T) {
	t.Parallel()
	assert.Panics(t, func() { inbox.New(nil, ignore) })
	assert.Panics(t, func() { inbox.New(newRegistry(t, sender{}), nil) })
}

func TestAFloodOfForgeriesLeavesNothingBehind(t *testing.T) {
	s := &store{}
	h := inbox.New(newRegistry(t, sender{}), ignore, inbox.WithSeen(s))
	flood := func(n int) {
		for i := range n {
			r := delivery(fmt.Sprint(i))
			r.Header.Del("Genuine")
			r.Body = io.NopCloser(io.MultiReader(r.Body, strings.NewReader(strings.Repeat(" ", 100_000))))
			r.ContentLength = -1
			require.Equal(t, http.StatusUnauthorized, answer(h, r).Code)
		}
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	flood(100)
	before := heap()
	flood(2000)
	assert.Less(t, heap()-before, int64(1<<20), "of 200 MB that came")
	assert.Empty(t, s.marked)
}
