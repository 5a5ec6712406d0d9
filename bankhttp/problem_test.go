package bankhttp_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// TestProblem specifies the problem document of each error.
func TestProblem(t *testing.T) {
	t.Parallel()
	for _, kind := range bankmux.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			err := plantedError(kind)
			err.RetryAfter = 1500 * time.Millisecond
			w := httptest.NewRecorder()
			bankhttp.ProblemOf(fmt.Errorf("wrapped %s: %w", planted, err)).ServeHTTP(w, nil)
			p := problem(t, w, bankhttp.StatusOf(kind))
			assert.GreaterOrEqual(t, p.Status, 400)
			assert.Equal(t, kind, p.Kind)
			remedy := kind.Remedy()
			switch kind {
			case bankmux.ErrNotReady: // a browser cannot refresh, and a link under way needs none
				remedy = "wait for Retry-After, and send the same request again"
			case bankmux.ErrContextDone: // a browser sets no deadline
				remedy = "wait for Retry-After, and send the same request again; a longer Config.HandleFor may help"
			}
			assert.Equal(t, remedy, p.Remedy)
			assert.Equal(t, kind.UserMustAct(), p.UserMustAct)
			assert.Equal(t, 2, p.RetryAfter, "rounded up")
			assert.Equal(t, strconv.Itoa(p.RetryAfter), w.Header().Get("Retry-After"))
			assert.NotContains(t, w.Body.String(), planted)
			if kind.Temporary() {
				assert.Equal(t, 503, p.Status)
				assert.Positive(t, bankhttp.ProblemOf(kind).RetryAfter, "also if the provider does not say how long")
			}
			if kind.UserMustAct() {
				assert.Less(t, p.Status, 500, "it is not a failure of the service")
			}
			if kind != bankmux.ErrUnknown {
				assert.NotEqual(t, bankhttp.ProblemOf(bankmux.ErrUnknown).Title, p.Title, "it has a row of its own")
			}
		})
	}
	t.Run("a kind of a later version is treated like an unknown one", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, bankhttp.StatusOf(bankmux.ErrUnknown), bankhttp.StatusOf("new_kind"))
		assert.NotEmpty(t, bankhttp.ProblemOf(bankmux.Kind("new_kind")).Remedy)
	})
	t.Run("an error without a kind is internal, and its text is not sent", func(t *testing.T) {
		t.Parallel()
		w := httptest.NewRecorder()
		bankhttp.ProblemOf(errors.New(planted)).ServeHTTP(w, nil)
		assert.EqualValues(t, "internal", problem(t, w, 500).Kind)
		assert.NotContains(t, w.Body.String(), planted)
	})
	t.Run("the library's own codes are sent, and those of a provider are not", func(t *testing.T) {
		t.Parallel()
		for code, kind := range map[string]bankmux.Kind{
			bankmux.CodeOtherSession: bankmux.ErrInvalid,
			bankmux.CodeCancelled:    bankmux.ErrUserAction,
			bankmux.CodeUserAbsent:   bankmux.ErrUserAction,
		} {
			p := bankhttp.ProblemOf(&bankmux.Error{Kind: kind, Code: code})
			assert.Equal(t, code, p.Code)
			assert.Equal(t, http.StatusConflict, p.Status)
		}
	})
	t.Run("a login at another bank is a problem of its own", func(t *testing.T) {
		t.Parallel()
		p := bankhttp.ProblemOf(&bankmux.Error{Kind: bankmux.ErrInvalid, Code: bankmux.CodeOtherBank})
		assert.Equal(t, http.StatusConflict, p.Status)
		assert.Equal(t, "other_bank", p.Code)
		assert.Equal(t, "The login is at another bank", p.Title)
		assert.Contains(t, p.Detail, "another bank")
		assert.Equal(t, "offer a new link, or the reconnect again", p.Remedy)
		assert.True(t, p.UserMustAct)
	})
	t.Run("an unknown error of one bank is like an outage of it", func(t *testing.T) {
		t.Parallel()
		p := bankhttp.ProblemOf(&bankmux.Error{Kind: bankmux.ErrUnknown, Scope: bankmux.ScopeInstitution})
		assert.Equal(t, 503, p.Status)
		assert.Equal(t, bankhttp.ProblemOf(bankmux.ErrInstitution).Detail, p.Detail)
	})
}

// TestSecrets specifies that no response has a secret, an id of a provider or the text of an error,
// whatever fails. The provider plants a text in all of these.
func TestSecrets(t *testing.T) {
	t.Parallel()
	for _, kind := range append(bankmux.Kinds(), "", "new_kind") {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { failEverywhere(t, kind) }) // a sync waits for data that is not ready
		})
	}
	t.Run("a store that fails", func(t *testing.T) {
		t.Parallel()
		for n := 1; ; n++ {
			broken := &faulty{Store: bankhttp.NewMemory()}
			a, p, conn, _ := relinked(t, func(c *bankhttp.Config) { c.Store = broken })
			broken.arm(n, false)
			a.tour(t, p, conn)
			if !broken.fired() {
				return
			}
		}
	})
	t.Run("code of the application that fails", func(t *testing.T) {
		t.Parallel()
		a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) {
			c.PrepareSession = func(*http.Request, *bankmux.SessionRequest) error { return errors.New(planted) }
		})
		w := a.send(t, "rosa", "POST", "/sessions", "")
		assert.EqualValues(t, "internal", problem(t, w, 500).Kind)
		assert.NotContains(t, w.Body.String(), planted)
	})
}

// failEverywhere sends requests to every handler while each call of the provider fails in turn.
func failEverywhere(t *testing.T, kind bankmux.Kind) {
	t.Helper()
	a, p, conn, _ := relinked(t)
	p.hosted = true
	for _, op := range []string{
		bankmux.OpCreateSession, bankmux.OpExchangeToken, bankmux.OpAccounts, bankmux.OpBalances, bankmux.OpSync,
		bankmux.OpConnectionStatus, bankmux.OpDisconnect, afterAnswer,
	} {
		p.failing(op, kind)
		asked := a.tour(t, p, conn)
		require.True(t, asked || op != afterAnswer)
		p.failing(op, "")
		conn = a.harborLink(t, "rosa") // the user was deleted
	}
	p.lost = []bankmux.Failure{{Account: planted, Transaction: planted, Err: plantedError(kind)}}
	a.tour(t, p, conn)
}

// tour sends a request to every handler, and looks for planted texts in each response. It reports
// whether the bank asked the user: it does at balances, if no error comes first.
func (a *app) tour(t *testing.T, p *harbor, conn string) (asked bool) {
	t.Helper()
	look := func(w *httptest.ResponseRecorder) *httptest.ResponseRecorder {
		assert.NotContains(t, strings.ToUpper(fmt.Sprint(w.Header(), w.Body.String())), planted)
		return w
	}
	first := look(a.send(t, "rosa", "POST", "/sessions", `{"country":"US"}`))
	var s started
	require.NoError(t, json.Unmarshal(first.Body.Bytes(), &s))
	look(a.send(t, "rosa", "GET", "/sessions/"+s.Session, ""))
	look(a.send(t, "rosa", "GET", "/return?session="+s.Session+"&code="+s.Session, ""))
	look(a.send(t, "rosa", "POST", "/sessions/"+s.Session, codeOf(s.Session, "")))
	look(a.send(t, "rosa", "POST", "/sessions/"+s.Session, codeOf("another", "")))
	look(a.send(t, "rosa", "POST", "/connections/"+conn+"/sessions", ""))
	look(a.send(t, "rosa", "GET", "/connections", ""))
	p.ask(bankmux.OpBalances, otp)
	read := look(a.send(t, "rosa", "POST", "/accounts", ""))
	p.ask(bankmux.OpBalances)
	look(a.send(t, "rosa", "GET", "/accounts", ""))
	look(a.send(t, "rosa", "POST", "/connections/"+conn+"/sync", ""))
	state := look(a.send(t, "rosa", "GET", "/connections/"+conn+"/sync", ""))
	look(a.send(t, "rosa", "GET", "/transactions?q=coffee", ""))
	_, after, asked := strings.Cut(read.Body.String(), `"challenge":{"id":"`)
	if asked {
		id, _, _ := strings.Cut(after, `"`)
		look(a.send(t, "rosa", "POST", "/challenges/"+id, `{"answers":["1"]}`))
	}
	unnamed := "x"
	if _, after, ok := strings.Cut(state.Body.String(), `"unnamed":[{"id":"`); ok {
		unnamed, _, _ = strings.Cut(after, `"`)
	}
	for _, decision := range []string{`{"account":"x"}`, `{"new":true}`, `{"account":"y"}`, ``} {
		look(a.send(t, "rosa", "POST", "/unnamed/"+unnamed, decision))
	}
	look(a.send(t, "rosa", "GET", "/health", ""))
	look(a.send(t, "rosa", "GET", "/launcher.js", ""))
	hook := newRequest(t, "", "POST", "/bank/hooks/harbor", `{"kind":"link_finished","session":"`+s.Session+`"}`)
	hook.Header.Set("Genuine", "yes")
	look(serve(t, a.handler, hook))
	look(a.send(t, "rosa", "DELETE", "/connections/x", ""))
	if s.Session != "" {
		made := look(a.send(t, "rosa", "POST", "/sessions/"+s.Session, codeOf(s.Session, "")))
		var l linked
		if json.Unmarshal(made.Body.Bytes(), &l) == nil && len(l.Connections) > 0 && l.Connections[0].ID != conn {
			look(a.send(t, "rosa", "DELETE", "/connections/"+l.Connections[0].ID, ""))
		}
	}
	look(a.send(t, "rosa", "DELETE", "/user", ""))
	return asked
}
