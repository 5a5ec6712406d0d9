package bankhttp_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestPostedTwice specifies that a form that is posted several times links one bank.
func TestPostedTwice(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{moneykit.Name, dapi.Name, plaid.Name} {
		t.Run("at the same moment, at "+provider, func(t *testing.T) {
			t.Parallel()
			a := newApp(t)
			s := a.start(t, "user-rosa", provider)
			payload := a.connect(t, s.Launch)
			var all sync.WaitGroup
			posted := make([]*httptest.ResponseRecorder, 8)
			for i := range posted {
				all.Go(func() { posted[i] = a.send(t, "user-rosa", "POST", "/sessions/"+s.Session, payload) })
			}
			all.Wait()
			first := object[linked](t, posted[0], 200)
			for _, w := range posted {
				assert.Equal(t, first.Connections[0].ID, object[linked](t, w, 200).Connections[0].ID)
			}
			stored, err := a.store.Connections(t.Context(), "user-rosa")
			require.NoError(t, err)
			assert.Len(t, stored, 1)
		})
	}
	for _, provider := range []string{moneykit.Name, dapi.Name, plaid.Name} {
		t.Run("with other spacing and another order of members, at "+provider, func(t *testing.T) {
			t.Parallel()
			a := newApp(t)
			s := a.start(t, "user-rosa", provider)
			payload := a.connect(t, s.Launch)
			first := object[linked](t, a.send(t, "user-rosa", "POST", "/sessions/"+s.Session, payload), 200)
			var members map[string]any
			require.NoError(t, json.Unmarshal([]byte(payload), &members))
			spaced, err := json.MarshalIndent(members, " ", "\t")
			require.NoError(t, err)
			for _, again := range []string{payload + " ", "\n" + payload, string(spaced)} {
				posted := a.send(t, "user-rosa", "POST", "/sessions/"+s.Session, again)
				assert.Equal(t, first, object[linked](t, posted, 200))
			}
			presented := 0
			for _, link := range a.bank.Links() {
				presented += link.Presented
			}
			assert.Equal(t, 1, presented, "the one-time token is sent once")
		})
	}
	t.Run("the exchange is sent once", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		session := a.harborStart(t, "rosa")
		for range 3 {
			assert.Equal(t, 200, a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, "")).Code)
		}
		assert.Equal(t, 1, p.count(bankmux.OpExchangeToken))
	})
	t.Run("another payload of a session that has linked finds its connection", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		session := a.harborStart(t, "rosa")
		first := object[linked](t, a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, "one")), 200)
		p.spent["two"] = true // the same login, in the words of a webhook
		second := object[linked](t, a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, "two")), 200)
		assert.Equal(t, first, second)
	})
	t.Run("a spent code of a reconnect does not count as one that renewed", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		conn := a.harborLink(t, "rosa")
		require.NoError(t, a.store.Update(t.Context(), a.stored(t, "rosa", conn),
			func(_ context.Context, stored bankmux.Connection) (bankmux.Connection, error) {
				stored.LinkedAt = stored.LinkedAt.Add(-time.Hour)
				return stored, nil
			}))
		again := object[started](t, a.send(t, "rosa", "POST", "/connections/"+conn+"/sessions", ""), 200)
		p.spent["old"] = true
		got := problem(t, a.send(t, "rosa", "POST", "/sessions/"+again.Session, codeOf(again.Session, "old")), 409)
		assert.Equal(t, bankmux.ErrTokenSpent, got.Kind)
	})
	t.Run("a run of several banks, one of which fails, is exchanged to the end", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		p.free = true
		a := newHarborApp(t, p)
		session := a.harborStart(t, "rosa")
		p.lost = []bankmux.Failure{{Err: plantedError(bankmux.ErrInstitution)}}
		first := object[linked](t, a.send(t, "rosa", "POST", "/sessions/"+session, ""), 200)
		assert.Len(t, first.Connections, 1)
		require.Len(t, first.Failed, 1)
		assert.Equal(t, bankmux.ErrInstitution, first.Failed[0].Kind)
		p.lost = nil
		again := object[linked](t, a.send(t, "rosa", "POST", "/sessions/"+session, ""), 200)
		assert.Empty(t, again.Failed)
		assert.Equal(t, 2, p.count(bankmux.OpExchangeToken), "a payload with failures is exchanged again")
	})
}

// TestTwoTabs specifies that a payload finds the session to which it belongs.
func TestTwoTabs(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{moneykit.Name, plaid.Name} {
		t.Run("two tabs of one provider, "+provider, func(t *testing.T) {
			t.Parallel()
			a := newApp(t)
			one, two := a.start(t, "user-rosa", provider), a.start(t, "user-rosa", provider)
			payload := a.connect(t, two.Launch)
			crossed := object[linked](t, a.send(t, "user-rosa", "POST", "/sessions/"+one.Session, payload), 200)
			again := object[linked](t, a.send(t, "user-rosa", "POST", "/sessions/"+two.Session, payload), 200)
			assert.Equal(t, crossed, again, "posted where it belongs, it finds the connection")
			other := object[linked](t,
				a.send(t, "user-rosa", "POST", "/sessions/"+one.Session, a.connect(t, one.Launch)), 200)
			assert.NotEqual(t, crossed.Connections[0].ID, other.Connections[0].ID, "the first tab still works")
		})
	}
	t.Run("the tab of another provider", func(t *testing.T) {
		t.Parallel()
		a := newApp(t)
		one, two := a.start(t, "user-rosa", dapi.Name), a.start(t, "user-rosa", moneykit.Name)
		w := a.send(t, "user-rosa", "POST", "/sessions/"+one.Session, a.connect(t, two.Launch))
		assert.Len(t, object[linked](t, w, 200).Connections, 1)
	})
	t.Run("a provider that has decided about a payload ends the search", func(t *testing.T) {
		t.Parallel()
		a := newApp(t)
		conn := a.link(t, "user-rosa", dapi.Name)
		posted := a.start(t, "user-rosa", moneykit.Name)
		a.start(t, "user-rosa", dapi.Name)
		again := object[started](t, a.send(t, "user-rosa", "POST", "/connections/"+conn.ID+"/sessions", ""), 200)
		payload, err := a.bank.LinkDapi(virtualbank.DapiLink{
			AppKey: again.Launch.AppKey, InstitutionID: "DAPIBANK_AE_ADCB",
		})
		require.NoError(t, err)
		w := a.send(t, "user-rosa", "POST", "/sessions/"+posted.Session, string(payload))
		assert.Equal(t, bankmux.CodeOtherBank, problem(t, w, 409).Code)
	})
	t.Run("a payload that fits no session is tried with eight others at most", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		session := a.harborStart(t, "rosa")
		for range 10 {
			a.harborStart(t, "rosa")
		}
		problem(t, a.send(t, "rosa", "POST", "/sessions/"+session, codeOf("none", "")), 409)
		assert.Equal(t, 1+8, p.count(bankmux.OpExchangeToken))
	})
	t.Run("a payload of another user is of no session", func(t *testing.T) {
		t.Parallel()
		a := newApp(t)
		mine, foreign := a.start(t, "user-rosa", moneykit.Name), a.start(t, "user-omar", moneykit.Name)
		w := a.send(t, "user-omar", "POST", "/sessions/"+foreign.Session, a.connect(t, mine.Launch))
		p := problem(t, w, 409)
		assert.Equal(t, bankmux.ErrInvalid, p.Kind)
		assert.Equal(t, bankmux.CodeOtherSession, p.Code)
	})
}

// TestUserLeft specifies that leaving the provider's page is a problem of its own.
func TestUserLeft(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	s := a.start(t, "user-rosa", moneykit.Name)
	p := problem(t, a.send(t, "user-rosa", "POST", "/sessions/"+s.Session, `{"error":null}`), 409)
	assert.Equal(t, bankmux.ErrUserAction, p.Kind)
	assert.Equal(t, bankmux.CodeCancelled, p.Code)
	assert.True(t, p.UserMustAct)
	assert.Nil(t, p.Challenge)
}

// TestReload specifies that a page that was loaded again can go on with its session.
func TestReload(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	s := a.start(t, "user-rosa", moneykit.Name)
	assert.Equal(t, s, object[started](t, a.send(t, "user-rosa", "GET", "/sessions/"+s.Session, ""), 200))
}

// TestLinked specifies what the application learns of a link.
func TestLinked(t *testing.T) {
	t.Parallel()
	var calls []string
	a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) {
		c.Linked = func(_ context.Context, conn bankmux.Connection) { calls = append(calls, conn.ID) }
	})
	session := a.harborStart(t, "rosa")
	for range 2 {
		a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, ""))
	}
	require.Len(t, calls, 2, "once for each post")
	assert.Equal(t, calls[0], calls[1])
	assert.NotEmpty(t, a.stored(t, "rosa", calls[0]).ID, "it is stored before")
}

// TestPrepareSession specifies that the application completes the request for each session.
func TestPrepareSession(t *testing.T) {
	t.Parallel()
	products := []bankmux.ProductRequest{{Product: bankmux.ProductTransactions}}
	a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) {
		c.Session.Products = products
		c.PrepareSession = func(r *http.Request, req *bankmux.SessionRequest) error {
			req.Products[0].Product = bankmux.ProductIdentity
			if r.Header.Get("Blocked") != "" {
				return &bankmux.Error{Kind: bankmux.ErrNotPermitted}
			}
			return nil
		}
	})
	session := a.harborStart(t, "rosa")
	stored, err := a.store.Session(t.Context(), bankmux.SessionRef{User: "rosa", ID: session})
	require.NoError(t, err)
	assert.Equal(t, []bankmux.Product{bankmux.ProductIdentity}, stored.Products)
	assert.Equal(t, bankmux.ProductTransactions, products[0].Product, "the next request starts from the configuration")
	r := newRequest(t, "rosa", "POST", "/bank/sessions", "")
	r.Header.Set("Blocked", "yes")
	assert.Equal(t, bankmux.ErrNotPermitted, problem(t, serve(t, a.handler, r), 500).Kind)
}
