package ledgertest_test

// This file plants mistakes in a ledger, which the checks must find.

import (
	"context"
	"iter"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/ledgertest"
)

// wrong is a ledger with one mistake.
type wrong struct {
	*bankmux.MemoryLedger
	mu      sync.Mutex
	mistake string
	reading sync.Mutex // held while rows are read
	arrived atomic.Int32
}

// mistakes has the subtest that finds each mistake.
var mistakes = map[string]string{
	"the version is not compared":            "a state is stored only on the version it was made from",
	"a cursor is compared, not a version":    "a state is stored only on the version it was made from",
	"an overtaken page is an error":          "a state is stored only on the version it was made from",
	"compare and store are two transactions": "of many syncs at once one stores its page",
	"the challenge is lost":                  "a state is read as it was stored",
	"times are cut to seconds":               "a state is read as it was stored",
	"the state is stored without the rows":   "a page and its state are stored together or not at all",
	"a removed row stays":                    "the changes of a page arrive",
	"a replaced row stays as it was":         "the changes of a page arrive",
	"a missing row is not counted":           "the changes of a page arrive",
	"aliases are lost":                       "a row is read as it was stored",
	"the last day is left out":               "Known has the rows of one account between two days",
	"rows of other accounts are read":        "Known has the rows of one account between two days",
	"a reader keeps its lock":                "Known can be left early, and ledger and reader do not block each other",
	"names change":                           "accounts have names of their own that stay",
	"earlier names are forgotten":            "accounts have names of their own that stay",
	"a new link has new names":               "an account keeps its name over a new link, and its rows",
	"a card is the account of its number":    "a card has another name than an account of its number",
	"names are of the bank, not of the user": "a user does not get the names of another user",
	"a done context is ignored":              "a done context ends each method with its error",
	"a deleted connection comes back":        "a deleted connection is gone, also for a sync that still runs",
}

const plantedIn = "LEDGERTEST_MISTAKE"

func TestRunFindsMistakes(t *testing.T) {
	t.Parallel()
	if os.Getenv(plantedIn) != "" {
		return
	}
	run := func(planted, subtest, timeout string) (string, error) {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMistake$/"+subtest, "-test.count=1",
			"-test.v", "-test.timeout="+timeout)
		cmd.Env = append(os.Environ(), plantedIn+"="+planted)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	right, err := run("none", "", "5m")
	require.NoError(t, err, right)
	for mistake, name := range mistakes {
		t.Run(mistake, func(t *testing.T) {
			t.Parallel()
			subtest := strings.ReplaceAll(name, " ", "_")
			assert.Contains(t, right, "--- PASS: TestMistake/"+subtest+" ", "it passes without the mistake")
			out, err := run(mistake, "^"+regexp.QuoteMeta(subtest)+"$", "2s") // a lock that is kept ends here
			require.Error(t, err, "the mistake was not found:\n%s", out)
			assert.Regexp(t, "--- FAIL: TestMistake|test timed out", out)
		})
	}
}

func TestMistake(t *testing.T) {
	t.Parallel()
	planted := os.Getenv(plantedIn)
	if planted == "" {
		return // only in the process of a mistake
	}
	ledgertest.Run(t, func(*testing.T) ledgertest.Fixture {
		l := &wrong{MemoryLedger: bankmux.NewMemoryLedger(), mistake: planted}
		return ledgertest.Fixture{Ledger: l, Delete: func(_ context.Context, conn bankmux.Connection) error {
			l.Delete(conn)
			return nil
		}}
	})
}

func (l *wrong) StoreDelta(
	ctx context.Context, conn bankmux.Connection, from bankmux.SyncState, delta bankmux.Delta, to bankmux.SyncState,
) (bool, error) {
	stored, _ := l.SyncState(ctx, conn)
	switch l.mistake {
	case "the version is not compared":
		from = stored
	case "a cursor is compared, not a version":
		if stored.Cursor == from.Cursor {
			from = stored
		}
	case "an overtaken page is an error":
		if stored.Version != from.Version {
			return false, bankmux.ErrInvalid
		}
	case "compare and store are two transactions":
		if stored.Version != from.Version {
			return false, nil
		}
		for l.arrived.Add(1); l.arrived.Load() < 2; { // until another one has compared too
			runtime.Gosched()
		}
		from, _ = l.SyncState(ctx, conn)
		_, err := l.MemoryLedger.StoreDelta(ctx, conn, from, delta, to)
		return true, err
	case "the state is stored without the rows":
		if ctx.Err() != nil {
			_, _ = l.MemoryLedger.StoreSyncState(context.WithoutCancel(ctx), conn, from, to)
		}
	case "a removed row stays":
		delta.Removed = nil
	case "a replaced row stays as it was":
		delta.Replaced = nil
	case "a missing row is not counted":
		delta.Missing = nil
	case "aliases are lost":
		for i := range delta.Added {
			delta.Added[i].Known.Aliases = nil
		}
	case "a done context is ignored":
		ctx = context.WithoutCancel(ctx)
	case "a deleted connection comes back":
		ok, err := l.MemoryLedger.StoreDelta(ctx, conn, from, delta, to)
		if err != nil {
			return ok, nil
		}
		return ok, err
	}
	l.reading.Lock()
	defer l.reading.Unlock()
	return l.MemoryLedger.StoreDelta(ctx, conn, from, delta, to)
}

func (l *wrong) StoreSyncState(
	ctx context.Context, conn bankmux.Connection, from, to bankmux.SyncState,
) (bool, error) {
	switch l.mistake {
	case "the challenge is lost":
		to.Challenge = nil
	case "times are cut to seconds":
		to.NotBefore = to.NotBefore.Truncate(1e9)
	}
	return l.StoreDelta(ctx, conn, from, bankmux.Delta{}, to)
}

func (l *wrong) NameAccounts(
	ctx context.Context, conn bankmux.Connection, accounts []bankmux.Account,
) (map[string]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	names, err := l.MemoryLedger.NameAccounts(ctx, conn, accounts)
	switch l.mistake {
	case "names change":
		for id := range names {
			names[id] += string(rune('a' + len(accounts)))
		}
	case "earlier names are forgotten":
		if len(accounts) == 0 {
			return nil, err
		}
	case "a new link has new names":
		for id := range names {
			names[id] = conn.ID + id
		}
	case "a card is the account of its number":
		for _, a := range accounts {
			for id, name := range names {
				if a.IsCard() && id != a.ID {
					names[a.ID] = name
				}
			}
		}
	case "names are of the bank, not of the user":
		for id := range names {
			names[id] = id
		}
	}
	return names, err
}

func (l *wrong) Known(
	ctx context.Context, account string, from, to bankmux.Date,
) iter.Seq2[bankmux.Known, error] {
	switch l.mistake {
	case "the last day is left out":
		to = to.AddDays(-1)
	case "rows of other accounts are read":
		if account == "unknown account" {
			account = "account 1"
		}
	case "a reader keeps its lock":
		return func(yield func(bankmux.Known, error) bool) {
			l.reading.Lock()
			for k, err := range l.MemoryLedger.Known(ctx, account, from, to) {
				if !yield(k, err) {
					return
				}
			}
			l.reading.Unlock()
		}
	}
	return l.MemoryLedger.Known(ctx, account, from, to)
}
