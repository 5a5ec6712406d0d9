package plaid_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestStatus specifies what an Item says about its connection.
func TestStatus(t *testing.T) {
	t.Parallel()
	t.Run("a broken Item is served with 200", aBrokenItemIsServedWith200)
	t.Run("an Item that is gone is a result", anItemThatIsGoneIsAResult)
	t.Run("the consent ends when Plaid says", theConsentEndsWhenPlaidSays)
	t.Run("products say how fresh they are", productsSayHowFreshTheyAre)
	t.Run("an error of another form is not read as none", anErrorOfAnotherFormIsNotNone)
	t.Run("an absent list of products is not an empty one", anAbsentListOfProductsIsNotEmpty)
	t.Run("another Item's status is refused", anotherItemsStatusIsRefused)
}

func aBrokenItemIsServedWith200(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request, "")
	require.NoError(t, s.bank.Lapse(conn.Reference()))
	got := s.status(conn).Connection
	assert.Equal(t, bankmux.StateReauth, got.Status.State)
	assert.Equal(t, "ITEM_LOGIN_REQUIRED", got.Status.Code)
	assert.Equal(t, got.Status.At, s.status(got).Connection.Status.At, "the time is that of the change")
	require.NoError(t, s.bank.Repair(conn.Reference()))
	assert.Equal(t, bankmux.StateActive, s.status(got).Connection.Status.State)
}

func anItemThatIsGoneIsAResult(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	removed, revoked := s.connect(request, ""), s.connect(request, "")
	for range 2 {
		got, err := s.client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: removed})
		require.NoError(t, err, "an Item that is gone already is a success")
		assert.Equal(t, bankmux.StateGone, got.Connection.Status.State)
	}
	assert.Equal(t, bankmux.StateGone, s.status(removed).Connection.Status.State)
	require.NoError(t, s.bank.Revoke(revoked.Reference()))
	got := s.status(revoked).Connection
	assert.Equal(t, bankmux.StateGone, got.Status.State)
	assert.Equal(t, "USER_PERMISSION_REVOKED", got.Status.Code)

	s.fails(itemPath, http.StatusBadRequest, plaidError("INVALID_INPUT", "INVALID_ACCESS_TOKEN"))
	_, err := s.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: revoked})
	require.ErrorIs(t, err, bankmux.ErrNotFound, "keys of another application do not end a connection")
}

func theConsentEndsWhenPlaidSays(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	assert.True(t, s.connect(request, "").Consent.ExpiresAt.IsZero(), "a bank without an end")
	conn := s.connect(request, "ins_127287")
	assert.WithinDuration(t, s.bank.Now().AddDate(1, 0, 0), conn.Consent.ExpiresAt, 25*time.Hour)
	british := request
	british.Country = "GB"
	conn = s.connect(british, "")
	end := conn.Consent.ExpiresAt
	assert.WithinDuration(t, s.bank.Now().Add(180*24*time.Hour), end, time.Minute)
	s.bank.Advance(181 * 24 * time.Hour)
	got := s.status(conn).Connection
	assert.Equal(t, bankmux.StateReauth, got.Status.State)
	assert.True(t, end.Equal(got.Consent.ExpiresAt))
	renewed := s.connectPost(s.link(s.session(renewing(got)), ""))
	assert.True(t, renewed.Consent.ExpiresAt.After(end), "a reconnect renews the consent")
}

func productsSayHowFreshTheyAre(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request, "")
	s.answers(func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Path == itemPath &&
			write(w, http.StatusOK, `{"request_id":"r","item":{"item_id":"`+conn.Reference()+`",
			"institution_id":null,"error":null,"billed_products":[],`+
				`"products":["transactions","investments","auth","brand_new"],
			"consent_expiration_time":null},"status":{
			"transactions":{"last_successful_update":"2026-11-20T10:00:00Z",`+
				`"last_failed_update":"2026-11-19T10:00:00.123Z"},
			"investments":{"last_successful_update":"2026-11-20T10:00:00Z","last_failed_update":"2026-11-21T10:00:00Z"},
			"last_webhook":{"sent_at":"2026-11-21T10:00:00Z","code_sent":"ERROR"}}}`)
	})
	got := s.status(conn)
	assert.Equal(t, conn.Institution, got.Connection.Institution, "what the Item does not say stays")
	day := func(day int) time.Time { return time.Date(2026, 11, day, 10, 0, 0, 0, time.UTC) }
	assert.Equal(t, []bankmux.ProductStatus{
		{Product: bankmux.ProductAccountNumbers},
		{Product: bankmux.ProductAccounts},
		{Product: "brand_new"},
		{Product: bankmux.ProductEnrichment, RefreshedAt: day(20), AttemptedAt: day(20)},
		{
			Product: bankmux.ProductInvestments, RefreshedAt: day(20), AttemptedAt: day(21),
			Kind: bankmux.ErrInstitution,
		},
		{Product: bankmux.ProductTransactions, RefreshedAt: day(20), AttemptedAt: day(20)},
	}, got.Products)
}

func anErrorOfAnotherFormIsNotNone(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request, "")
	const head, end = `{"request_id":"r","item":{"billed_products":[],"item_id":"`, `}}`
	for body, want := range map[string]bankmux.State{
		`"ITEM_LOGIN_REQUIRED"`: "", `[]`: "", `{}`: bankmux.StateDegraded, `null`: bankmux.StateActive, "": "",
		`{"error_type":"ITEM_ERROR"}`:                                   bankmux.StateReauth,
		`{"error_type":"ITEM_ERROR","error_code":"BRAND_NEW"}`:          bankmux.StateReauth,
		`{"error_type":"INSTITUTION_ERROR","error_code":"BRAND_NEW"}`:   bankmux.StateDegraded,
		`{"error_type":"ITEM_ERROR","error_code":"ITEM_NOT_FOUND"}`:     bankmux.StateGone,
		`{"error_type":"ITEM_ERROR","error_code":"ACCESS_NOT_GRANTED"}`: bankmux.StateReauth,
	} {
		if body != "" { // else the member is absent
			body = `,"error":` + body
		}
		s.fails(itemPath, http.StatusOK, head+conn.Reference()+`"`+body+end)
		got, err := s.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
		if want == "" {
			require.ErrorIs(t, err, bankmux.ErrMalformed, body)
			continue
		}
		require.NoError(t, err, body)
		assert.Equal(t, want, got.Connection.Status.State, body)
	}
}

func anAbsentListOfProductsIsNotEmpty(t *testing.T) {
	t.Parallel()
	for lists, want := range map[string][]bankmux.Product{
		`"billed_products":[]`:                       {bankmux.ProductAccounts},
		`"billed_products":["auth"]`:                 {bankmux.ProductAccountNumbers, bankmux.ProductAccounts},
		`"billed_products":["auth"],"products":null`: {bankmux.ProductAccountNumbers, bankmux.ProductAccounts},
		`"billed_products":[],"products":["auth"]`:   {bankmux.ProductAccountNumbers, bankmux.ProductAccounts},
		`"billed_products":["auth"],"products":[]`:   {bankmux.ProductAccounts},
		`"new":1`:             nil,
		`"products":["auth"]`: nil,
		`"billed_products":null,"products":["auth"]`:     nil,
		`"billed_products":7`:                            nil,
		`"billed_products":[],"products":"transactions"`: nil,
		`"billed_products":[],"products":[7]`:            nil,
	} {
		s := start(t, virtualbank.Options{}, nil) // of each its own, since failures open a circuit
		conn := s.connect(request, "")
		s.fails(itemPath, http.StatusOK,
			`{"request_id":"r","item":{"item_id":"`+conn.Reference()+`","error":null,`+lists+`}}`)
		got, err := s.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
		if want == nil {
			require.ErrorIs(t, err, bankmux.ErrMalformed, lists)
			continue
		}
		require.NoError(t, err, lists)
		assert.Equal(t, want, got.Connection.Products, lists)
	}
}

func anotherItemsStatusIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request, "")
	s.fails(itemPath, http.StatusOK, `{"request_id":"r","item":{"item_id":"other","error":null,"billed_products":[]}}`)
	_, err := s.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
	require.ErrorIs(t, err, bankmux.ErrMalformed)
}
