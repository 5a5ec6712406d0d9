package moneykit_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestExchange specifies which payloads become a connection.
func TestExchange(t *testing.T) {
	t.Parallel()
	t.Run("a spent token and a used quota have different kinds", aSpentTokenAndAUsedQuotaHaveDifferentKinds)
	t.Run("a link is found by its tag if the response is lost", aLinkIsFoundByItsTagIfTheResponseIsLost)
	t.Run("a lost exchange without a link is an unknown outcome", aLostExchangeWithoutALinkIsAnUnknownOutcome)
	t.Run(
		"a link is not reported as lost while the links cannot be read",
		aLinkIsNotReportedAsLostWhileTheLinksCannotBeRead,
	)
	t.Run("a payload of another provider is named", aPayloadOfAnotherProviderIsNamed)
	t.Run(
		"a payload of another tab names its remedy and costs no session",
		aPayloadOfAnotherTabNamesItsRemedyAndCostsNoSession,
	)
}

func aSpentTokenAndAUsedQuotaHaveDifferentKinds(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{LinkQuota: 1}, nil)
	first := s.post(request)
	second := s.post(request)
	s.connectPost(first)
	_, err := s.client.ExchangeToken(t.Context(), second)
	require.ErrorIs(t, err, bankmux.ErrQuota)

	forged := second
	forged.Payload = bankmux.NewSecret(`{"exchangeable_token":"never-issued"}`)
	_, err = s.client.ExchangeToken(t.Context(), forged)
	require.ErrorIs(t, err, bankmux.ErrTokenSpent)
	e, _ := errors.AsType[*bankmux.Error](err)
	assert.Equal(t, http.StatusBadRequest, e.Status)
	assert.Equal(t, "link_session_error.invalid_token_exchange", e.Code)
}

func aLinkIsFoundByItsTagIfTheResponseIsLost(t *testing.T) {
	t.Parallel()
	limited := func(c *moneykit.Config) {
		c.Guard = guard.New(guard.Options{Deadline: guard.DeadlineOptions{Link: time.Minute}})
	}
	for _, fault := range []string{
		"reset_after", "cut_body", "html_200", "truncated", "empty_200", "null_200", "no_content", "gateway_timeout",
		"duplicate_keys", "oversized",
	} {
		findsLostLink(t, start(t, virtualbank.Options{}, limited), fault)
	}
	synctest.Test(t, func(t *testing.T) { // a quarter of the minute is left for the read
		findsLostLink(t, startInMemory(t, limited), "hang_after")
	})
}

// findsLostLink loses the response of an exchange to a fault.
func findsLostLink(t *testing.T, s *setup, fault string) {
	t.Helper()
	post := s.post(request)
	require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: fault, Operation: exchangePath}))
	conn, err := single.Connection(s.client.ExchangeToken(t.Context(), post))
	if fault == "html_200" { // nothing was executed, so there is no link to find
		require.ErrorIs(t, err, bankmux.ErrOutcomeUnknown)
		return
	}
	require.NoError(t, err, fault)
	assert.Equal(t, post.Session.ConnectionID, conn.ID, fault)
	assert.Len(t, s.sent(exchangePath), 1, fault)
	s.bank.ClearFaults()
	again := s.connectPost(post) // a spent token is looked up, too
	assert.Equal(t, conn.Reference(), again.Reference())
}

func aLostExchangeWithoutALinkIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	post := s.post(request)
	require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: "reset_after", Operation: exchangePath}))
	require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: "unavailable", Operation: "GET /users/{id}/links"}))
	_, err := s.client.ExchangeToken(t.Context(), post)
	require.ErrorIs(t, err, bankmux.ErrOutcomeUnknown)
	require.ErrorIs(t, err, bankmux.ErrUnavailable, "the first cause stays visible")
	s.bank.ClearFaults()
	assert.Equal(t, post.Session.ConnectionID, s.connectPost(post).ID, "a repeat finds the outcome")
}

func aLinkIsNotReportedAsLostWhileTheLinksCannotBeRead(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	post := s.post(request)
	down := true
	client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		return down && strings.HasPrefix(r.URL.Path, "/users/") && write(w, 503, "text/html", "down")
	})
	require.NoError(
		t,
		s.bank.Inject(virtualbank.Fault{Name: "reset_after", Operation: "POST /link-session/exchange-token", Times: 1}),
	)
	for range 2 { // the response is lost; then the token is spent, and its link cannot be read
		_, err := client.ExchangeToken(t.Context(), post)
		require.ErrorIs(t, err, bankmux.ErrOutcomeUnknown)
		require.NotErrorIs(t, err, bankmux.ErrTokenSpent)
	}
	down = false
	conn, err := single.Connection(client.ExchangeToken(t.Context(), post))
	require.NoError(t, err)
	assert.Equal(t, post.Session.ConnectionID, conn.ID)
}

func aPayloadOfAnotherProviderIsNamed(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	post := s.post(request)
	post.Payload = bankmux.NewSecret(`{"accessCode":"a","connectionID":"b","userSecret":"c"}`)
	_, err := s.client.ExchangeToken(t.Context(), post)
	require.ErrorContains(t, err, "another provider's")
	assert.Empty(t, s.sent(exchangePath))
}

func aPayloadOfAnotherTabNamesItsRemedyAndCostsNoSession(t *testing.T) {
	t.Parallel()
	t.Run("each of two tabs works after their payloads were posted crosswise", func(t *testing.T) {
		t.Parallel()
		s := start(t, virtualbank.Options{}, nil)
		one, other := s.post(request), s.post(request)
		crossed := []bankmux.ExchangeRequest{
			{
				Session: one.Session,
				User:    one.User,
				Payload: other.Payload,
			},
			{Session: other.Session, User: other.User, Payload: one.Payload},
		}
		for _, post := range crossed {
			_, err := s.client.ExchangeToken(t.Context(), post)
			assert.False(t, refusedAsOther(t, err).NotSent)
		}
		for _, post := range crossed { // both tokens are spent now, and each session has its own link
			conn, err := single.Connection(s.client.ExchangeToken(t.Context(), post))
			require.NoError(t, err)
			assert.Equal(t, post.Session.ConnectionID, conn.ID)
		}
		ids := map[string]bool{}
		for _, post := range []bankmux.ExchangeRequest{one, other, one} {
			conn, err := single.Connection(s.client.ExchangeToken(t.Context(), post))
			require.NoError(t, err, "the link is found by its session's tag")
			assert.Equal(t, post.Session.ConnectionID, conn.ID)
			assert.Equal(t, bankmux.StateActive, conn.Status.State)
			ids[conn.Reference()] = true
		}
		assert.Len(t, ids, 2)
	})
	t.Run("a tab that was not confused works at once", func(t *testing.T) {
		t.Parallel()
		s := start(t, virtualbank.Options{}, nil)
		one, other := s.post(request), s.post(request)
		_, err := s.client.ExchangeToken(
			t.Context(),
			bankmux.ExchangeRequest{Session: one.Session, User: one.User, Payload: other.Payload},
		)
		assert.False(t, refusedAsOther(t, err).NotSent)
		conn, err := single.Connection(s.client.ExchangeToken(t.Context(), one))
		require.NoError(t, err)
		assert.Equal(t, one.Session.ConnectionID, conn.ID)
	})
	t.Run("a link and a reconnect in two tabs", func(t *testing.T) {
		t.Parallel()
		s := start(t, virtualbank.Options{}, nil)
		conn := s.connect(request)
		require.NoError(t, s.bank.Lapse(conn.Reference()))
		renew := request
		renew.Reconnect = &conn
		again, fresh := s.post(renew), s.post(request)
		sent := len(s.sent(exchangePath))
		_, err := s.client.ExchangeToken(
			t.Context(),
			bankmux.ExchangeRequest{Session: again.Session, User: again.User, Payload: fresh.Payload},
		)
		assert.True(t, refusedAsOther(t, err).NotSent)
		assert.Len(t, s.sent(exchangePath), sent, "the token is unspent")
		for _, post := range []bankmux.ExchangeRequest{again, fresh} {
			_, err := s.client.ExchangeToken(t.Context(), post)
			require.NoError(t, err)
		}
	})
	t.Run("a payload of another provider's Connect", func(t *testing.T) {
		t.Parallel()
		s := start(t, virtualbank.Options{}, nil)
		post := s.post(request)
		_, err := s.client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{
			Session: post.Session,
			User:    post.User,
			Payload: bankmux.NewSecret(`{"accessCode":"x","connectionID":"c","userSecret":"s"}`),
		})
		assert.True(t, refusedAsOther(t, err).NotSent)
		_, err = s.client.ExchangeToken(t.Context(), post)
		require.NoError(t, err)
	})
}

// refusedAsOther checks that a payload was refused because it belongs to another session.
func refusedAsOther(t *testing.T, err error) *bankmux.Error {
	t.Helper()
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok)
	assert.Equal(t, bankmux.CodeOtherSession, e.Code)
	assert.Equal(t, "post it with the session it belongs to", e.Remedy())
	assert.Contains(t, err.Error(), e.Remedy())
	return e
}
