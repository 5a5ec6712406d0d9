package main

// This file tests the parts that need no database.

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

func TestUsed(t *testing.T) {
	midnight := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	at := func(minutes ...int) (all []request) {
		for _, m := range minutes {
			all = append(all, request{
				at: midnight.Add(time.Duration(m) * time.Minute), provider: "plaid", op: bankmux.OpSync,
				product: "transactions", item: "one",
			})
		}
		return all
	}
	hourly := guard.Budget{
		Name: "hourly", Provider: "plaid", Ops: []string{bankmux.OpSync}, Limit: 2, Window: time.Hour,
	}
	rolling, each, night := hourly, hourly, hourly
	rolling.Rolling, each.Per, night.Background = true, guard.PerItem, true
	other, ofUser := at(10, 20, 30), at(10, 20, 30)
	for i := range other {
		other[i].item = strings.Repeat("x", i)
		ofUser[i].user = true
	}
	for name, c := range map[string]struct {
		budget   guard.Budget
		requests []request
		most     int
		broken   bool
	}{
		"a window starts with the hour":               {hourly, at(50, 59, 61, 62), 2, false},
		"three in an hour are too many":               {hourly, at(0, 10, 59), 3, true},
		"any span of an hour counts if it is rolling": {rolling, at(50, 59, 61, 62), 4, true},
		"the order of arrival does not matter":        {hourly, at(59, 0, 61, 10), 3, true},
		"each connection has a count of its own":      {each, other, 1, false},
		"all connections together have one otherwise": {hourly, other, 3, true},
	} {
		t.Run(name, func(t *testing.T) {
			uses := used([]guard.Budget{c.budget}, c.requests)
			require.Len(t, uses, 1)
			assert.Equal(t, c.most, uses[0].Most)
			assert.Equal(t, len(c.requests), uses[0].Counted)
			assert.Equal(t, c.broken, uses[0].broken())
		})
	}
	t.Run("a call of a user does not count for the background", func(t *testing.T) {
		assert.Empty(t, used([]guard.Budget{night}, ofUser))
	})
	t.Run("another provider does not count", func(t *testing.T) {
		requests := at(1)
		requests[0].provider = "dapi"
		assert.Empty(t, used([]guard.Budget{hourly}, requests))
	})
}

func TestClock(t *testing.T) {
	start := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	c := clock{Start: start, Night: time.Date(2026, 11, 16, 12, 0, 0, 0, time.UTC), Minute: 30 * time.Millisecond}
	t.Run("a minute takes 30 ms", func(t *testing.T) {
		assert.Equal(t, c.Night.Add(time.Minute), c.at(start.Add(30*time.Millisecond)))
		assert.Equal(t, start.Add(30*time.Millisecond), c.machine(c.Night.Add(time.Minute)))
		assert.Equal(t, 1800*time.Millisecond, c.wait(time.Hour))
	})
	t.Run("the first midnight is twelve hours after the start", func(t *testing.T) {
		assert.Equal(t, c.Night.Add(12*time.Hour), c.midnight(1))
	})
	t.Run("a budget's window starts with that of the nights", func(t *testing.T) {
		for _, b := range []guard.Budget{
			{Limit: 1, Window: time.Minute}, {Limit: 1, Window: time.Hour}, {Limit: 1, Window: 24 * time.Hour},
		} {
			scaled := c.scaled([]guard.Budget{b})[0]
			assert.Equal(t, c.wait(b.Window), scaled.Window)
			first := c.machine(c.midnight(1))
			assert.Zero(t, (first.UnixMilli()-scaled.Offset.Milliseconds())%scaled.Window.Milliseconds(), b.Window)
		}
	})
}

func TestTraffic(t *testing.T) {
	watched := func(t *testing.T, tokens ...string) *traffic {
		t.Helper()
		tr := &traffic{clock: clock{Minute: time.Second}, running: map[string]int{}}
		inside, release := make(chan bool), make(chan bool)
		api := tr.watch("dapi", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			inside <- true
			<-release
		}), false)
		done := make(chan bool)
		for _, token := range tokens {
			go func() {
				r := httptest.NewRequest(http.MethodPost, "/v2/data/accounts/get", strings.NewReader("{}"))
				r.Header.Set("Authorization", "Bearer "+token)
				api.ServeHTTP(httptest.NewRecorder(), r)
				done <- true
			}()
			<-inside
		}
		close(release)
		for range tokens {
			<-done
		}
		return tr
	}
	t.Run("two calls on one token overlap", func(t *testing.T) {
		assert.Equal(t, 1, watched(t, "a", "a").overlaps)
	})
	t.Run("two calls on two tokens do not", func(t *testing.T) {
		assert.Zero(t, watched(t, "a", "b").overlaps)
	})
	t.Run("no token is kept", func(t *testing.T) {
		for _, r := range watched(t, "the-secret").requests {
			assert.NotContains(t, r.item, "the-secret")
			assert.Equal(t, bankmux.OpAccounts, r.op)
		}
	})
}

func TestRun(t *testing.T) {
	good := options{connections: 3, workers: 1, jobs: 1, minute: time.Millisecond, nights: quiet, schema: "nightly"}
	for name, c := range map[string]struct {
		change   func(*options)
		database string
		want     string
	}{
		"without a database it says what to set": {nil, "", "DATABASE_URL is not set. It is the URL of a PostgreSQL"},
		"a file is not a database":               {nil, "bank.db", "DATABASE_URL is not a URL such as postgres://"},
		"an unknown night is refused": {
			func(o *options) { o.nights = "quiet,noisy" }, "",
			`there is no night "noisy"; the nights are quiet, outage, people`,
		},
		"a schema that needs quotes is refused": {
			func(o *options) { o.schema = `public"; --` }, "", "-schema is not a name of small letters",
		},
		"a minute must divide a minute": {
			func(o *options) { o.minute = 7 * time.Millisecond }, "", "-minute is not a whole number of milliseconds",
		},
		"there is a worker": {func(o *options) { o.workers = 0 }, "", "-workers is not in 1 to 16"},
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			if c.change != nil {
				c.change(&o)
			}
			assert.ErrorContains(t, run(t.Context(), o, c.database, new(bytes.Buffer)), c.want)
		})
	}
}

func TestProgress(t *testing.T) {
	t.Run("a terminal has a bar that is drawn over", func(t *testing.T) {
		var out bytes.Buffer
		p := &progress{out: &out, terminal: true}
		p.show("night 1", 500, 1000)
		p.clear()
		assert.Equal(t, "\r\x1b[K"+strings.Repeat("█", 20)+strings.Repeat("░", 20)+" 500 of 1000  night 1\r\x1b[K",
			out.String())
	})
	t.Run("a file has four lines", func(t *testing.T) {
		var out bytes.Buffer
		p := &progress{out: &out}
		for i := range 1001 {
			p.show("night 1", i, 1000)
		}
		assert.Equal(t, "night 1: 250 of 1000\nnight 1: 500 of 1000\nnight 1: 750 of 1000\nnight 1: 1000 of 1000\n",
			out.String())
	})
}
