package plaid_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestReconnect specifies update mode.
func TestReconnect(t *testing.T) {
	t.Parallel()
	t.Run("accounts are filtered only where they are selected", accountsAreFilteredWhereSelected)
	t.Run("update mode exchanges nothing and keeps the token", updateModeExchangesNothing)
	t.Run("a public token of update mode is ignored", aPublicTokenOfUpdateModeIsIgnored)
	t.Run("the webhook of an Item is changed by a call of its own", theWebhookIsChangedByItsOwnCall)
	t.Run("products become consents, unless the Item has them", productsBecomeConsents)
	t.Run("an unfinished reconnect is reported", anUnfinishedReconnectIsReported)
	t.Run("an Item that healed by itself is not reconnected", anItemThatHealedByItselfIsNotReconnected)
	t.Run("only a run of Link that succeeded proves a reconnect", onlyASuccessfulRunProvesAReconnect)
	t.Run("a session that was stored as plain JSON needs the connection", aPlainReconnectNeedsTheConnection)
	t.Run("an Item that is gone cannot be reconnected", anItemThatIsGoneCannotBeReconnected)
}

func renewing(conn bankmux.Connection) bankmux.SessionRequest {
	return bankmux.SessionRequest{User: request.User, Reconnect: &conn, RedirectURI: request.RedirectURI}
}

func updateModeExchangesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request, "ins_127287")
	require.NoError(t, s.bank.Lapse(conn.Reference()))
	session := s.session(renewing(conn))
	body := s.lastSent(createPath)
	assert.Equal(t, conn.Credential().Reveal(), body["access_token"])
	assert.Equal(t, lists{}, listsOf(body), "update mode has no products")
	assert.Equal(t, []any{"US"}, body["country_codes"], "the country is that of the connection")
	assert.Equal(t, bankmux.ModeRelink, session.Launch.Mode)
	assert.Equal(t, bankmux.StateReauth, session.Reconnect.Status.State)

	renewed := s.connectPost(s.link(session, ""))
	assert.Len(t, s.sent(exchangePath), 1, "the first exchange is the only one")
	assert.Equal(t, conn.ID, renewed.ID)
	assert.Equal(t, conn.Reference(), renewed.Reference())
	assert.Equal(t, conn.Credential().Reveal(), renewed.Credential().Reveal(), "the access token stays")
	assert.Equal(t, bankmux.StateActive, renewed.Status.State)
	assert.False(t, renewed.Consent.ExpiresAt.IsZero())
	assert.False(t, renewed.LinkedAt.Before(conn.LinkedAt))
	again, err := s.client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{Session: session, User: session.User})
	require.NoError(t, err, "nothing is spent, so it may be repeated without a payload")
	assert.Equal(t, renewed.ID, again.Connection.ID)
}

func aPublicTokenOfUpdateModeIsIgnored(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request, "")
	require.NoError(t, s.bank.Lapse(conn.Reference()))
	session := s.session(renewing(conn))
	s.link(session, "")
	s.connectPost(posted(session,
		`{"public_token":"public-sandbox-00000000-0000-4000-8000-000000000000","metadata":{}}`))
	assert.Len(t, s.sent(exchangePath), 1)
	_, err := s.client.ExchangeToken(t.Context(), posted(session, `{"exchangeable_token":"x"}`))
	require.ErrorIs(t, err, bankmux.ErrInvalid)
}

func theWebhookIsChangedByItsOwnCall(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	req := request
	req.WebhookURL = "https://app.example.com/hooks"
	conn := s.connect(req, "")
	for _, c := range []struct {
		name, url string
		calls     int
	}{
		{"none keeps the present one", "", 0},
		{"the same one needs no call", "https://app.example.com/hooks", 0},
		{"another one is set", "https://app.example.com/new", 1},
		{"and is not set again", "https://app.example.com/new", 1},
	} {
		again := renewing(conn)
		again.WebhookURL = c.url
		s.session(again)
		assert.NotContains(t, s.lastSent(createPath), "webhook", "Plaid ignores it in update mode")
		assert.Len(t, s.sent(webhookPath), c.calls, c.name)
	}
	body := s.lastSent(webhookPath)
	assert.Equal(t, "https://app.example.com/new", body["webhook"])
	s.fails(webhookPath, http.StatusBadRequest, plaidError("INVALID_REQUEST", "INVALID_FIELD"))
	again := renewing(conn)
	again.WebhookURL = "https://app.example.com/newer"
	_, err := s.client.CreateSession(t.Context(), again)
	require.ErrorIs(t, err, bankmux.ErrInvalid)
}

func productsBecomeConsents(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request, "")
	again := renewing(conn)
	again.Products = []bankmux.ProductRequest{
		{Product: bankmux.ProductTransactions, Required: true}, {Product: bankmux.ProductAccountNumbers, Required: true},
	}
	again.Options = []bankmux.SessionOption{plaid.SessionOptions{AccountSelection: true}}
	session := s.session(again)
	body := s.lastSent(createPath)
	assert.Equal(t, lists{consented: "auth"}, listsOf(body))
	assert.Equal(t, map[string]any{"account_selection_enabled": true}, body["update"])
	renewed := s.connectPost(s.link(session, ""))
	assert.Equal(t, conn.ID, renewed.ID)
}

func anUnfinishedReconnectIsReported(t *testing.T) {
	t.Parallel()
	for name, lapse := range map[string]bool{"of a lapsed Item": true, "of an Item that works": false} {
		s := start(t, virtualbank.Options{}, nil)
		conn := s.connect(request, "")
		if lapse {
			require.NoError(t, s.bank.Lapse(conn.Reference()))
		}
		session := s.session(renewing(conn))
		post := posted(session, `{"public_token":null,"metadata":{}}`)
		for range 2 {
			_, err := s.client.ExchangeToken(t.Context(), post)
			require.ErrorIs(t, err, bankmux.ErrUserAction, name)
			_, err = s.bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: session.Launch.Token.Reveal(), Exit: true})
			require.NoError(t, err)
		}
		s.link(session, "")
		s.connectPost(post)
	}
	s := start(t, virtualbank.Options{}, func(c *plaid.Config) { c.WithoutLinkEvents = true })
	session := s.session(renewing(s.connect(request, "")))
	s.connectPost(posted(session, "{}")) // nothing shows that the user did not finish
}

func anItemThatHealedByItselfIsNotReconnected(t *testing.T) {
	t.Parallel()
	for kind, code := range map[string]string{
		"INSTITUTION_ERROR": "INSTITUTION_DOWN", "ITEM_ERROR": "ITEM_LOGIN_REQUIRED",
	} {
		s := start(t, virtualbank.Options{}, nil)
		conn := s.connect(request, "")
		s.fails(itemPath, http.StatusOK, `{"item":{"item_id":"`+conn.Reference()+`","billed_products":[],"error":`+
			plaidError(kind, code)+`},"request_id":"r"}`)
		session := s.session(renewing(conn))
		require.NotEqual(t, bankmux.StateActive, session.Reconnect.Status.State, code)
		s.answers(nil)
		_, err := s.client.ExchangeToken(t.Context(), posted(session, `{"public_token":"public-sandbox-x"}`))
		require.ErrorIs(t, err, bankmux.ErrUserAction, code)
		s.link(session, "")
		s.connectPost(posted(session, "{}"))
	}
}

func onlyASuccessfulRunProvesAReconnect(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request, "")
	session := s.session(renewing(conn))
	const done = `"finished_at":"2026-11-20T00:00:00Z","results":{"item_add_results":[]}`
	for run, want := range map[string]bool{
		done:                         true,
		done + `,"exit":null`:        true,
		done + `,"on_exit":null`:     true,
		done + `,"exit":{}`:          false,
		done + `,"exit":[]`:          false,
		done + `,"exit":7`:           false,
		done + `,"exit":"left"`:      false,
		done + `,"on_exit":{}`:       false,
		done + `,"on_exit":"left"`:   false,
		`"finished_at":null,"new":1`: false,
		`"on_success":{"public_token":"public-sandbox-x"},"finished_at":null`: true,
		`"finished_at":"2026-11-20T00:00:00Z"`:                                false, // without Link events
		`"finished_at":"2026-11-20T00:00:00Z","results":null`:                 false,
		`"finished_at":null,"results":{"item_add_results":[]}`:                false,
	} {
		s.fails(readPath, http.StatusOK, `{"link_token":"`+session.Launch.Token.Reveal()+
			`","link_sessions":[{"link_session_id":"x",`+run+`}],"request_id":"r"}`)
		_, err := s.client.ExchangeToken(t.Context(), posted(session, "{}"))
		if want {
			require.NoError(t, err, run)
			continue
		}
		require.ErrorIs(t, err, bankmux.ErrUserAction, run)
	}
}

func aPlainReconnectNeedsTheConnection(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request, "")
	require.NoError(t, s.bank.Lapse(conn.Reference()))
	session := s.session(renewing(conn))
	s.link(session, "")
	raw, err := json.Marshal(session)
	require.NoError(t, err)
	var stored bankmux.Session
	require.NoError(t, json.Unmarshal(raw, &stored))
	_, err = s.client.ExchangeToken(t.Context(), posted(stored, "{}"))
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	post := posted(stored, "{}")
	post.Connection = &conn
	renewed := s.connectPost(post)
	assert.Equal(t, conn.ID, renewed.ID)
}

func anItemThatIsGoneCannotBeReconnected(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	removed, revoked := s.connect(request, ""), s.connect(request, "")
	session := s.session(renewing(removed))
	_, err := s.client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: removed})
	require.NoError(t, err)
	require.NoError(t, s.bank.Revoke(revoked.Reference()))
	for _, conn := range []bankmux.Connection{removed, revoked} {
		_, err := s.client.CreateSession(t.Context(), renewing(conn))
		require.ErrorIs(t, err, bankmux.ErrGone)
	}
	_, err = s.client.ExchangeToken(t.Context(), posted(session, "{}"))
	require.ErrorIs(t, err, bankmux.ErrGone)
}

func accountsAreFilteredWhereSelected(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request, "")
	created := len(s.sent(createPath))
	for _, selects := range []bool{false, true} {
		req := request
		req.Reconnect = &conn
		req.Options = []bankmux.SessionOption{plaid.SessionOptions{
			AccountFilters: map[string][]string{"depository": {"all"}}, AccountSelection: selects,
		}}
		_, err := s.client.CreateSession(t.Context(), req)
		if selects {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		assert.Equal(t, "SessionRequest.Options", bankmux.ErrorOf(err).Field)
		assert.Len(t, s.sent(createPath), created, "Plaid refuses it")
	}
}
