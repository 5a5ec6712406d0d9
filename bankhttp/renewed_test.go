package bankhttp_test

// This file tests calls that end after the user has reconnected.

import (
	"context"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// slowHarbor is a harbor whose next call on a connection ends after a reconnect, if there is one.
// The former login has lost its access and its bank.
type slowHarbor struct {
	*harbor

	reconnect func()
	asked     func() // runs when the bank has asked for the list of accounts
}

func (p *slowHarbor) late() bool {
	reconnect := p.reconnect
	p.reconnect = nil
	if reconnect != nil {
		reconnect()
	}
	return reconnect != nil
}

func (p *slowHarbor) Accounts(ctx context.Context, req bankmux.AccountsRequest) (bankmux.AccountsResult, error) {
	res, err := p.harbor.Accounts(ctx, req)
	if err != nil && p.asked != nil {
		p.asked()
	}
	return res, err
}

// newSlowApp makes an application with this provider alone.
func newSlowApp(t *testing.T, p *slowHarbor) *app {
	t.Helper()
	client := bankmux.NewClient("harbor", p)
	registry, err := bankmux.NewRegistry([]*bankmux.Client{client}, []bankmux.Route{{Client: "harbor"}})
	require.NoError(t, err)
	return newApp(t, func(c *bankhttp.Config) { c.Registry, c.Session.Products = registry, nil })
}

func (p *slowHarbor) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	if p.late() {
		return bankmux.Delta{}, plantedError(bankmux.ErrReauth)
	}
	return p.harbor.Sync(ctx, req)
}

func (p *slowHarbor) ConnectionStatus(
	ctx context.Context, req bankmux.StatusRequest,
) (bankmux.StatusResult, error) {
	if p.late() {
		req.Connection.Institution.Name = "former"
		req.Connection.Status = bankmux.Status{State: bankmux.StateReauth}
	}
	return p.harbor.ConnectionStatus(ctx, req)
}

// TestRenewedMeanwhile specifies that a call with a former login says nothing about the new one.
func TestRenewedMeanwhile(t *testing.T) {
	t.Parallel()
	sync := func(t *testing.T, a *app, conn bankmux.Connection) {
		t.Helper()
		got := problem(t, a.send(t, "rosa", "POST", "/connections/"+conn.ID+"/sync", ""), 409)
		assert.Equal(t, bankmux.ErrReauth, got.Kind)
	}
	status := func(t *testing.T, a *app, conn bankmux.Connection) {
		t.Helper()
		event := bankmux.Event{Kind: bankmux.EventConnectionStateChanged}
		require.NoError(t, a.service.Follow(t.Context(), event, conn))
	}
	for name, c := range map[string]struct {
		call func(*testing.T, *app, bankmux.Connection)
		free bool // the reference stays
	}{
		"a sync, and the reference stays":           {sync, true},
		"a sync, and the reference changes":         {sync, false},
		"a status check, and the reference stays":   {status, true},
		"a status check, and the reference changes": {status, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &slowHarbor{harbor: newHarbor()}
				p.free = c.free
				a := newSlowApp(t, p)
				id := a.harborLink(t, "rosa")
				former := a.stored(t, "rosa", id)
				var renewed bankmux.Connection
				p.reconnect = func() {
					if c.free {
						time.Sleep(time.Millisecond)
					}
					again := object[started](t, a.send(t, "rosa", "POST", "/connections/"+id+"/sessions", ""), 200)
					a.send(t, "rosa", "POST", "/sessions/"+again.Session, codeOf(again.Session, ""))
					renewed = a.stored(t, "rosa", id)
				}
				c.call(t, a, former)
				require.Equal(t, c.free, former.Reference() == renewed.Reference())
				require.Equal(t, c.free, !former.LinkedAt.Equal(renewed.LinkedAt))
				assert.Equal(t, renewed, a.stored(t, "rosa", id))
				assert.Equal(t, bankmux.StateActive, renewed.Status.State)
			})
		})
	}
}

// TestQuestionOfFormerLogin specifies that a question to a former login ends with a reconnect.
func TestQuestionOfFormerLogin(t *testing.T) {
	t.Parallel()
	reconnect := func(t *testing.T, a *app, id string) {
		t.Helper()
		time.Sleep(time.Second)
		again := object[started](t, a.send(t, "rosa", "POST", "/connections/"+id+"/sessions", ""), 200)
		w := a.send(t, "rosa", "POST", "/sessions/"+again.Session, codeOf(again.Session, ""))
		require.Equal(t, 200, w.Code)
	}
	t.Run("the answer waited for the store", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p, store := newHarbor(), &stateless{Store: bankhttp.NewMemory()}
			a := newHarborApp(t, p, func(c *bankhttp.Config) { c.Store = store })
			id := a.harborLink(t, "rosa")
			p.ask(bankmux.OpAccounts, otp)
			question := a.read(t, "rosa").Failed[0].Problem.Challenge
			require.NotNil(t, question)
			store.away = true
			path := "/challenges/" + question.ID
			problem(t, a.send(t, "rosa", "POST", path, `{"answers":["1"]}`), 503)
			store.away = false
			reconnect(t, a, id)
			w := a.send(t, "rosa", "POST", path, `{"answers":["1"]}`)
			assert.Equal(t, bankmux.ErrChallengeExpired, problem(t, w, 409).Kind)
			assert.Empty(t, p.given)
		})
	})
	t.Run("the bank asked after the reconnect", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := &slowHarbor{harbor: newHarbor()}
			a := newSlowApp(t, p)
			id := a.harborLink(t, "rosa")
			p.ask(bankmux.OpAccounts, otp)
			p.asked = func() { reconnect(t, a, id) }
			got := a.read(t, "rosa").Failed[0].Problem
			assert.Equal(t, bankmux.ErrChallengeExpired, got.Kind)
			assert.Nil(t, got.Challenge)
		})
	})
}

// stateless is a store whose states of syncs may be away.
type stateless struct {
	bankhttp.Store

	away bool
}

func (s *stateless) SyncState(ctx context.Context, conn bankmux.Connection) (bankmux.SyncState, error) {
	if s.away {
		return bankmux.SyncState{}, errAway
	}
	return s.Store.SyncState(ctx, conn)
}

// TestStateOfFormerLogin specifies that a reconnect ends the problem that only it could resolve.
func TestStateOfFormerLogin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newHarbor()
		a := newHarborApp(t, p)
		id := a.harborLink(t, "rosa")
		state := func() *httptest.ResponseRecorder { return a.send(t, "rosa", "GET", "/connections/"+id+"/sync", "") }
		p.failing(bankmux.OpSync, bankmux.ErrReauth)
		problem(t, a.send(t, "rosa", "POST", "/connections/"+id+"/sync", ""), 409)
		assert.Contains(t, state().Body.String(), bankmux.ErrReauth)
		time.Sleep(time.Second)
		again := object[started](t, a.send(t, "rosa", "POST", "/connections/"+id+"/sessions", ""), 200)
		require.Equal(t, 200,
			a.send(t, "rosa", "POST", "/sessions/"+again.Session, codeOf(again.Session, "")).Code)
		assert.JSONEq(t, `{"connection":"`+id+`"}`, state().Body.String())
	})
}
