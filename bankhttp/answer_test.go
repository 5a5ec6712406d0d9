package bankhttp_test

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
)

var otp = bankmux.Input{Kind: bankmux.InputOTP, Query: "Code from the text message"}

// asked reads the accounts of a user whose bank asks, and returns the challenge.
func (a *app) asked(t *testing.T, user string) *bankhttp.Challenge {
	t.Helper()
	read := a.read(t, user)
	require.Len(t, read.Failed, 1)
	p := read.Failed[0].Problem
	require.Equal(t, bankmux.ErrUserAction, p.Kind)
	require.True(t, p.UserMustAct)
	require.NotNil(t, p.Challenge)
	return p.Challenge
}

// TestAnswer specifies how a user answers a bank, from one request to another.
func TestAnswer(t *testing.T) {
	t.Parallel()
	t.Run("the call goes on, and the response has its accounts", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newHarbor()
			a := newHarborApp(t, p)
			conn := a.harborLink(t, "rosa")
			p.ask(bankmux.OpAccounts, otp, bankmux.Input{Kind: bankmux.InputChoice, Options: []string{"text", "call"}})
			ch := a.asked(t, "rosa")
			assert.Equal(t, conn, ch.Connection)
			assert.Equal(t, bankhttp.Input{Kind: bankmux.InputOTP, Query: otp.Query}, ch.Inputs[0])
			assert.Equal(t, []string{"text", "call"}, ch.Inputs[1].Options)
			assert.Equal(t, bankmux.Moment(time.Now().Add(5*time.Minute)), ch.ExpiresAt)

			w := a.send(t, "rosa", "POST", "/challenges/"+ch.ID, `{"answers":["123456","1"]}`)
			got := object[accounts](t, w, 200)
			require.Len(t, got.Accounts, 2)
			assert.Len(t, got.Accounts[0].Balances, 1, "the balances were read too")
			assert.Equal(t, []string{"123456", "1"}, p.given)
			again := a.send(t, "rosa", "POST", "/challenges/"+ch.ID, `{"answers":["1","1"]}`)
			assert.Equal(t, bankmux.ErrChallengeExpired, problem(t, again, 409).Kind, "it is closed")
			assert.Equal(t, 404, a.send(t, "omar", "POST", "/challenges/"+ch.ID, `{"answers":["1","1"]}`).Code)
		})
	})
	t.Run("a bank that asks again gives the next question", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		a.harborLink(t, "rosa")
		p.ask(bankmux.OpAccounts, otp)
		first := a.asked(t, "rosa")
		p.ask(bankmux.OpBalances, bankmux.Input{Kind: bankmux.InputPIN})
		second := problem(t, a.send(t, "rosa", "POST", "/challenges/"+first.ID, `{"answers":["1"]}`), 409).Challenge
		require.NotNil(t, second)
		assert.Equal(t, bankmux.InputPIN, second.Inputs[0].Kind)
		assert.NotEqual(t, first.ID, second.ID)
		got := object[accounts](t, a.send(t, "rosa", "POST", "/challenges/"+second.ID, `{"answers":["2"]}`), 200)
		assert.Len(t, got.Accounts[0].Balances, 1)
	})
	t.Run("a picture comes as data, and anything else that a bank sends does not", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		a.harborLink(t, "rosa")
		p.ask(bankmux.OpAccounts,
			bankmux.Input{Kind: bankmux.InputCaptcha, Image: []byte("\x89PNG\r\n\x1a\n...")},
			bankmux.Input{Kind: bankmux.InputCaptcha, Image: []byte("<svg onload=alert(1)>")})
		inputs := a.asked(t, "rosa").Inputs
		assert.True(t, strings.HasPrefix(inputs[0].Image, "data:image/png;base64,"), inputs[0].Image)
		assert.Empty(t, inputs[1].Image)
	})
	t.Run("answers that do not fit are refused, and the question stays open", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		a.harborLink(t, "rosa")
		p.ask(bankmux.OpAccounts, otp)
		id := a.asked(t, "rosa").ID
		for _, body := range []string{
			``, `{}`, `{"answers":[]}`, `{"answers":[""]}`, `{"answers":["1","2"]}`, `{"answers":["1"],"abandon":true}`,
		} {
			assert.Equal(t, bankmux.ErrInvalid,
				problem(t, a.send(t, "rosa", "POST", "/challenges/"+id, body), 400).Kind, body)
		}
		assert.Empty(t, p.given)
		assert.Equal(t, 200, a.send(t, "rosa", "POST", "/challenges/"+id, `{"answers":["1"]}`).Code)
	})
	t.Run("a wrong answer is sent once", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		a.harborLink(t, "rosa")
		p.ask(bankmux.OpAccounts, otp)
		path := "/challenges/" + a.asked(t, "rosa").ID
		got := problem(t, a.send(t, "rosa", "POST", path, `{"answers":["wrong"]}`), 422)
		assert.Equal(t, bankmux.ErrAnswerRejected, got.Kind)
		again := problem(t, a.send(t, "rosa", "POST", path, `{"answers":["wrong"]}`), 409)
		assert.Equal(t, bankmux.ErrChallengeExpired, again.Kind)
		assert.Equal(t, []string{"wrong"}, p.given)
	})
	t.Run("an answer that is posted twice at once is sent once", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		a.harborLink(t, "rosa")
		p.ask(bankmux.OpAccounts, otp)
		path := "/challenges/" + a.asked(t, "rosa").ID
		var all sync.WaitGroup
		codes := make([]int, 8)
		for i := range codes {
			all.Go(func() { codes[i] = a.send(t, "rosa", "POST", path, `{"answers":["1"]}`).Code })
		}
		all.Wait()
		assert.ElementsMatch(t, []int{200, 409, 409, 409, 409, 409, 409, 409}, codes)
		assert.Equal(t, []string{"1"}, p.given)
	})
	t.Run("an answer that was certainly not sent can be given again", unsentAnswers)
	t.Run("a late answer is not sent", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newHarbor()
			a := newHarborApp(t, p)
			a.harborLink(t, "rosa")
			p.ask(bankmux.OpAccounts, otp)
			id := a.asked(t, "rosa").ID
			time.Sleep(5 * time.Minute)
			got := problem(t, a.send(t, "rosa", "POST", "/challenges/"+id, `{"answers":["1"]}`), 409)
			assert.Equal(t, bankmux.ErrChallengeExpired, got.Kind)
			assert.Empty(t, p.given)
		})
	})
}

// unsentAnswers posts answers that a call refuses. Only a question whose answer was certainly not
// sent is open again, and only if the call may succeed later.
func unsentAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind   bankmux.Kind
		sent   bool
		status int
		open   bool
	}{
		{kind: bankmux.ErrUnavailable, status: 503, open: true},
		{kind: bankmux.ErrCircuitOpen, status: 503, open: true},
		{kind: bankmux.ErrInstitution, status: 503, open: true},
		{kind: bankmux.ErrRateLimited, status: 503, open: true},
		{kind: bankmux.ErrContextDone, status: 504, open: true},
		{kind: bankmux.ErrCircuitOpen, sent: true, status: 503},
		{kind: bankmux.ErrInstitution, sent: true, status: 503},
		{kind: bankmux.ErrRateLimited, sent: true, status: 503},
		{kind: bankmux.ErrCredentials, status: 500},
	} {
		t.Run(string(c.kind)+map[bool]string{true: ", after the answer was sent"}[c.sent], func(t *testing.T) {
			t.Parallel()
			p := newHarbor()
			a := newHarborApp(t, p)
			a.harborLink(t, "rosa")
			p.ask(bankmux.OpAccounts, otp)
			id := a.asked(t, "rosa").ID
			p.mu.Lock()
			p.fail[bankmux.OpAccounts] = &bankmux.Error{Kind: c.kind, NotSent: !c.sent}
			p.mu.Unlock()
			got := problem(t, a.send(t, "rosa", "POST", "/challenges/"+id, `{"answers":["1"]}`), c.status)
			assert.Equal(t, c.kind, got.Kind)
			p.failing(bankmux.OpAccounts, "")
			again := a.send(t, "rosa", "POST", "/challenges/"+id, `{"answers":["1"]}`)
			assert.Equal(t, bankmux.ErrChallengeExpired, problem(t, again, 409).Kind, "the first id is closed")
			if !c.open {
				assert.Nil(t, got.Challenge)
				return
			}
			assert.Positive(t, got.RetryAfter)
			require.NotNil(t, got.Challenge)
			assert.Equal(t, otp.Query, got.Challenge.Inputs[0].Query)
			assert.Equal(t, 200, a.send(t, "rosa", "POST", "/challenges/"+got.Challenge.ID, `{"answers":["1"]}`).Code)
			assert.Equal(t, []string{"1"}, p.given)
		})
	}
}

// TestAnswerDapi specifies the same with a bank that keeps a connection busy while it asks.
func TestAnswerDapi(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	conn := a.link(t, "user-omar", dapi.Name)
	ask := func(kinds ...string) {
		require.NoError(t, a.bank.RequireInput(a.stored(t, "user-omar", conn.ID).Reference(), "", kinds))
	}
	t.Run("every call gets the same question until it is answered", func(t *testing.T) {
		ask("otp")
		first := a.asked(t, "user-omar")
		assert.Equal(t, first.ID, a.asked(t, "user-omar").ID)
		got := object[accounts](t, a.send(t, "user-omar", "POST", "/challenges/"+first.ID, `{"answers":["123456"]}`),
			200)
		assert.NotEmpty(t, got.Accounts)
	})
	t.Run("a question that is given up frees the connection", func(t *testing.T) {
		ask("otp")
		id := a.asked(t, "user-omar").ID
		assert.Equal(t, 204, a.send(t, "user-omar", "POST", "/challenges/"+id, `{"abandon":true}`).Code)
		assert.Empty(t, a.read(t, "user-omar").Failed)
	})
	t.Run("a sync that the bank interrupted goes on", func(t *testing.T) {
		ask("otp")
		path := "/connections/" + conn.ID + "/sync"
		asked := problem(t, a.send(t, "user-omar", "POST", path, ""), 409)
		require.NotNil(t, asked.Challenge)
		state := object[syncState](t, a.send(t, "user-omar", "GET", path, ""), 200)
		require.NotNil(t, state.Problem)
		assert.Equal(t, asked.Challenge.ID, state.Problem.Challenge.ID,
			"a page that was loaded again finds the question")

		w := a.send(t, "user-omar", "POST", "/challenges/"+asked.Challenge.ID, `{"answers":["123456"]}`)
		synced := object[syncState](t, w, 200)
		assert.NotZero(t, synced.SyncedAt)
		assert.Nil(t, synced.Problem)
		assert.Equal(t, a.booked(t, a.stored(t, "user-omar", conn.ID)), a.pages(t, "user-omar", ""))
	})
	t.Run("a worker does not call a bank that asks", func(t *testing.T) {
		stored := a.stored(t, "user-omar", conn.ID)
		require.NotZero(t, stored.Status.AskedAt, "every process knows that the bank asked")
		before := len(a.bank.Requests())
		require.NoError(t,
			a.service.Follow(t.Context(), bankmux.Event{Kind: bankmux.EventTransactionsAvailable}, stored))
		assert.Len(t, a.bank.Requests(), before)
	})
}

// TestPresence specifies that the provider learns who waits for a call, and that this user does not
// wait long.
func TestPresence(t *testing.T) {
	t.Parallel()
	t.Run("the address and the browser of the user", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p)
		r := newRequest(t, "rosa", "POST", "/bank/sessions", "")
		r.RemoteAddr = "192.0.2.7:4711"
		r.Header.Set("User-Agent", "Browser/1")
		object[started](t, serve(t, a.handler, r), 200)
		assert.Equal(t, bankmux.Presence{IP: netip.MustParseAddr("192.0.2.7"), UserAgent: "Browser/1"}, p.presences[0])

		conn := a.stored(t, "rosa", a.harborLink(t, "rosa"))
		require.NoError(t,
			a.service.Follow(t.Context(), bankmux.Event{Kind: bankmux.EventConnectionStateChanged}, conn))
		assert.True(t, p.presences[len(p.presences)-1].Absent, "no user waits for a worker")
	})
	t.Run("the address that a proxy passes on", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p, func(c *bankhttp.Config) {
			c.Presence = func(r *http.Request) bankmux.Presence {
				ip, _ := netip.ParseAddr(r.Header.Get("X-Forwarded-For"))
				return bankmux.Presence{IP: ip, UserAgent: r.UserAgent()}
			}
		})
		r := newRequest(t, "rosa", "POST", "/bank/sessions", "")
		r.Header.Set("X-Forwarded-For", "198.51.100.1")
		object[started](t, serve(t, a.handler, r), 200)
		assert.Equal(t, netip.MustParseAddr("198.51.100.1"), p.presences[0].IP)
	})
	t.Run("a rate limit is returned at once, with the time to wait", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := newHarbor()
			client := bankmux.NewClient("harbor", p, guard.Retry(guard.RetryOptions{MaxWait: time.Minute}))
			registry, err := bankmux.NewRegistry([]*bankmux.Client{client}, []bankmux.Route{{Client: "harbor"}})
			require.NoError(t, err)
			a := newHarborApp(t, p, func(c *bankhttp.Config) { c.Registry = registry })
			p.fail[bankmux.OpCreateSession] = &bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 20 * time.Second}
			asked := time.Now()
			w := a.send(t, "rosa", "POST", "/sessions", "")
			assert.Equal(t, 20, problem(t, w, 503).RetryAfter)
			assert.Less(t, time.Since(asked), 2*time.Second)
		})
	})
}
