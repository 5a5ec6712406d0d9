package bankhttp_test

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// hook sends a delivery of the provider.
func (a *app) hook(t *testing.T, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := newRequest(t, "", "POST", "/bank/hooks/harbor", body)
	r.Header.Set("Genuine", "yes")
	return serve(t, a.handler, r)
}

// events returns what waits in the queue, by connection.
func (a *app) events(t *testing.T) (all []string) {
	t.Helper()
	for {
		event, conn, err := a.store.(*bankhttp.Memory).Dequeue(t.Context())
		if err != nil {
			return all
		}
		all = append(all, fmt.Sprint(event.Kind, " of ", conn.User))
	}
}

// TestWebhooks specifies the result of a delivery.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	t.Run("an event waits for a worker, once", func(t *testing.T) {
		t.Parallel()
		a := newHarborApp(t, newHarbor())
		conn := a.stored(t, "rosa", a.harborLink(t, "rosa"))
		a.events(t)
		body := `{"kind":"connection_state_changed","reference":"` + conn.Reference() + `"}`
		for range 3 {
			assert.Equal(t, 200, a.hook(t, body).Code)
		}
		assert.Equal(t, []string{"connection_state_changed of rosa"}, a.events(t))
	})
	t.Run("a forged delivery is refused", func(t *testing.T) {
		t.Parallel()
		a := newApp(t)
		for _, provider := range []string{moneykit.Name, dapi.Name} {
			for _, forgery := range virtualbank.Forgeries(provider) {
				r, err := a.bank.Forge(forgery, "https://app.example.com/bank/hooks/"+provider,
					virtualbank.Webhook{Provider: provider, Event: "x"})
				require.NoError(t, err)
				assert.Equal(t, 401, serve(t, a.handler, r).Code, forgery)
			}
		}
		assert.Empty(t, a.events(t))
	})
	t.Run("a store that fails lets the provider deliver again", func(t *testing.T) {
		t.Parallel()
		store := &faulty{Store: bankhttp.NewMemory()}
		a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) { c.Store = store })
		for n := 1; ; n++ {
			body := fmt.Sprintf(`{"kind":"transactions_available","reference":"%d"}`, n)
			store.arm(n, false)
			code := a.hook(t, body).Code
			if !store.fired() {
				assert.Greater(t, n, 2)
				return
			}
			assert.GreaterOrEqual(t, code, 500)
			assert.Equal(t, 200, a.hook(t, body).Code)
		}
	})
	t.Run("a flow that ends while the user is away becomes a connection", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		session := a.harborStart(t, "rosa")
		body := `{"kind":"link_finished","session":"` + session + `","payload":` +
			fmt.Sprintf("%q", codeOf(session, "")) + `}`
		assert.Equal(t, 200, a.hook(t, body).Code)
		all, err := a.store.Connections(t.Context(), "rosa")
		require.NoError(t, err)
		require.Len(t, all, 1)
		assert.Equal(t, []string{"transactions_available of rosa"}, a.events(t), "the first sync waits in the queue")

		posted := object[linked](t, a.send(t, "rosa", "POST", "/sessions/"+session, codeOf(session, "")), 200)
		assert.Equal(t, all[0].ID, posted.Connections[0].ID, "the browser's own post finds it")
		assert.Equal(t, 1, p.count(bankmux.OpExchangeToken))
	})
	t.Run("a flow whose session has expired is not delivered again", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			a := newHarborApp(t, newHarbor())
			session := a.harborStart(t, "rosa")
			stored, err := a.store.Session(t.Context(), bankmux.SessionRef{User: "rosa", ID: session})
			require.NoError(t, err)
			time.Sleep(time.Until(stored.ExpiresAt))
			body := fmt.Sprintf(`{"kind":"link_finished","session":%q,"payload":%q}`, session, codeOf(session, ""))
			assert.Equal(t, 200, a.hook(t, body).Code)
			_, err = a.store.FindSession(t.Context(), session)
			require.ErrorIs(t, err, bankmux.ErrTokenSpent)
			for _, method := range []string{"GET", "POST"} {
				w := a.send(t, "rosa", method, "/sessions/"+session, "")
				assert.Equal(t, bankmux.ErrTokenSpent, problem(t, w, 409).Kind)
			}
		})
	})
	t.Run("a flow that failed or belongs to another application is not delivered again", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		session := a.harborStart(t, "rosa")
		for _, payload := range []string{`{"error":null}`, `{"session":"` + session + `"}`} {
			body := fmt.Sprintf(`{"kind":"link_finished","session":%q,"payload":%q}`, session, payload)
			assert.Equal(t, 200, a.hook(t, body).Code, payload)
		}
		assert.Equal(t, 200, a.hook(t, `{"kind":"link_finished","session":"unknown","payload":"{}"}`).Code)
		assert.Zero(t, p.links)
		p.failing(bankmux.OpExchangeToken, bankmux.ErrUnavailable)
		body := fmt.Sprintf(`{"kind":"link_finished","session":%q,"payload":%q}`, session, codeOf(session, ""))
		assert.Equal(t, 500, a.hook(t, body).Code, "a provider that is down may come back")
		p.failing(bankmux.OpExchangeToken, "")
		assert.Equal(t, 200, a.hook(t, body).Code)
		assert.Equal(t, 1, p.links)
	})
	for name, c := range map[string]struct {
		kinds  []bankmux.Kind
		status int
	}{
		"may be linked later":     {[]bankmux.Kind{bankmux.ErrTokenSpent, bankmux.ErrInstitution}, 500},
		"cannot be linked by it":  {[]bankmux.Kind{bankmux.ErrTokenSpent, bankmux.ErrUserAction}, 200},
		"has an unknown outcome":  {[]bankmux.Kind{bankmux.ErrOutcomeUnknown}, 500},
		"is nowhere to be linked": {nil, 200},
	} {
		t.Run("a run of several banks is delivered again if another one "+name, func(t *testing.T) {
			t.Parallel()
			p := newHarbor()
			a := newHarborApp(t, p)
			session := a.harborStart(t, "rosa")
			for _, kind := range c.kinds {
				p.lost = append(p.lost, bankmux.Failure{Err: plantedError(kind)})
			}
			body := fmt.Sprintf(`{"kind":"link_finished","session":%q,"payload":%q}`, session, codeOf(session, ""))
			assert.Equal(t, c.status, a.hook(t, body).Code)
			assert.Len(t, a.events(t), 1)
		})
	}
}

// TestFollow specifies what a worker does with an event.
func TestFollow(t *testing.T) {
	t.Parallel()
	follow := func(t *testing.T, a *app, conn string, kind bankmux.EventKind) error {
		t.Helper()
		return a.service.Follow(t.Context(), bankmux.Event{Kind: kind}, a.stored(t, "rosa", conn))
	}
	t.Run("it syncs, or reads the state", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		conn := a.harborLink(t, "rosa")
		require.NoError(t, follow(t, a, conn, bankmux.EventTransactionsAvailable))
		assert.Equal(t, 2, a.pages(t, "rosa", ""))
		require.NoError(t, follow(t, a, conn, bankmux.EventConsentExpiring))
		assert.Equal(t, 1, p.count(bankmux.OpConnectionStatus))
		require.NoError(t, follow(t, a, conn, bankmux.EventUnknown))
	})
	t.Run("after a refresh it reads the state and syncs", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		require.NoError(t, follow(t, a, a.harborLink(t, "rosa"), bankmux.EventProductRefreshed))
		assert.Equal(t, 1, p.count(bankmux.OpConnectionStatus))
		assert.Equal(t, 2, a.pages(t, "rosa", ""))
	})
	t.Run("it syncs although an earlier round failed and must wait", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		conn := a.harborLink(t, "rosa")
		p.failing(bankmux.OpAccounts, bankmux.ErrUnavailable)
		require.ErrorIs(t, follow(t, a, conn, bankmux.EventTransactionsAvailable), bankmux.ErrUnavailable)
		p.failing(bankmux.OpAccounts, "")
		require.NoError(t, follow(t, a, conn, bankmux.EventTransactionsAvailable))
		assert.Equal(t, 2, a.pages(t, "rosa", ""))
	})
	t.Run("an account that could not be read is remembered, and the event is done", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		p.unread = []bankmux.Failure{{Account: planted + "1", Err: plantedError(bankmux.ErrInstitution)}}
		a := newHarborApp(t, p)
		conn := a.harborLink(t, "rosa")
		require.NoError(t, follow(t, a, conn, bankmux.EventTransactionsAvailable))
		state, err := a.store.SyncState(t.Context(), a.stored(t, "rosa", conn))
		require.NoError(t, err)
		assert.Len(t, state.Failed, 1)
	})
	t.Run("an error that only the user can resolve ends the event, and any other does not", func(t *testing.T) {
		t.Parallel()
		for _, kind := range bankmux.Kinds() {
			p := newHarbor()
			a := newHarborApp(t, p)
			conn := a.harborLink(t, "rosa")
			p.failing(bankmux.OpConnectionStatus, kind)
			err := follow(t, a, conn, bankmux.EventConnectionStateChanged)
			done := kind.UserMustAct() || kind == bankmux.ErrUnsupported || kind == bankmux.ErrInvalid
			assert.Equal(t, done, err == nil, kind)
			if kind.State() != "" {
				assert.Equal(t, kind.State(), a.stored(t, "rosa", conn).Status.State, "the stored state has it")
			}
		}
	})
	t.Run("a provider is known by its name", func(t *testing.T) {
		t.Parallel()
		a := newHarborApp(t, newHarbor())
		r := newRequest(t, "", "POST", "/bank/hooks/unknown", `{}`)
		assert.Equal(t, 404, serve(t, a.handler, r).Code)
		assert.NotContains(t, serve(t, a.handler, r).Body.String(), "harbor")
	})
}
