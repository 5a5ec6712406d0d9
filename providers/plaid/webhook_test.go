package plaid_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestWebhook specifies Plaid's deliveries.
func TestWebhook(t *testing.T) {
	t.Parallel()
	t.Run("each webhook is an event", eachWebhookIsAnEvent)
	t.Run("deliveries have neither id nor time, so the signature names them", deliveriesHaveNeitherIDNorTime)
	t.Run("a delivery older than five minutes is refused", anOldDeliveryIsRefused)
	t.Run("every forgery is refused", everyForgeryIsRefused)
	t.Run("an ended key proves earlier deliveries alone", anEndedKeyProvesEarlierDeliveriesAlone)
	t.Run("case matters for the end of a key", aKeyEndsByTheMemberOfThatName)
	t.Run("a failure to fetch the key is not a bad signature", aFailureToFetchTheKeyIsNotABadSignature)
	t.Run("a finished session becomes a connection", aFinishedSessionBecomesAConnection)
	t.Run("the end of a consent is announced", theEndOfAConsentIsAnnounced)
	t.Run("a body of another form is an unknown event", aBodyOfAnotherFormIsUnknown)
}

// TestWebhookAllocations counts, so nothing runs beside it.
func TestWebhookAllocations(t *testing.T) {
	s := start(t, virtualbank.Options{}, nil)
	req := s.delivery("TRANSACTIONS:SYNC_UPDATES_AVAILABLE", "item-1", nil)
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		_, err := s.client.ReadWebhook(t.Context(), bankmux.NewWebhookRequest(req.Header(), req.Body()))
		assert.NoError(t, err)
	}), 40.0, "from header and body to the event")
}

// delivery is a signed delivery of the bank.
func (s *setup) delivery(event, reference string, members map[string]any) bankmux.WebhookRequest {
	return bankmux.NewWebhookRequest(s.bank.Sign(virtualbank.Webhook{
		Provider: plaid.Name, Event: event, Reference: reference, Members: members,
	}))
}

func (s *setup) event(event, reference string, members map[string]any) bankmux.Event {
	s.t.Helper()
	res, err := s.client.ReadWebhook(s.t.Context(), s.delivery(event, reference, members))
	require.NoError(s.t, err)
	require.Len(s.t, res.Events, 1)
	return res.Events[0]
}

func eachWebhookIsAnEvent(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	trouble := func(kind, code string) map[string]any {
		return map[string]any{"error": map[string]any{"error_type": kind, "error_code": code, "status": 400}}
	}
	type want struct {
		kind    bankmux.EventKind
		state   bankmux.State
		code    string
		product bankmux.Product
	}
	changed, deleted := bankmux.EventConnectionStateChanged, bankmux.EventConnectionDeleted
	refreshed, rows := bankmux.EventProductRefreshed, bankmux.EventTransactionsAvailable
	for _, c := range []struct {
		event   string
		members map[string]any
		want    want
	}{
		{"ITEM:ERROR", nil, want{kind: changed, state: bankmux.StateReauth, code: "ITEM_LOGIN_REQUIRED"}},
		{
			"ITEM:ERROR", trouble("INSTITUTION_ERROR", "INSTITUTION_DOWN"),
			want{kind: changed, state: bankmux.StateDegraded, code: "INSTITUTION_DOWN"},
		},
		{
			"ITEM:ERROR", trouble("ITEM_ERROR", "ITEM_NOT_FOUND"),
			want{kind: deleted, state: bankmux.StateGone, code: "ITEM_NOT_FOUND"},
		},
		{
			"ITEM:ERROR",
			map[string]any{"error": nil},
			want{kind: changed, state: bankmux.StateDegraded, code: "unreadable"},
		},
		{
			"ITEM:ERROR",
			map[string]any{"error": "ITEM_LOGIN_REQUIRED"},
			want{kind: changed, state: bankmux.StateDegraded, code: "unreadable"},
		},
		{
			"ITEM:ERROR",
			map[string]any{"error": []any{}},
			want{kind: changed, state: bankmux.StateDegraded, code: "unreadable"},
		},
		{
			"ITEM:ERROR",
			map[string]any{"error": map[string]any{}},
			want{kind: changed, state: bankmux.StateDegraded, code: "unreadable"},
		},
		{"ITEM:LOGIN_REPAIRED", nil, want{kind: changed, state: bankmux.StateActive}},
		{
			"ITEM:LOGIN_REPAIRED", trouble("ITEM_ERROR", "ITEM_LOGIN_REQUIRED"),
			want{kind: changed, state: bankmux.StateReauth, code: "ITEM_LOGIN_REQUIRED"},
		},
		{
			"ITEM:LOGIN_REPAIRED",
			map[string]any{"error": "a text"},
			want{kind: changed, state: bankmux.StateActive},
		},
		{
			"ITEM:USER_PERMISSION_REVOKED", nil,
			want{kind: deleted, state: bankmux.StateGone, code: "USER_PERMISSION_REVOKED"},
		},
		{"ITEM:PENDING_EXPIRATION", nil, want{kind: bankmux.EventConsentExpiring}},
		{"ITEM:PENDING_DISCONNECT", nil, want{kind: bankmux.EventConsentExpiring}},
		{"ITEM:USER_ACCOUNT_REVOKED", nil, want{kind: refreshed, product: bankmux.ProductAccounts}},
		{"ITEM:NEW_ACCOUNTS_AVAILABLE", nil, want{kind: bankmux.EventUnknown}},
		{"ITEM:WEBHOOK_UPDATE_ACKNOWLEDGED", nil, want{kind: bankmux.EventUnknown}},
		{"TRANSACTIONS:SYNC_UPDATES_AVAILABLE", nil, want{kind: rows}},
		{"TRANSACTIONS:INITIAL_UPDATE", map[string]any{"error": "a text"}, want{kind: rows}},
		{"TRANSACTIONS:HISTORICAL_UPDATE", nil, want{kind: rows}},
		{"TRANSACTIONS:DEFAULT_UPDATE", nil, want{kind: rows}},
		{"TRANSACTIONS:TRANSACTIONS_REMOVED", nil, want{kind: rows}},
		{"TRANSACTIONS:RECURRING_TRANSACTIONS_UPDATE", nil, want{kind: bankmux.EventUnknown}},
		{"HOLDINGS:DEFAULT_UPDATE", nil, want{kind: refreshed, product: bankmux.ProductInvestments}},
		{"INVESTMENTS_TRANSACTIONS:DEFAULT_UPDATE", nil, want{kind: refreshed, product: bankmux.ProductInvestments}},
		{"INVESTMENTS_TRANSACTIONS:HISTORICAL_UPDATE", nil, want{kind: refreshed, product: bankmux.ProductInvestments}},
		{"LIABILITIES:DEFAULT_UPDATE", nil, want{kind: refreshed, product: bankmux.ProductAccounts}},
		{"AUTH:DEFAULT_UPDATE", nil, want{kind: refreshed, product: bankmux.ProductAccountNumbers}},
		{"IDENTITY:DEFAULT_UPDATE", nil, want{kind: refreshed, product: bankmux.ProductIdentity}},
		{"AUTH:PRODUCT_PERMISSIONS_REQUIRED", nil, want{kind: bankmux.EventUnknown}},
		{"LINK:EVENTS", nil, want{kind: bankmux.EventUnknown}},
		{"LINK:ITEM_ADD_RESULT", nil, want{kind: bankmux.EventUnknown}},
		{"BRAND:NEW", nil, want{kind: bankmux.EventUnknown}},
	} {
		e := s.event(c.event, "item-1", c.members)
		got := want{e.Kind, e.Status.State, e.Status.Code, e.Product}
		assert.Equal(t, c.want, got, c.event)
		assert.Equal(t, c.event, e.Name)
		if c.event[:4] != "LINK" {
			assert.Equal(t, "item-1", e.Reference(), c.event)
		}
		assert.WithinDuration(t, s.bank.Now(), e.At, time.Minute)
		if e.Kind == refreshed {
			assert.Equal(t, bankmux.RefreshCompleted, e.Refresh)
		}
	}
}

func deliveriesHaveNeitherIDNorTime(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	read := func(req bankmux.WebhookRequest) string {
		res, err := s.client.ReadWebhook(t.Context(), req)
		require.NoError(t, err)
		require.NotEmpty(t, res.Key)
		return res.Key
	}
	const event = "TRANSACTIONS:SYNC_UPDATES_AVAILABLE"
	first := s.delivery(event, "item-1", nil)
	key := read(first)
	assert.Equal(t, key, read(first), "a duplicate has the same key")
	other := s.delivery(event, "item-2", nil)
	assert.NotEqual(t, key, read(other), "another body")
	s.bank.Advance(2 * time.Second)
	later := s.delivery(event, "item-1", nil)
	require.Equal(t, first.Body(), later.Body(), "two events have equal bodies")
	assert.NotEqual(t, key, read(later), "but other signatures")
}

func anOldDeliveryIsRefused(t *testing.T) {
	t.Parallel()
	var now func() time.Time
	s := start(t, virtualbank.Options{}, func(c *plaid.Config) { c.Now = func() time.Time { return now() } })
	now = s.bank.Now
	req := s.delivery("ITEM:ERROR", "item-1", nil)
	s.bank.Advance(4*time.Minute + 50*time.Second)
	_, err := s.client.ReadWebhook(t.Context(), req)
	require.NoError(t, err)
	s.bank.Advance(20 * time.Second)
	_, err = s.client.ReadWebhook(t.Context(), req)
	require.ErrorIs(t, err, bankmux.ErrSignature)
}

func everyForgeryIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	for _, name := range virtualbank.Forgeries(plaid.Name) {
		req := provider.Forge(s.bank, name, bankmux.Connection{})
		_, err := s.client.ReadWebhook(t.Context(), req)
		require.ErrorIs(t, err, bankmux.ErrSignature, name)
	}
}

func anEndedKeyProvesEarlierDeliveriesAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bank := virtualbank.New(virtualbank.Options{})
		creds := bank.Credentials().Plaid
		client, err := plaid.New(plaid.Config{
			ClientID: creds.ClientID, Secret: bankmux.NewSecret(creds.Secret), Environment: bankmux.Sandbox,
			HTTPClient: &http.Client{Transport: inMemory{bank.Plaid()}}, Guard: guard.New(guard.Options{}),
		})
		require.NoError(t, err)
		sign := func() bankmux.WebhookRequest {
			return bankmux.NewWebhookRequest(bank.Sign(virtualbank.Webhook{Provider: plaid.Name, Event: "ITEM:ERROR"}))
		}
		before := sign()
		bank.RotateWebhookKeys()
		time.Sleep(time.Second)
		bank.RetireWebhookKeys()
		_, err = client.ReadWebhook(t.Context(), before)
		require.NoError(t, err, "it was signed before the key ended")
		_, err = client.ReadWebhook(t.Context(), sign())
		require.NoError(t, err, "the new key is fetched by its id")
		_, err = client.ReadWebhook(t.Context(), provider.Forge(bank, "expired_key", bankmux.Connection{}))
		require.ErrorIs(t, err, bankmux.ErrSignature)
	})
}

// otherCase adds to the keys of signatures a member with the name of the end in another case.
type otherCase struct{ inMemory }

func (o otherCase) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := o.inMemory.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	body = bytes.Replace(body, []byte(`"expired_at":null`), []byte(`"expired_at":null,"EXPIRED_AT":1`), 1)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return res, err
}

func aKeyEndsByTheMemberOfThatName(t *testing.T) {
	t.Parallel()
	bank := virtualbank.New(virtualbank.Options{})
	creds := bank.Credentials().Plaid
	client, err := plaid.New(plaid.Config{
		ClientID: creds.ClientID, Secret: bankmux.NewSecret(creds.Secret), Environment: bankmux.Sandbox,
		HTTPClient: &http.Client{Transport: otherCase{inMemory{bank.Plaid()}}}, Guard: guard.New(guard.Options{}),
	})
	require.NoError(t, err)
	_, err = client.ReadWebhook(t.Context(), bankmux.NewWebhookRequest(
		bank.Sign(virtualbank.Webhook{Provider: plaid.Name, Event: "ITEM:ERROR"})))
	require.NoError(t, err)
}

// inMemory serves requests without a network.
type inMemory struct{ handler http.Handler }

func (m inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	m.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

func aFailureToFetchTheKeyIsNotABadSignature(t *testing.T) {
	t.Parallel()
	const path = "/webhook_verification_key/get"
	for body, kind := range map[string]bankmux.Kind{
		plaidError("API_ERROR", "INTERNAL_SERVER_ERROR"):     bankmux.ErrUnavailable,
		plaidError("INVALID_INPUT", "INVALID_API_KEYS"):      bankmux.ErrCredentials,
		plaidError("RATE_LIMIT_EXCEEDED", "RATE_LIMIT"):      bankmux.ErrRateLimited,
		`{"key":{"kty":"EC","expired_at":"soon"}}`:           bankmux.ErrMalformed,
		`{"key":{"kty":"EC","crv":"P-256"},"request_id":""}`: bankmux.ErrMalformed,
		`{"request_id":"r"}`:                                 bankmux.ErrMalformed,
	} {
		s := start(t, virtualbank.Options{}, nil)
		status := http.StatusBadRequest
		if kind == bankmux.ErrMalformed {
			status = http.StatusOK
		}
		s.fails(path, status, body)
		_, err := s.client.ReadWebhook(t.Context(), s.delivery("ITEM:ERROR", "item-1", nil))
		require.ErrorIs(t, err, kind, body)
	}
	s := start(t, virtualbank.Options{}, nil)
	s.fails(path, http.StatusBadRequest, plaidError("INVALID_INPUT", "INVALID_WEBHOOK_VERIFICATION_KEY_ID"))
	_, err := s.client.ReadWebhook(t.Context(), s.delivery("ITEM:ERROR", "item-1", nil))
	require.ErrorIs(t, err, bankmux.ErrSignature)
}

func aFinishedSessionBecomesAConnection(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	session := s.several("ins_109508", "ins_900101")
	token := session.Launch.Token.Reveal()
	left := s.event("LINK:SESSION_FINISHED", token, map[string]any{"status": "EXITED"})
	assert.Equal(t, bankmux.EventUnknown, left.Kind, "there is nothing to exchange")
	assert.Equal(t, session.ID, left.Session)
	left = s.event("LINK:SESSION_FINISHED", token, map[string]any{
		"status": "EXITED", "public_tokens": s.results(token)[:1],
	})
	assert.Equal(t, bankmux.EventLinkFinished, left.Kind, "one bank was linked before the user left")
	assert.Contains(t, left.ExchangePayload().Reveal(), s.results(token)[0])
	foreign := s.event("LINK:SESSION_FINISHED", token, map[string]any{
		"status": "SUCCESS", "public_tokens": []string{"public-sandbox-00000000-0000-4000-8000-000000000000"},
	})
	post := posted(session, "")
	post.Payload = foreign.ExchangePayload()
	_, err := s.client.ExchangeToken(t.Context(), post)
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	tokens := s.results(token)
	require.Len(t, tokens, 2)
	for name, members := range map[string]map[string]any{
		"the present form": {"status": "SUCCESS", "public_tokens": tokens, "public_token": tokens[1]},
		"the old form":     {"status": "SUCCESS", "public_token": tokens[0]},
	} {
		e := s.event("LINK:SESSION_FINISHED", token, members)
		assert.Equal(t, bankmux.EventLinkFinished, e.Kind, name)
		assert.Equal(t, session.ID, e.Session, name)
		assert.Empty(t, e.Reference())
		post.Payload = e.ExchangePayload()
	}
	res, err := s.client.ExchangeToken(t.Context(), post)
	require.NoError(t, err)
	assert.Len(t, res.All(), 2, "each bank of the session is a connection")
	renewal := s.session(renewing(res.Connection))
	e := s.event("LINK:SESSION_FINISHED", renewal.Launch.Token.Reveal(), map[string]any{"status": "SUCCESS"})
	assert.Equal(t, bankmux.EventLinkFinished, e.Kind, "a reconnect on a hosted page")
	assert.Equal(t, "{}", e.ExchangePayload().Reveal(), "nothing is exchanged")
}

// results are the public tokens that a link token made.
func (s *setup) results(linkToken string) (tokens []string) {
	s.t.Helper()
	var got struct {
		Sessions []struct {
			Results struct {
				Added []struct {
					PublicToken string `json:"public_token"`
				} `json:"item_add_results"`
			} `json:"results"`
		} `json:"link_sessions"`
	}
	require.NoError(s.t, ask(s.bank, readPath, map[string]string{"link_token": linkToken}, &got))
	for _, run := range got.Sessions {
		for _, one := range run.Results.Added {
			tokens = append(tokens, one.PublicToken)
		}
	}
	return tokens
}

func theEndOfAConsentIsAnnounced(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	for country, event := range map[string]string{"GB": "ITEM:PENDING_EXPIRATION", "US": "ITEM:PENDING_DISCONNECT"} {
		req := request
		req.Country = country
		institution := ""
		if country == "US" {
			institution = "ins_127287"
		}
		conn := s.connect(req, institution)
		e := s.event(event, conn.Reference(), nil)
		assert.Equal(t, bankmux.EventConsentExpiring, e.Kind)
		assert.Equal(t, conn.ReferenceKey, e.ReferenceKey)
		assert.False(t, s.status(conn).Connection.Consent.ExpiresAt.IsZero())
	}
}

func aBodyOfAnotherFormIsUnknown(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	for name, members := range map[string]map[string]any{
		"no type":                  {"webhook_type": nil},
		"a type of another form":   {"webhook_type": 7},
		"a session without a name": {"webhook_type": "LINK", "webhook_code": "SESSION_FINISHED", "status": "SUCCESS"},
	} {
		assert.Equal(t, bankmux.EventUnknown, s.event("ITEM:ERROR", "item-1", members).Kind, name)
	}
}
