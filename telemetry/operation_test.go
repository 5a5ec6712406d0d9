package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// TestSpan specifies what the span of an operation has.
func TestSpan(t *testing.T) {
	t.Run("calls of one operation have their own effects", func(t *testing.T) {
		o := observe(t)
		for _, effect := range []bankmux.Effect{bankmux.Read, bankmux.Local} {
			op := readAccounts
			op.Effect = effect
			require.NoError(t, o.Interceptor()(t.Context(), op, func(context.Context) error { return nil }))
		}
		spans := o.spans.GetSpans()
		require.Len(t, spans, 2)
		assert.Equal(t, string(bankmux.Read), valueOf(spans[0], "bankmux.effect"))
		assert.Equal(t, string(bankmux.Local), valueOf(spans[1], "bankmux.effect"))
	})
	t.Run("a token that a provider sends as a code is masked", aTokenAsACodeIsMasked)
	t.Run("a kind that is not listed is unknown", aKindThatIsNotListedIsUnknown)
	t.Run("the kind is that of the caller's error", theKindIsThatOfTheCallersError)
}

// echoing is a provider that sends the access token of the request as a code. If its class is
// "", it sends code.
type echoing struct{ class, code, token string }

func (e *echoing) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
		return nil, err
	}
	e.token = sent.AccessToken
	said := map[string]string{"error_type": e.class, "error_code": e.token, "request_id": "REQ1"}
	if e.class == "" {
		said["error_type"], said["error_code"] = "ITEM_ERROR", e.code
	}
	body, err := json.Marshal(said)
	return &http.Response{
		StatusCode: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(body)), ProtoMajor: 1,
	}, err
}

func aTokenAsACodeIsMasked(t *testing.T) {
	for name, c := range map[string]struct {
		sent echoing
		want string
	}{
		"of a class that is listed":     {echoing{class: "API_ERROR"}, "*"},
		"of a class that is not listed": {echoing{class: "NEW_ERROR"}, "*"},
		"and a code stays":              {echoing{code: "ITEM_LOGIN_REQUIRED"}, "ITEM_LOGIN_REQUIRED"},
		"and a new code stays":          {echoing{code: "NEW_CODE"}, "NEW_CODE"},
	} {
		t.Run(name, func(t *testing.T) {
			o, w := observe(t), &watched{}
			bank, registry, _ := application(t, o, w)
			session, err := registry.CreateSession(t.Context(), bankmux.SessionRequest{
				User: "u", Country: "NL",
				Products: []bankmux.ProductRequest{{Product: bankmux.ProductTransactions}},
			})
			require.NoError(t, err)
			linked, err := registry.ExchangeToken(t.Context(), bankmux.ExchangeRequest{
				Session: session, User: "u", Payload: bankmux.NewSecret(string(posted(t, bank, session.Launch))),
			})
			require.NoError(t, err)
			client, err := registry.For(linked.Connection)
			require.NoError(t, err)
			o.spans.Reset()
			w.hostile = &c.sent
			_, err = client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: linked.Connection})
			require.Error(t, err)
			require.NotEmpty(t, c.sent.token)
			spans := o.spans.GetSpans()
			assert.NotContains(t, everything(spans)+o.scrape(t), c.sent.token)
			require.NotEmpty(t, spans)
			last := spans[len(spans)-1]
			assert.Equal(t, c.want, valueOf(last, "bankmux.code"))
			assert.Equal(t, "REQ1", valueOf(last, "bankmux.request_id"))
		})
	}
}

func aKindThatIsNotListedIsUnknown(t *testing.T) {
	o := observe(t)
	for _, err := range []error{
		&bankmux.Error{Kind: "planted-kind"}, bankmux.Kind("planted-other"), &bankmux.Error{},
		fmt.Errorf("wrapped: %w", &bankmux.Error{Kind: "planted-third"}),
	} {
		_ = o.Interceptor()(t.Context(), readAccounts, func(context.Context) error { return err })
	}
	spans, scrape := o.spans.GetSpans(), o.scrape(t)
	require.Len(t, spans, 4)
	for _, s := range spans {
		assert.Equal(t, "unknown", valueOf(s, "error.type"))
		assert.Equal(t, "unknown", s.Status.Description)
	}
	assert.NotContains(t, everything(spans)+scrape, "planted")
	counted := metricsOf(scrape, "bankmux_operation_duration_seconds_count", `error_type="unknown"`)
	assert.Equal(t, []string{"4"}, counted)
}

// metricsOf returns the values of the series of a metric that have all labels.
func metricsOf(scrape, name string, labels ...string) (values []string) {
	line := regexp.MustCompile(`(?m)^` + name + `\{(.*)\} (\S+)$`)
next:
	for _, found := range line.FindAllStringSubmatch(scrape, -1) {
		for _, label := range labels {
			if !strings.Contains(found[1], label) {
				continue next
			}
		}
		values = append(values, found[2])
	}
	return values
}

// TestAttempts specifies that the attempts of an operation are its own.
func TestAttempts(t *testing.T) {
	t.Run("operations with a record of the application", operationsWithARecordOfTheApplication)
	t.Run("an interceptor passes its context on to another client", anInterceptorPassesItsContextOn)
	t.Run("an attempt that a budget refused is not one of the provider's", aRefusedAttemptIsNotOne)
	t.Run("a call that was sent is not a refusal", aCallThatWasSentIsNotARefusal)
	t.Run("one rate limit counts", func(t *testing.T) {
		o := observe(t)
		limited := &bankmux.Error{Kind: bankmux.ErrRateLimited}
		require.Error(t, o.Interceptor()(t.Context(), readAccounts, func(ctx context.Context) error {
			return guard.Retry(guard.RetryOptions{MaxAttempts: 1})(ctx, readAccounts,
				func(context.Context) error { return limited })
		}))
		assert.Equal(t, []string{"1"}, metricsOf(o.scrape(t), "bankmux_operation_rate_limits_total"))
	})
}

// request runs an operation of one attempt with one request, and then more in its context.
func (o *observed) request(ctx context.Context, t *testing.T, op bankmux.Op, more func(context.Context)) {
	t.Helper()
	client := &http.Client{Transport: o.Transport(&network{http.StatusOK})}
	require.NoError(t, o.Interceptor()(ctx, op, func(ctx context.Context) error {
		err := guard.Retry(guard.RetryOptions{})(ctx, op, func(ctx context.Context) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.test/", nil)
			require.NoError(t, err)
			res, err := client.Do(req)
			require.NoError(t, err)
			return res.Body.Close()
		})
		more(ctx)
		return err
	}))
}

// firstAttempts checks that each operation had one attempt, and each request was its first.
func (o *observed) firstAttempts(t *testing.T, operations int) {
	t.Helper()
	spans := o.spans.GetSpans()
	require.Len(t, spans, 2*operations)
	for _, s := range spans {
		if s.SpanKind == trace.SpanKindInternal {
			assert.Equal(t, "1", valueOf(s, "bankmux.attempts"))
		} else {
			assert.Empty(t, valueOf(s, "http.request.resend_count"))
		}
	}
	assert.Empty(t, metricsOf(o.scrape(t), "bankmux_operation_retries_total"))
}

func operationsWithARecordOfTheApplication(t *testing.T) {
	o := observe(t)
	ctx, record := guard.WithRecord(t.Context())
	for n := range 3 {
		o.request(ctx, t, readAccounts, func(context.Context) {
			assert.Len(t, record.Attempts(), n+1, "the application sees an attempt at once")
		})
	}
	o.firstAttempts(t, 3)
	assert.Len(t, record.Attempts(), 3)
}

func anInterceptorPassesItsContextOn(t *testing.T) {
	o := observe(t)
	ctx, record := guard.WithRecord(t.Context())
	other := readAccounts
	other.Client = "other"
	o.request(ctx, t, readAccounts, func(ctx context.Context) {
		o.request(ctx, t, other, func(ctx context.Context) {
			o.request(ctx, t, readAccounts, func(context.Context) {})
		})
	})
	o.firstAttempts(t, 3)
	assert.Len(t, record.Attempts(), 3)
}

// checking is an adapter whose check of credentials calls a function.
type checking func(context.Context) error

func (checking) CreateSession(context.Context, bankmux.SessionRequest) (bankmux.Session, error) {
	return bankmux.Session{}, nil
}

func (checking) ExchangeToken(context.Context, bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	return bankmux.ExchangeResult{}, nil
}

func (c checking) CheckCredentials(ctx context.Context, _ bankmux.CheckRequest) (bankmux.CheckResult, error) {
	return bankmux.CheckResult{}, c(ctx)
}

func theKindIsThatOfTheCallersError(t *testing.T) {
	for name, fails := range map[string]error{
		"an error of the application": errors.New("planted"),
		"context.Canceled":            context.Canceled,
		"a wrapped deadline":          fmt.Errorf("planted: %w", context.DeadlineExceeded),
		"a kind":                      bankmux.ErrQuota,
		"an error of the library":     &bankmux.Error{Kind: bankmux.ErrReauth},
	} {
		for _, by := range []string{"an interceptor", "the adapter"} {
			t.Run(name+" of "+by, func(t *testing.T) {
				o := observe(t)
				fail := func(context.Context) error { return fails }
				client := bankmux.NewClient("c", checking(fail))
				if by == "an interceptor" {
					client = client.With(func(ctx context.Context, _ bankmux.Op, _ func(context.Context) error) error {
						return fail(ctx)
					})
				}
				err := o.Client(client).Check(t.Context())
				require.Error(t, err)
				spans := o.spans.GetSpans()
				require.Len(t, spans, 1)
				kind := string(bankmux.KindOf(err))
				assert.Equal(t, kind, valueOf(spans[0], "error.type"))
				counted := metricsOf(o.scrape(t), "bankmux_operation_duration_seconds_count", `error_type="`+kind+`"`)
				assert.Equal(t, []string{"1"}, counted)
			})
		}
	}
}

func aRefusedAttemptIsNotOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := observe(t)
		budgets, err := guard.NewBudgets(guard.Budget{Name: "b", Limit: 1, Window: 4 * time.Second, Reserve: -1})
		require.NoError(t, err)
		web := &http.Client{Transport: o.Transport(&network{200, 200})}
		client := o.Client(bankmux.NewClient("c", checking(func(ctx context.Context) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.test/", nil)
			require.NoError(t, err)
			res, err := web.Do(req)
			require.NoError(t, err)
			return res.Body.Close()
		}), guard.New(guard.Options{Budgets: budgets}).Interceptors()...))
		started := time.Now()
		for range 2 {
			require.NoError(t, client.Check(t.Context()))
		}
		require.NotZero(t, time.Since(started), "the second call has waited for the budget")
		for _, s := range o.spans.GetSpans() {
			assert.Empty(t, valueOf(s, "http.request.resend_count"))
			if s.SpanKind == trace.SpanKindInternal {
				assert.Equal(t, "1", valueOf(s, "bankmux.attempts"))
			}
		}
		scrape := o.scrape(t)
		assert.Empty(t, metricsOf(scrape, "bankmux_operation_retries_total"))
		assert.Empty(t, metricsOf(scrape, "bankmux_operation_rate_limits_total"))
	})
}

func aCallThatWasSentIsNotARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, sent := observe(t), 0
		g := guard.New(guard.Options{Breaker: guard.BreakerOptions{Consecutive: 1, OpenFor: time.Hour}})
		client := o.Client(bankmux.NewClient("c", checking(func(context.Context) error {
			sent++
			return &bankmux.Error{Kind: bankmux.ErrUnavailable, Status: 503}
		}), g.Interceptors()...))
		require.ErrorIs(t, client.Check(t.Context()), bankmux.ErrCircuitOpen)
		assert.Equal(t, 1, sent)
		assert.Empty(t, metricsOf(o.scrape(t), "bankmux_operation_refusals_total"))
		require.ErrorIs(t, client.Check(t.Context()), bankmux.ErrCircuitOpen)
		assert.Equal(t, []string{"1"}, metricsOf(o.scrape(t), "bankmux_operation_refusals_total"))
		synctest.Wait()
	})
}
