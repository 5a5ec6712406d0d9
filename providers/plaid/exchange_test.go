package plaid_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestExchange specifies which connections a payload becomes.
func TestExchange(t *testing.T) {
	t.Parallel()
	t.Run("a payload of another session is refused and nothing is spent", aPayloadOfAnotherSessionIsRefused)
	t.Run("a token alone is enough", aTokenAloneIsEnough)
	t.Run("without Link events the token is not bound", withoutLinkEventsTheTokenIsNotBound)
	t.Run("a session whose results are shown always binds its tokens", aSessionWithShownResultsBindsItsTokens)
	t.Run("the results of a session are read from both of their places", resultsAreReadFromBothPlaces)
	t.Run("an Item that cannot be read is unverified", anItemThatCannotBeReadIsUnverified)
	t.Run("a deadline that ends after the exchange loses no token", aDeadlineAfterTheExchangeLosesNoToken)
	t.Run("a user who left Link is reported", aUserWhoLeftLinkIsReported)
	t.Run("a session that was stored as plain JSON lacks its link token", aPlainSessionLacksItsLinkToken)
	t.Run("a spent token is reported", aSpentTokenIsReported)
	t.Run("a link token that cannot be read leaves the public token as it is", anUnreadableLinkTokenSpendsNothing)
}

// TestSeveral specifies sessions in which the user links several banks.
func TestSeveral(t *testing.T) {
	t.Parallel()
	t.Run("every bank of a multi-item session is a connection", everyBankOfAMultiItemSessionIsAConnection)
	t.Run("a lost response among several is an unknown outcome", aLostResponseAmongSeveralIsAnUnknownOutcome)
	t.Run("a bank that fails is exchanged by a later call", aBankThatFailsIsExchangedByALaterCall)
	t.Run("a hosted session needs no payload", aHostedSessionNeedsNoPayload)
	t.Run("what was linked before the user left is exchanged", whatWasLinkedBeforeTheUserLeftIsExchanged)
}

func aPayloadOfAnotherSessionIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	mine, other := s.session(request), s.session(request)
	post := s.link(other, "")
	post.Session = mine
	for _, finished := range []bool{false, true} { // whether the session has a token of its own
		if finished {
			s.link(mine, "")
		}
		_, err := s.client.ExchangeToken(t.Context(), post)
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		require.ErrorContains(t, err, bankmux.CodeOtherSession)
		assert.Empty(t, s.sent(exchangePath), "nothing is spent")
	}
	for _, payload := range []string{
		`{"public_token":"public-sandbox-00000000-0000-4000-8000-000000000000","metadata":{}}`,
		`{"accessCode":"x","connectionID":"y"}`, `{"exchangeable_token":"x"}`,
	} {
		_, err := s.client.ExchangeToken(t.Context(), posted(mine, payload))
		require.ErrorIs(t, err, bankmux.ErrInvalid, payload)
		require.ErrorContains(t, err, bankmux.CodeOtherSession, payload)
	}
	assert.Empty(t, s.sent(exchangePath))
	post.Session = other
	conn := s.connectPost(post)
	assert.Equal(t, other.ConnectionID, conn.ID, "with its own session the token still works")
}

func aTokenAloneIsEnough(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	session := s.session(request)
	fields, err := s.link(session, "").Fields()
	require.NoError(t, err)
	token, err := fields.Text("public_token")
	require.NoError(t, err)
	conn := s.connectPost(posted(session, `{"public_token":"`+token+`"}`))
	assert.Equal(t, session.ConnectionID, conn.ID)
	assert.NotEqual(t, conn.Reference(), conn.Credential().Reveal(), "the reference is the Item, not its token")
	assert.Equal(t, bankmux.StateActive, conn.Status.State)
	assert.Equal(t, "Northwind Bank", conn.Institution.Name)
	assert.Equal(t, "US", conn.Institution.Country)
	assert.Equal(t, []bankmux.Product{
		bankmux.ProductAccounts, bankmux.ProductEnrichment, bankmux.ProductIdentity, bankmux.ProductTransactions,
	}, conn.Products)
}

func withoutLinkEventsTheTokenIsNotBound(t *testing.T) {
	t.Parallel()
	opts := virtualbank.Options{Plaid: virtualbank.PlaidOptions{HostedResultsOnly: true}}
	s := start(t, opts, nil)
	_, err := s.client.ExchangeToken(t.Context(), s.link(s.session(request), ""))
	require.ErrorIs(t, err, bankmux.ErrInvalid, "what cannot be proved is refused")
	require.ErrorContains(t, err, "WithoutLinkEvents")
	assert.Empty(t, s.sent(exchangePath))

	s = start(t, opts, func(c *plaid.Config) { c.WithoutLinkEvents = true })
	session := s.session(request)
	conn := s.connectPost(s.link(session, ""))
	assert.Equal(t, session.ConnectionID, conn.ID)
}

func aSessionWithShownResultsBindsItsTokens(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{Plaid: virtualbank.PlaidOptions{HostedResultsOnly: true}},
		func(c *plaid.Config) { c.WithoutLinkEvents = true })
	hosted := request
	hosted.Options = []bankmux.SessionOption{plaid.SessionOptions{Hosted: &plaid.HostedLink{}}}
	for name, mine := range map[string]bankmux.Session{"hosted": s.session(hosted), "several banks": s.several()} {
		post := s.link(s.session(request), "")
		post.Session = mine
		for _, finished := range []bool{false, true} {
			if finished {
				s.link(mine, "")
			}
			_, err := s.client.ExchangeToken(t.Context(), post)
			require.ErrorIs(t, err, bankmux.ErrInvalid, name)
			require.ErrorContains(t, err, bankmux.CodeOtherSession, name)
		}
	}
	assert.Empty(t, s.sent(exchangePath), "nothing is spent")
	again := renewing(s.connect(request, ""))
	again.Options = hosted.Options
	session := s.session(again)
	_, err := s.client.ExchangeToken(t.Context(), posted(session, "{}"))
	require.ErrorIs(t, err, bankmux.ErrUserAction, "the record shows that the user did not finish")
	s.link(session, "")
	s.connectPost(posted(session, "{}"))
}

func resultsAreReadFromBothPlaces(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	session := s.session(request)
	post := s.link(session, "")
	fields, err := post.Fields()
	require.NoError(t, err)
	token, err := fields.Text("public_token")
	require.NoError(t, err)
	s.answers(func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Path == readPath && write(w, http.StatusOK, `{"link_token":"`+session.Launch.Token.Reveal()+`",
			"link_sessions":[{"link_session_id":"a"},{"link_session_id":"b","results":null,`+
			`"on_success":{"public_token":"`+
			token+`","metadata":null}}],"request_id":"r"}`)
	})
	conn := s.connectPost(post)
	assert.Equal(t, "Northwind Bank", conn.Institution.Name)
	s.answers(func(w http.ResponseWriter, r *http.Request) bool {
		return r.URL.Path == readPath &&
			write(w, http.StatusOK, `{"link_token":"link-sandbox-other","link_sessions":[]}`)
	})
	_, err = s.client.ExchangeToken(t.Context(), post)
	require.ErrorIs(t, err, bankmux.ErrMalformed, "a response about another link token proves nothing")
}

func anItemThatCannotBeReadIsUnverified(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	for name, body := range map[string]string{
		"Plaid fails":  plaidError("API_ERROR", "INTERNAL_SERVER_ERROR"),
		"another Item": `{"item":{"item_id":"other","error":null,"billed_products":[]},"status":null,"request_id":"r"}`,
	} {
		session := s.session(request)
		post := s.link(session, "")
		status := http.StatusOK
		if name == "Plaid fails" {
			status = http.StatusInternalServerError
		}
		s.fails(itemPath, status, body)
		conn := s.connectPost(post)
		assert.Equal(t, bankmux.StateUnverified, conn.Status.State, name)
		assert.Equal(t, session.ConnectionID, conn.ID)
		assert.Equal(t, "Northwind Bank", conn.Institution.Name, "the session's results have it")
		s.answers(nil)
		got := s.status(conn)
		assert.Equal(t, bankmux.StateActive, got.Connection.Status.State, name)
		assert.NotEmpty(t, got.Connection.Products)
	}
}

func aDeadlineAfterTheExchangeLosesNoToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bank := virtualbank.New(virtualbank.Options{})
		creds := bank.Credentials().Plaid
		client, err := plaid.New(plaid.Config{
			ClientID: creds.ClientID, Secret: bankmux.NewSecret(creds.Secret), Environment: bankmux.Sandbox,
			HTTPClient: &http.Client{Transport: silentItem{inMemory{bank.Plaid()}}},
		})
		require.NoError(t, err)
		session, err := client.CreateSession(t.Context(), request)
		require.NoError(t, err)
		payload, err := bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: session.Launch.Token.Reveal()})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		res, err := client.ExchangeToken(ctx, posted(session, string(payload)))
		require.NoError(t, err)
		assert.Equal(t, bankmux.StateUnverified, res.Connection.Status.State)
		assert.False(t, res.Connection.Credential().IsZero())
	})
}

// silentItem never responds to /item/get.
type silentItem struct{ next http.RoundTripper }

func (s silentItem) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == itemPath {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return s.next.RoundTrip(r)
}

func aUserWhoLeftLinkIsReported(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	session := s.session(request)
	payload, err := s.bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: session.Launch.Token.Reveal(), Exit: true})
	require.NoError(t, err)
	for _, text := range []string{
		string(payload), `{"error":null,"metadata":{}}`, `{"public_token":null,"metadata":{}}`,
	} {
		_, err = s.client.ExchangeToken(t.Context(), posted(session, text))
		e := errorOf(t, err)
		assert.Equal(t, bankmux.ErrUserAction, e.Kind, text)
		assert.Equal(t, bankmux.CodeCancelled, e.Code, text)
		assert.True(t, e.NotSent)
	}
	s.connectPost(s.link(session, ""))
}

func aPlainSessionLacksItsLinkToken(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	post := s.link(s.session(request), "")
	post.Session.Launch = bankmux.Launch{}
	_, err := s.client.ExchangeToken(t.Context(), post)
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	require.ErrorContains(t, err, "Session.Seal")
}

func aSpentTokenIsReported(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	post := s.link(s.session(request), "")
	s.connectPost(post)
	_, err := s.client.ExchangeToken(t.Context(), post)
	require.ErrorIs(t, err, bankmux.ErrTokenSpent)

	s = start(t, virtualbank.Options{Plaid: virtualbank.PlaidOptions{RepeatableExchange: true}}, nil)
	post = s.link(s.session(request), "")
	first, second := s.connectPost(post), s.connectPost(post)
	assert.Equal(t, first.ID, second.ID, "a second access token of the Item is the same connection")
	assert.Equal(t, first.Reference(), second.Reference())
}

func anUnreadableLinkTokenSpendsNothing(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	post := s.link(s.session(request), "")
	s.fails(readPath, http.StatusInternalServerError, plaidError("API_ERROR", "INTERNAL_SERVER_ERROR"))
	_, err := s.client.ExchangeToken(t.Context(), post)
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
	assert.True(t, bankmux.OutcomeKnown(err), "the one-shot was not sent")
	assert.Empty(t, s.sent(exchangePath))
	s.answers(nil)
	s.connectPost(post)
}

// several links banks in one multi-item session. It returns the session.
func (s *setup) several(institutions ...string) bankmux.Session {
	s.t.Helper()
	user, err := plaid.CreateUser(s.t.Context(), s.client, request.User)
	require.NoError(s.t, err)
	req := request
	req.Options = []bankmux.SessionOption{plaid.SessionOptions{UserID: user, MultiItem: true}}
	session := s.session(req)
	for i, id := range institutions {
		_, err := s.bank.LinkPlaid(virtualbank.PlaidLink{
			LinkToken: session.Launch.Token.Reveal(), InstitutionID: id, More: i < len(institutions)-1,
		})
		require.NoError(s.t, err)
	}
	return session
}

func everyBankOfAMultiItemSessionIsAConnection(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	session := s.several("ins_109508", "ins_900101", "ins_109509")
	assert.Equal(t, true, s.lastSent(createPath)["enable_multi_item_link"])
	assert.NotContains(t, s.lastSent(createPath), "user")
	res, err := s.client.ExchangeToken(t.Context(), posted(session, `{"public_token":"","metadata":{}}`))
	require.NoError(t, err, "onSuccess of several banks is empty")
	all := res.All()
	require.Len(t, all, 3)
	assert.Equal(t, session.ConnectionID, all[0].ID)
	ids := map[string]bool{}
	for i, name := range []string{"First Platypus Bank", "Northwind Bank", "First Gingham Credit Union"} {
		assert.Equal(t, name, all[i].Institution.Name)
		assert.Equal(t, bankmux.StateActive, all[i].Status.State)
		assert.Equal(t, request.User, all[i].User)
		ids[all[i].ID] = true
	}
	assert.Len(t, ids, 3)
	assert.Len(t, s.sent(exchangePath), 3)
	_, err = plaid.CreateUser(t.Context(), s.client, "")
	require.ErrorIs(t, err, bankmux.ErrInvalid)
}

func aLostResponseAmongSeveralIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	session := s.several("ins_109508", "ins_900101")
	exchanges := 0
	s.answers(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != exchangePath {
			return false
		}
		if exchanges++; exchanges == 2 {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	res, err := s.client.ExchangeToken(t.Context(), posted(session, "{}"))
	require.NoError(t, err)
	require.Len(t, res.All(), 1)
	require.Len(t, res.Failed, 1)
	require.ErrorIs(t, res.Failed[0], bankmux.ErrOutcomeUnknown)
	assert.NotEmpty(t, res.Failed[0].Err.FindOut)
}

func aBankThatFailsIsExchangedByALaterCall(t *testing.T) {
	t.Parallel()
	for failing := range 3 {
		s := start(t, virtualbank.Options{}, nil)
		session := s.several("ins_109508", "ins_900101", "ins_109509")
		exchanges := 0
		s.answers(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != exchangePath {
				return false
			}
			exchanges++
			return exchanges == failing+1 &&
				write(w, http.StatusTooManyRequests, plaidError("RATE_LIMIT_EXCEEDED", "RATE_LIMIT"))
		})
		first, err := s.client.ExchangeToken(t.Context(), posted(session, "{}"))
		require.NoError(t, err)
		require.Len(t, first.All(), 2)
		require.Len(t, first.Failed, 1)
		require.ErrorIs(t, first.Failed[0], bankmux.ErrRateLimited)
		s.answers(nil)
		rest, err := s.client.ExchangeToken(t.Context(), posted(session, "{}"))
		require.NoError(t, err)
		require.Len(t, rest.All(), 1)
		assert.Equal(t, []int{0, 2}, []int{first.Spent, rest.Spent}, "what an earlier call exchanged is counted")
		ids, references := map[string]bool{}, map[string]bool{}
		for _, conn := range append(first.All(), rest.All()...) {
			ids[conn.ID], references[conn.Reference()] = true, true
		}
		assert.Len(t, ids, 3, "no connection replaces another")
		assert.True(t, ids[session.ConnectionID])
		assert.Len(t, references, 3)
	}
}

func aHostedSessionNeedsNoPayload(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	req := request
	req.Options = []bankmux.SessionOption{plaid.SessionOptions{Hosted: &plaid.HostedLink{}}}
	session := s.session(req)
	_, err := s.client.ExchangeToken(t.Context(), posted(session, "{}"))
	require.ErrorIs(t, err, bankmux.ErrUserAction, "the redirect comes without success, too")
	assert.True(t, bankmux.OutcomeKnown(err))
	s.link(session, "")
	conn := s.connectPost(posted(session, "{}"))
	assert.Equal(t, session.ConnectionID, conn.ID)
	_, err = s.client.ExchangeToken(t.Context(), posted(s.session(request), "{}"))
	require.ErrorIs(t, err, bankmux.ErrInvalid, "a page without hosting gets a public token")
}

func whatWasLinkedBeforeTheUserLeftIsExchanged(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	hosted := request
	hosted.Options = []bankmux.SessionOption{plaid.SessionOptions{Hosted: &plaid.HostedLink{}}}
	renewal := renewing(s.connect(request, ""))
	renewal.Options = hosted.Options
	for _, payload := range []string{`{"error":null}`, `{"error":{"error_code":"X"},"metadata":{}}`} {
		for name, session := range map[string]bankmux.Session{
			"several banks": s.several(), "hosted": s.session(hosted), "a reconnect": s.session(renewal),
		} {
			_, err := s.client.ExchangeToken(t.Context(), posted(session, payload))
			e := errorOf(t, err)
			assert.Equal(t, bankmux.ErrUserAction, e.Kind, name)
			assert.Equal(t, bankmux.CodeCancelled, e.Code, name)
			assert.True(t, bankmux.OutcomeKnown(err), name)
			s.link(session, "")
			assert.Equal(t, session.ConnectionID, s.connectPost(posted(session, payload)).ID, name)
		}
	}
	session := s.session(request)
	s.link(session, "")
	reads := len(s.sent(readPath))
	_, err := s.client.ExchangeToken(t.Context(), posted(session, `{"error":null}`))
	require.ErrorIs(t, err, bankmux.ErrUserAction, "a plain session ends with its token or without")
	assert.Len(t, s.sent(readPath), reads)
}
