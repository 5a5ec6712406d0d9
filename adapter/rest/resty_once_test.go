package rest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// again is a way of middleware to send a request again.
type again struct {
	set     func(x *againCall, c *resty.Client)
	retries int // of the client, which is set after New
}

// againCall is one call with middleware that sends its request again.
type againCall struct {
	once atomic.Bool     // middleware has sent it
	done chan struct{}   // Do has returned
	all  sync.WaitGroup  // what runs after Do
	kept *resty.Client   // as a caller keeps it
	sent []error         // of the requests that middleware has sent
	then context.Context // of a request that is sent again
}

// first reports whether middleware has not sent the request yet. Otherwise it would not end.
func (x *againCall) first() bool { return !x.once.Swap(true) }

// note keeps what middleware gets for a request that it sends again.
func (x *againCall) note(err error) error {
	x.sent = append(x.sent, err)
	return err
}

// after returns a setting that sends the request again once there is a response.
func after(send func(x *againCall, r *resty.Response) error) func(*againCall, *resty.Client) {
	return func(x *againCall, c *resty.Client) {
		c.OnAfterResponse(func(_ *resty.Client, r *resty.Response) error {
			if x.first() {
				return send(x, r)
			}
			return nil
		})
	}
}

// renewed sends a request again, with a change.
func renewed(x *againCall, r *resty.Request) error {
	_, err := r.Send()
	return x.note(err)
}

var waysToSendAgain = map[string]again{
	"after the response, and its error is ignored": {set: after(func(x *againCall, r *resty.Response) error {
		_ = renewed(x, r.Request)
		return nil
	})},
	"after the response": {set: after(func(x *againCall, r *resty.Response) error {
		return renewed(x, r.Request)
	})},
	"after the response, with a new token": {set: after(func(x *againCall, r *resty.Response) error {
		return renewed(x, r.Request.SetAuthToken("renewed"))
	})},
	"after the response, which it replaces": {set: after(func(x *againCall, r *resty.Response) error {
		second, err := r.Request.Send()
		*r = *second
		return x.note(err)
	})},
	"after the response, as a copy": {set: after(func(x *againCall, r *resty.Response) error {
		second := *r.Request
		return renewed(x, &second)
	})},
	"after the response, as a copy with another context": {set: after(func(x *againCall, r *resty.Response) error {
		second := *r.Request
		return renewed(x, second.SetContext(x.then))
	})},
	"after the response, by the HTTP client": {set: after(func(x *againCall, r *resty.Response) error {
		_, err := x.kept.GetClient().Do(r.Request.RawRequest)
		return x.note(err)
	})},
	"after Do": {set: after(func(x *againCall, r *resty.Response) error {
		x.all.Go(func() {
			<-x.done
			_ = renewed(x, r.Request)
		})
		return nil
	})},
	"after Do, with another context": {set: after(func(x *againCall, r *resty.Response) error {
		x.all.Go(func() {
			<-x.done
			_ = renewed(x, r.Request.SetContext(x.then))
		})
		return nil
	})},
	"after an error": {set: func(x *againCall, c *resty.Client) {
		c.OnError(func(r *resty.Request, _ error) {
			if x.first() {
				_ = renewed(x, r)
			}
		})
	}},
	"by retries that middleware hides": {retries: 3, set: func(_ *againCall, c *resty.Client) {
		c.OnBeforeRequest(func(c *resty.Client, r *resty.Request) error {
			c.SetRetryCount(0) // Execute has read it
			r.AddRetryCondition(func(*resty.Response, error) bool { return true })
			return nil
		})
	}},
}

// TestRestyOnce specifies that middleware cannot send the request of a call again, and that the
// caller has the first response or its error.
func TestRestyOnce(t *testing.T) {
	t.Parallel()
	for way, a := range waysToSendAgain {
		for what, req := range map[string]rest.Request{
			"a body": payment, "DELETE": {Method: http.MethodDelete, Path: "/x"}, "GET": {Method: http.MethodGet, Path: "/x"},
		} {
			for _, http2 := range []bool{false, true} {
				for _, aborts := range []bool{false, true} {
					name := way + "/" + what +
						map[bool]string{false: "/HTTP 1", true: "/HTTP 2"}[http2] +
						map[bool]string{false: "/a response", true: "/none"}[aborts]
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						isSentOnce(t, a, req, http2, aborts)
					})
				}
			}
		}
	}
	t.Run("retries that are set after New are refused", retriesAfterNewAreRefused)
	t.Run("a call that was refused is not sent later", aRefusedCallIsNotSentLater)
	t.Run("a request that middleware sends early is the one of the call", anEarlyRequestIsTheCalls)
	t.Run("a second try that is refused does not hide why the first failed", aRefusedTryHidesNothing)
	t.Run("a request that a hook leads to another transport has an unknown outcome", elsewhereIsUnknown)
}

// protocol returns a server of HTTP/1.1, or of HTTP/2 with TLS, and a client for it.
func protocol(t *testing.T, http2 bool, h http.HandlerFunc) (base string, client *http.Client) {
	t.Helper()
	if http2 {
		return http2Server(t, true, h)
	}
	return serve(t, h).URL, nil
}

func isSentOnce(t *testing.T, a again, req rest.Request, http2, aborts bool) {
	t.Helper()
	var arrived atomic.Int32
	base, client := protocol(t, http2, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived.Add(1)
		if aborts {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, restyBody)
	})
	x := &againCall{done: make(chan struct{}), then: t.Context()}
	c := rest.New(rest.Config{BaseURL: base, HTTPClient: client, Resty: func(c *resty.Client) {
		x.kept = c
		a.set(x, c)
	}})
	require.Nil(t, c.Fault())
	x.kept.RetryCount = a.retries
	res, err := c.Do(t.Context(), req)
	close(x.done)
	x.all.Wait()
	assert.EqualValues(t, 1, arrived.Load())
	for _, err := range x.sent {
		require.ErrorContains(t, err, "a request is sent once, and only package guard repeats calls")
	}
	if aborts {
		require.ErrorIs(t, err, bankmux.ErrUnavailable)
		assert.Equal(t, "the connection broke before a response arrived", bankmux.ErrorOf(err).Detail)
		assert.False(t, bankmux.ErrorOf(err).NotSent)
		assert.False(t, bankmux.OutcomeKnown(err))
		return
	}
	require.NoError(t, err)
	assert.Equal(t, http.StatusUnauthorized, res.Status)
	assert.JSONEq(t, restyBody, string(res.Body))
}

// overBoth runs a test over HTTP/1.1 and over HTTP/2, with a count of what arrives.
func overBoth(t *testing.T, test func(t *testing.T, base string, client *http.Client, arrived *atomic.Int32)) {
	t.Helper()
	for name, http2 := range map[string]bool{"HTTP 1": false, "HTTP 2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var arrived atomic.Int32
			base, client := protocol(t, http2, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				arrived.Add(1)
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, restyBody)
			})
			test(t, base, client, &arrived)
		})
	}
}

func retriesAfterNewAreRefused(t *testing.T) {
	t.Parallel()
	retry := func(c *resty.Client) { c.SetRetryCount(3) }
	for name, x := range map[string]struct {
		set, later func(*resty.Client) // before New returns, and after
		first      int32               // what arrives of the first call
	}{
		"by the caller": {func(*resty.Client) {}, retry, 0},
		"by middleware": {before(func(c *resty.Client, _ *resty.Request) { retry(c) }), func(*resty.Client) {}, 0},
		"by the hook": {func(c *resty.Client) {
			c.SetPreRequestHook(func(c *resty.Client, _ *http.Request) error { retry(c); return nil })
		}, func(*resty.Client) {}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overBoth(t, func(t *testing.T, base string, client *http.Client, arrived *atomic.Int32) {
				t.Helper()
				var kept *resty.Client
				c := rest.New(rest.Config{BaseURL: base, HTTPClient: client, Resty: func(c *resty.Client) {
					kept = c
					x.set(c)
				}})
				x.later(kept)
				_, err := c.Do(t.Context(), payment)
				assert.Equal(t, x.first == 0, errors.Is(err, bankmux.ErrInvalid))
				_, err = c.Do(t.Context(), payment)
				require.ErrorIs(t, err, bankmux.ErrInvalid)
				assert.Contains(t, err.Error(), refusedRetries)
				assert.True(t, bankmux.ErrorOf(err).NotSent)
				assert.Equal(t, x.first, arrived.Load())
			})
		})
	}
}

// aRefusedCallIsNotSentLater specifies that NotSent stays true, even if middleware repairs what
// the call was refused for.
func aRefusedCallIsNotSentLater(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, base string, client *http.Client, arrived *atomic.Int32) {
		t.Helper()
		var held *resty.Request
		c := rest.New(rest.Config{BaseURL: base, HTTPClient: client, Resty: func(c *resty.Client) {
			c.OnBeforeRequest(func(_ *resty.Client, r *resty.Request) error {
				if held == nil {
					held = r.SetContext(context.WithoutCancel(t.Context()))
				}
				return nil
			})
		}})
		_, err := c.Do(t.Context(), payment)
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		require.True(t, bankmux.ErrorOf(err).NotSent)
		_, err = held.Send()
		require.ErrorContains(t, err, "a request is sent once")
		assert.Zero(t, arrived.Load())
	})
}

func anEarlyRequestIsTheCalls(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, base string, client *http.Client, arrived *atomic.Int32) {
		t.Helper()
		signed := 0
		c := rest.New(rest.Config{
			BaseURL: base, HTTPClient: client,
			Sign: func(*http.Request, []byte) error { signed++; return nil },
			Resty: func(c *resty.Client) {
				c.SetPreRequestHook(func(c *resty.Client, r *http.Request) error {
					res, err := c.GetClient().Do(r)
					if assert.NoError(t, err) {
						assert.NoError(t, res.Body.Close())
					}
					return err
				})
			},
		})
		res, err := c.Do(t.Context(), payment)
		require.NoError(t, err)
		assert.JSONEq(t, restyBody, string(res.Body))
		assert.EqualValues(t, 1, arrived.Load())
		assert.Equal(t, 1, signed)
	})
}

// elsewhereIsUnknown specifies that a call is not taken as unsent when a hook replaces the
// transport, which middleware cannot.
func elsewhereIsUnknown(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, base string, client *http.Client, arrived *atomic.Int32) {
		t.Helper()
		given := http.DefaultTransport
		if client != nil {
			given = client.Transport
		}
		c := rest.New(rest.Config{BaseURL: base, HTTPClient: client, Resty: func(c *resty.Client) {
			c.SetPreRequestHook(func(c *resty.Client, _ *http.Request) error { c.SetTransport(given); return nil })
		}})
		_, err := c.Do(t.Context(), payment)
		require.ErrorIs(t, err, bankmux.ErrUnavailable)
		assert.Contains(t, err.Error(), "the request was sent by another transport that middleware of Config.Resty set")
		assert.False(t, bankmux.OutcomeKnown(err))
		assert.EqualValues(t, 1, arrived.Load())
	})
}

// late is a transport whose responses do not come in time.
type late struct{}

func (late) RoundTrip(*http.Request) (*http.Response, error) { return nil, os.ErrDeadlineExceeded }

func aRefusedTryHidesNothing(t *testing.T) {
	t.Parallel()
	hidden := waysToSendAgain["by retries that middleware hides"]
	var kept *resty.Client
	c := rest.New(rest.Config{
		BaseURL: "https://api.example.com", HTTPClient: &http.Client{Transport: late{}},
		Resty: func(c *resty.Client) {
			kept = c
			hidden.set(nil, c)
		},
	})
	kept.RetryCount = hidden.retries
	_, err := c.Do(t.Context(), payment)
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
	assert.Equal(t, "no response came in time", bankmux.ErrorOf(err).Detail)
}
