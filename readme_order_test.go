package bankmux_test

import (
	"context"
	"database/sql"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/virtualbank"
)

// follower is an application that is made of the README's functions, in their order, for one user.
type follower struct {
	*notified
	user, country string
	begun         begun
	conn          bankmux.Connection
	client        *bankmux.Client
}

// readSteps are the functions that the README shows. Each uses only what those before it have left.
var readSteps = []struct {
	name string
	do   func(ctx context.Context, t *testing.T, r *follower)
}{
	{"begin", func(ctx context.Context, t *testing.T, r *follower) {
		var err error
		r.begun, err = r.begin(ctx, r.user, r.country)
		require.NoError(t, err)
	}},
	{"keep", nil}, // of begin
	{"finish", func(ctx context.Context, t *testing.T, r *follower) {
		var err error
		r.conn, err = r.finish(ctx, r.user, r.begun.Session, r.browser(r.begun.Launch))
		require.NoError(t, err)
		r.client, err = r.registry.For(r.conn)
		require.NoError(t, err)
	}},
	{"renew", func(ctx context.Context, t *testing.T, r *follower) {
		require.NoError(t, r.bank.Lapse(r.conn.Reference()))
		now, err := r.client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: r.conn})
		require.NoError(t, err)
		require.Equal(t, bankmux.StateReauth, now.Connection.Status.State)
		again, err := r.renew(ctx, now.Connection)
		require.NoError(t, err)
		renewed, err := r.finish(ctx, r.user, again.Session, r.browser(again.Launch))
		require.NoError(t, err)
		require.Equal(t, r.conn.ID, renewed.ID)
		r.conn = renewed
	}},
	{"save", func(_ context.Context, t *testing.T, r *follower) { require.NoError(t, r.save(r.conn)) }},
	{"load", func(_ context.Context, t *testing.T, r *follower) {
		var err error
		r.conn, err = r.load(r.conn.Ref())
		require.NoError(t, err)
		r.conns = []bankmux.Connection{r.conn}
	}},
	{"Update", nil}, // of note
	{"note", func(ctx context.Context, t *testing.T, r *follower) {
		row, err := r.conn.Seal(r.keyring)
		require.NoError(t, err)
		db := sql.OpenDB(&database{row: row, id: r.conn.ID, lock: make(chan struct{}, 1)})
		defer db.Close()
		require.NoError(t, keeper{db, r.keyring}.note(ctx, r.conn, r.conn.Status))
	}},
	{"accounts", func(ctx context.Context, t *testing.T, r *follower) { require.NoError(t, r.accounts(ctx, r.conn)) }},
	{"refresh", func(ctx context.Context, t *testing.T, r *follower) {
		if err := refresh(ctx, r.client, r.conn); err != nil {
			require.ErrorIs(t, err, bankmux.ErrRateLimited) // linking fetched a moment ago
		}
	}},
	{"transactions", func(ctx context.Context, t *testing.T, r *follower) {
		require.NoError(t, r.transactions(ctx, r.client, r.conn))
	}},
	{"start", func(ctx context.Context, t *testing.T, r *follower) {
		require.NoError(t, r.start(ctx, r.client, r.conn))
		require.NotEmpty(t, r.entries)
	}},
	{"sync", func(ctx context.Context, t *testing.T, r *follower) {
		before := len(r.entries)
		require.NoError(t, r.sync(ctx, r.client, r.conn))
		require.Len(t, r.entries, before, "nothing happened in between")
	}},
	{"position", nil}, // of sync
	{"store", nil},
	{"carry", func(ctx context.Context, t *testing.T, r *follower) {
		accounts, err := r.client.Accounts(ctx, bankmux.AccountsRequest{Connection: r.conn})
		require.NoError(t, err)
		unsure, ambiguous := r.carry(accounts.Accounts, accounts.Accounts)
		require.Empty(t, unsure)
		require.Empty(t, ambiguous)
	}},
	{"answer", func(ctx context.Context, t *testing.T, r *follower) {
		if r.conn.Provider == "dapi" {
			require.NoError(t, r.bank.RequireInput(r.conn.Reference(), "", []string{"otp"}))
		}
		got, err := answer(
			ctx,
			r.client,
			bankmux.AccountsRequest{Connection: r.conn},
			func([]bankmux.Input) []string { return []string{"123456"} },
		)
		require.NoError(t, err)
		require.NotEmpty(t, got.Accounts)
	}},
	{"hooks", func(_ context.Context, t *testing.T, r *follower) {
		if r.conn.Provider == "dapi" {
			return // Dapi's secrets are configured in the next snippet
		}
		w := httptest.NewRecorder()
		r.hooks().ServeHTTP(w, r.bank.Delivery("/hooks/moneykit", virtualbank.Webhook{
			Provider: "moneykit", Event: "transactions.updates_available", Reference: r.conn.Reference(),
		}))
		require.Equal(t, http.StatusOK, w.Code)
		require.Len(t, r.queue, 1)
	}},
	{"finished", nil}, // TestTheREADMEFinishesALinkByWebhook
	{"follow", func(ctx context.Context, t *testing.T, r *follower) {
		for _, event := range r.queue {
			require.NoError(t, r.follow(ctx, event))
		}
	}},
	{"TestYourWebhooks", nil}, // runs on its own
	{"forget", func(ctx context.Context, t *testing.T, r *follower) {
		require.NoError(t, r.forget(ctx, r.client, r.conn))
		require.NoError(t, r.forget(ctx, r.client, r.conn))
	}},
	{"respond", func(ctx context.Context, t *testing.T, r *follower) {
		require.Equal(t, "begin a new session", respond(r.accounts(ctx, r.conn)), "the connection is gone")
	}},
	{"TestYourOwnCode", nil},
}

func TestREADMEsSnippetsWorkInTheirOrder(t *testing.T) {
	t.Parallel()
	t.Run("these are the functions of the README", func(t *testing.T) {
		t.Parallel()
		readme, err := os.ReadFile("README.md")
		require.NoError(t, err)
		var shown, steps []string
		for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
			for _, f := range regexp.MustCompile(`(?m)^func (?:\([^)]*\) )?(\w+)\(`).FindAllStringSubmatch(block[1], -1) {
				shown = append(shown, f[1])
			}
		}
		for _, s := range readSteps {
			steps = append(steps, s.name)
		}
		assert.Equal(t, shown, steps)
	})
	for user, country := range map[string]string{"user-rosa": "US", "user-omar": "AE", "7": "US", "8": "AE"} {
		t.Run("for user "+user+" in "+country, func(t *testing.T) {
			t.Parallel()
			s, closeShop := openShop()
			defer closeShop()
			r := &follower{user: user, country: country, notified: &notified{shop: s, ledger: newLedger()}}
			for _, step := range readSteps {
				if step.do != nil {
					step.do(t.Context(), t, r)
				}
			}
		})
		t.Run("linking, then only the ledger, for user "+user+" in "+country, func(t *testing.T) {
			t.Parallel()
			s, closeShop := openShop()
			defer closeShop()
			r := &follower{user: user, country: country, notified: &notified{shop: s, ledger: newLedger()}}
			for _, step := range readSteps {
				if slices.Contains([]string{"begin", "finish", "start", "sync"}, step.name) {
					step.do(t.Context(), t, r)
				}
			}
		})
	}
}
