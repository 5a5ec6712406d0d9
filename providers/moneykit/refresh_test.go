package moneykit_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestRefresh specifies how products are refreshed.
func TestRefresh(t *testing.T) {
	t.Parallel()
	t.Run("a refresh that fails at the bank names the product", aRefreshThatFailsAtTheBankNamesTheProduct)
	t.Run("a product that cannot be refreshed is not awaited", aProductThatCannotBeRefreshedIsNotAwaited)
	t.Run("a refresh of an unavailable product is not awaited", aRefreshOfAnUnavailableProductIsNotAwaited)
	t.Run(
		"refreshes at a bank that is down do not start and others do",
		refreshesAtABankThatIsDownDoNotStartAndOthersDo,
	)
	t.Run("the endpoint decides what a rate limit concerns", theEndpointDecidesWhatARateLimitConcerns)
}

func aRefreshThatFailsAtTheBankNamesTheProduct(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	require.NoError(t, s.bank.Outage("credentials_bank", true))
	require.NoError(t, s.bank.Outage("northwind", true))
	started, err := s.client.Refresh(
		t.Context(),
		bankmux.RefreshRequest{Connection: conn, Products: []bankmux.Product{bankmux.ProductTransactions}},
	)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = s.client.AwaitRefresh(ctx, started)
	require.ErrorIs(t, err, bankmux.ErrContextDone, "it continues at the provider")
	s.bank.Advance(time.Minute)
	_, err = s.client.AwaitRefresh(t.Context(), started)
	partial, ok := errors.AsType[*bankmux.PartialError](err)
	require.True(t, ok, err)
	assert.Equal(t, bankmux.ProductTransactions, partial.Failed[0].Product)
	require.ErrorIs(t, err, bankmux.ErrInstitution)
	_, err = s.client.Refresh(
		t.Context(),
		bankmux.RefreshRequest{Connection: conn, Products: []bankmux.Product{bankmux.ProductCards}},
	)
	require.ErrorIs(t, err, bankmux.ErrUnsupported)
}

func aProductThatCannotBeRefreshedIsNotAwaited(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/links/"+conn.Reference() && r.URL.Path != "/links/"+conn.Reference()+"/products" {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(
			w,
			`{"link_id":"`+conn.Reference()+
				`","institution_id":"northwind","institution_name":"Northwind","state":"connected","products":{
			"transactions":{"refreshed_at":"2026-11-20T14:03:27+00:00",`+
				`"last_attempted_at":"2026-11-20T14:03:27+00:00",`+
				`"unavailable":"the institution does not serve it any more"}}}`,
		)
		return true
	})
	started, err := client.Refresh(
		t.Context(),
		bankmux.RefreshRequest{Connection: conn, Products: []bankmux.Product{bankmux.ProductTransactions}},
	)
	require.NoError(t, err)
	res, err := client.AwaitRefresh(t.Context(), started)
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
	assert.True(t, res.Products[0].Unavailable)
	assert.Empty(t, res.Products[0].UnavailableReason, "a sentence is not kept")
	assert.NotContains(t, err.Error(), "does not serve it any more", "a text of the provider's")
}

func aRefreshOfAnUnavailableProductIsNotAwaited(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	ctx := t.Context()
	conn := s.connect(request)
	require.NoError(t, s.bank.Refresh(conn.Reference()))
	require.NoError(
		t,
		s.bank.SetUnavailable(conn.Reference(), "transactions", "The institution moves to another provider."),
	)
	status, err := s.client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn})
	require.NoError(t, err)
	for _, p := range status.Products {
		assert.Equal(t, p.Product == bankmux.ProductTransactions, p.Unavailable, p.Product)
	}
	started, err := s.client.Refresh(
		ctx,
		bankmux.RefreshRequest{Connection: conn, Products: []bankmux.Product{bankmux.ProductTransactions}},
	)
	require.NoError(t, err)
	s.bank.Advance(time.Minute)
	_, err = s.client.AwaitRefresh(ctx, started)
	require.ErrorIs(t, err, bankmux.ErrUnavailable, "at once, not when the context ends")
	n := 0
	for _, err := range s.client.Transactions(ctx, bankmux.TransactionsRequest{Connection: conn}) {
		require.NoError(t, err)
		n++
	}
	assert.Positive(t, n, "fetched data can be read")
}

func refreshesAtABankThatIsDownDoNotStartAndOthersDo(t *testing.T) {
	t.Parallel()
	g := guard.New(guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}})
	// without a token that expires in between
	s := start(t, virtualbank.Options{}, func(cfg *moneykit.Config) { cfg.Guard, cfg.Auth = g, moneykit.AuthHeaders })
	at := func(bank string) bankmux.Connection {
		session, err := s.client.CreateSession(t.Context(), request)
		require.NoError(t, err)
		payload, err := s.bank.LinkMoneyKit(
			virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal(), InstitutionID: bank},
		)
		require.NoError(t, err)
		conn, err := single.Connection(
			s.client.ExchangeToken(
				t.Context(),
				bankmux.ExchangeRequest{Session: session, User: request.User, Payload: bankmux.NewSecret(payload)},
			),
		)
		require.NoError(t, err)
		return conn
	}
	const down, up = "northwind", "harbor_trust"
	broken, well := at(down), at(up)
	require.NoError(t, s.bank.Outage(down, true))
	refresh := func(conn bankmux.Connection) error {
		started, err := s.client.Refresh(
			t.Context(),
			bankmux.RefreshRequest{Connection: conn, Products: []bankmux.Product{bankmux.ProductAccounts}},
		)
		if err != nil {
			return err
		}
		s.bank.Advance(time.Minute)
		_, err = s.client.AwaitRefresh(t.Context(), started)
		return err
	}
	sent := func() int { return len(s.sent("POST /links/" + broken.Reference() + "/products")) }
	for i := range 8 {
		s.bank.Advance(65 * time.Minute) // one per hour is allowed
		err := refresh(broken)
		require.ErrorIs(t, err, bankmux.ErrInstitution)
		assert.Equal(t, i >= 5, errors.Is(err, bankmux.ErrCircuitOpen), "the refresh of number %d", i)
		require.NoError(t, refresh(well))
	}
	assert.Equal(t, 5, sent())
	for _, b := range g.Breakers() {
		if b.Institution == "" {
			assert.Equal(t, "closed", b.State)
		} else {
			assert.Equal(t, down, b.Institution)
			assert.Equal(t, "open", b.State)
		}
	}
}

func theEndpointDecidesWhatARateLimitConcerns(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		return strings.HasPrefix(r.URL.Path, "/links/") &&
			write(w, http.StatusTooManyRequests, "application/json", `{"error_code":"api_error.rate_limit_exceeded"}`)
	})
	for name, c := range map[string]struct {
		call  func() error
		scope bankmux.Scope
	}{
		"a refresh is limited for each link": {func() error {
			_, err := client.Refresh(t.Context(),
				bankmux.RefreshRequest{Connection: conn, Products: []bankmux.Product{bankmux.ProductAccounts}})
			return err
		}, bankmux.ScopeConnection},
		"a read is limited for the application": {func() error {
			_, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
			return err
		}, bankmux.ScopeApp},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.call()
			require.ErrorIs(t, err, bankmux.ErrRateLimited)
			e, _ := errors.AsType[*bankmux.Error](err)
			require.NotNil(t, e)
			assert.Equal(t, c.scope, e.Affects())
		})
	}
}
