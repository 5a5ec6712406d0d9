package main

// This file runs the program, with workers that are processes of their own.

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain is also the start of a worker.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == workerArg {
		main()
		return
	}
	os.Exit(m.Run())
}

// small are two nights of a minute in 20 ms, so they take about a minute. In faster ones, a busy
// machine cannot do in a night what the night has to do.
func small(t testing.TB) options {
	t.Helper()
	require.NotEmpty(t, os.Getenv("BANKMUX_POSTGRES"), "set BANKMUX_POSTGRES to the URL of a server")
	schema := "t_" + strings.ToLower(rand.Text())
	t.Cleanup(func() {
		db, err := sql.Open("pgx", os.Getenv("BANKMUX_POSTGRES"))
		require.NoError(t, err)
		_, err = db.ExecContext(context.Background(), "DROP SCHEMA IF EXISTS "+schema+" CASCADE")
		require.NoError(t, err)
		require.NoError(t, db.Close())
	})
	return options{
		connections: 30, workers: 2, jobs: 4, minute: 20 * time.Millisecond,
		nights: outage + "," + people, schema: schema,
	}
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

func TestNights(t *testing.T) {
	o := small(t)
	var out bytes.Buffer
	kinds, err := parseNights(o.nights)
	require.NoError(t, err)
	n, err := newNights(t.Context(), o, os.Getenv("BANKMUX_POSTGRES"), len(kinds), &out)
	require.NoError(t, err)
	defer func() { require.NoError(t, n.stop()) }()
	require.NoError(t, n.link(t.Context(), o.connections))
	require.NoError(t, n.start(t.Context(), o.workers))
	require.NoError(t, n.play(t.Context(), kinds))
	require.NoError(t, n.endWorkers())

	var report bytes.Buffer
	require.NoError(t, n.report(t.Context(), &report), report.String())
	t.Run("no promise is broken", func(t *testing.T) {
		assert.Regexp(t, `Every promise was kept\.|No promise was broken`, report.String()) // on a slow machine
		assert.Contains(t, report.String(), "overlapped on a token of Dapi: 0 of ")
		assert.NotContains(t, report.String(), "exceeded")
	})
	t.Run("each connection has had its runs", func(t *testing.T) {
		// One user of Plaid has withdrawn the permission, and some may still wait for a retry.
		assert.GreaterOrEqual(t, number(t, report.String(), `differ from their bank: 0 of (\d+)`), 20)
	})
	t.Run("the bank counted the requests of every budget that applies", func(t *testing.T) {
		for _, budget := range []string{"plaid Sync per item", "plaid Accounts", "psd2 plaid", "moneykit, agreed"} {
			assert.Positive(t, number(t, report.String(), `(?m)^ *`+budget+` +\d+ +\S+ +(\d+) `), budget)
		}
	})
	t.Run("users and webhooks were part of it", func(t *testing.T) {
		for _, what := range []string{
			`deliveries that were accepted: (\d+)`, `answered in another process: (\d+)`, `renewed: (\d+)`,
			`refused before they were sent: (\d+)`,
		} {
			assert.Positive(t, number(t, report.String(), what), what)
		}
	})
	t.Run("progress is lines, as the output is not a terminal", func(t *testing.T) {
		assert.Contains(t, out.String(), "linking 30 banks: 30 of 30\n")
		assert.NotContains(t, out.String(), "\x1b")
		assert.Regexp(t, `night 1, outage, done by 8:00: \d+ of 30\n`, out.String())
	})
	breaks(t, n)
}

// breaks breaks one promise after another, and expects that the report says so.
func breaks(t *testing.T, n *nights) {
	report := func(t *testing.T) string {
		t.Helper()
		err := n.report(t.Context(), new(bytes.Buffer))
		require.Error(t, err)
		return err.Error()
	}
	t.Run("calls that overlap break a promise", func(t *testing.T) {
		n.traffic.overlaps = 1
		assert.Equal(t, "promises were broken: calls on a token of Dapi overlapped", report(t))
		n.traffic.overlaps = 0
	})
	t.Run("a budget that is exceeded breaks a promise", func(t *testing.T) {
		extra := request{at: n.clock.now(), provider: "moneykit", op: "Sync", product: "transactions", item: "one"}
		before := n.traffic.requests
		for range agreed(n.of("moneykit")).Limit + 1 {
			n.traffic.requests = append(n.traffic.requests, extra)
		}
		n.clock.Night = n.clock.Night.Add(time.Second)
		assert.Equal(t, `promises were broken: the budget "moneykit, agreed" was exceeded`, report(t))
		n.traffic.requests = before
	})
	t.Run("a row that is not in the ledger breaks a promise", func(t *testing.T) {
		_, err := n.member.db.ExecContext(t.Context(), "DELETE FROM bankmux_transactions WHERE id ="+
			" (SELECT min(id) FROM bankmux_transactions WHERE user_id = 'user-00000')")
		require.NoError(t, err)
		assert.Contains(t, report(t), "ledgers differ, such as those of moneykit ")
	})
}

// number returns the number that a pattern finds in a text.
func number(t *testing.T, text, pattern string) int {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	require.NotNil(t, m, "%s in\n%s", pattern, text)
	n, err := strconv.Atoi(m[1])
	require.NoError(t, err)
	return n
}
