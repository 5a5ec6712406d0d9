package bankhttp_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/inbox"
)

// TestConfig specifies what the fields of a configuration do.
func TestConfig(t *testing.T) {
	t.Parallel()
	t.Run("the path of the public address is the prefix of all paths", func(t *testing.T) {
		t.Parallel()
		a := newHarborApp(t, newHarbor(),
			func(c *bankhttp.Config) { c.PublicURL = "https://app.example.com/api/money/" })
		w := serve(t, a.handler, newRequest(t, "rosa", "POST", "/api/money/sessions", ""))
		object[started](t, w, 200)
		assert.Equal(t, "/api/money/return", cookiesOf(w)[0].Path)
		assert.Equal(t, 404, serve(t, a.handler, newRequest(t, "rosa", "GET", "/bank/connections", "")).Code)
	})
	t.Run("a page at the public address may send requests through a proxy that changes the host", func(t *testing.T) {
		t.Parallel()
		a := newHarborApp(t, newHarbor())
		r := newRequest(t, "rosa", "POST", "/bank/sessions", "")
		r.Host = "10.0.0.7:8080"
		set(r, "Sec-Fetch-Site", "")
		set(r, "Origin", "https://app.example.com")
		assert.Equal(t, 200, serve(t, a.handler, r).Code)
	})
	t.Run("a session takes the rest of its request from the configuration", func(t *testing.T) {
		t.Parallel()
		var got bankmux.SessionRequest
		a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) {
			c.Session.User, c.Session.Country, c.Session.Language = "omar", "FR", "de"
			c.Session.Institution = bankmux.InstitutionRef{"harbor": "configured"}
			c.PrepareSession = func(_ *http.Request, req *bankmux.SessionRequest) error { got = *req; return nil }
		})
		a.send(t, "rosa", "POST", "/sessions", `{"country":"US","institution":{"harbor":"1"},"language":"fr"}`)
		assert.Equal(t, []any{"rosa", "US", "fr", bankmux.InstitutionRef{"harbor": "1"}},
			[]any{got.User, got.Country, got.Language, got.Institution})
		assert.Equal(t, "https://app.example.com/bank/hooks/{client}", got.WebhookURL)
		assert.Equal(t, "https://app.example.com/bank/return", got.RedirectURI)
		assert.Nil(t, got.Reconnect)

		conn := a.harborLink(t, "rosa")
		assert.Empty(t, got.Country, "the browser named none")
		assert.Empty(t, got.Institution)
		assert.Equal(t, "de", got.Language)
		a.send(t, "rosa", "POST", "/connections/"+conn+"/sessions", `{"country":"US","institution":{"harbor":"1"}}`)
		require.NotNil(t, got.Reconnect)
		assert.Equal(t, conn, got.Reconnect.ID)
		assert.Empty(t, got.Country, "the connection has its own")
		assert.Empty(t, got.Institution)
	})
	t.Run("what PrepareSession changes is of one request", preparedForOne)
	t.Run("deliveries have the limits of the configuration, and were sent to the public address", func(t *testing.T) {
		t.Parallel()
		p := newHarbor()
		a := newHarborApp(t, p, func(c *bankhttp.Config) { c.Webhooks = inbox.Limits{Body: 100} })
		assert.Equal(t, 200, a.hook(t, `{"kind":"unknown"}`).Code)
		assert.Equal(t, "https://app.example.com/bank/hooks/harbor", p.sentTo)
		assert.Equal(t, 413, a.hook(t, `{"kind":"`+strings.Repeat("x", 100)+`"}`).Code)
	})
}

// badge is a setting of a session.
type badge struct{ user string }

func (badge) ForProvider() string { return "harbor" }

// preparedForOne prepares sessions of two users at once. The lists of the configuration have room,
// in which an append would write.
func preparedForOne(t *testing.T) {
	t.Parallel()
	transactions := bankmux.ProductRequest{Product: bankmux.ProductTransactions}
	config := bankmux.SessionRequest{
		Products:     append(make([]bankmux.ProductRequest, 0, 4), transactions),
		Capabilities: append(make([]bankmux.Capability, 0, 4), bankmux.CapSync),
		Tags:         append(make([]string, 0, 4), "all"),
		Options:      append(make([]bankmux.SessionOption, 0, 4), badge{"all"}),
	}
	var both sync.WaitGroup
	both.Add(2)
	users := []string{"rosa", "omar"}
	prepared := map[string]chan bankmux.SessionRequest{"rosa": make(chan bankmux.SessionRequest, 1)}
	prepared["omar"] = make(chan bankmux.SessionRequest, 1)
	a := newHarborApp(t, newHarbor(), func(c *bankhttp.Config) {
		c.Session = config
		c.PrepareSession = func(_ *http.Request, req *bankmux.SessionRequest) error {
			own := bankmux.ProductRequest{Product: bankmux.ProductAccounts, Reason: req.User}
			req.Products[0].Reason, req.Capabilities[0] = req.User, bankmux.CapAccounts
			req.Tags[0], req.Options[0] = req.User, badge{req.User}
			req.Products = append(req.Products, own)
			req.Capabilities = append(req.Capabilities, bankmux.CapStatus)
			req.Tags, req.Options = append(req.Tags, req.User), append(req.Options, badge{req.User})
			both.Done()
			both.Wait()
			prepared[req.User] <- *req
			return nil
		}
	})
	codes := make(chan int, len(users))
	for _, user := range users {
		go func() { codes <- a.send(t, user, "POST", "/sessions", "").Code }()
	}
	assert.Equal(t, []int{200, 200}, []int{<-codes, <-codes})
	for _, user := range users {
		req := <-prepared[user]
		assert.Equal(t, []string{user, user}, []string{req.Products[0].Reason, req.Products[1].Reason})
		assert.Equal(t, []string{user, user}, req.Tags)
		assert.Equal(t, []bankmux.SessionOption{badge{user}, badge{user}}, req.Options)
	}
	assert.Equal(t, []bankmux.ProductRequest{transactions, {}}, config.Products[:2])
	assert.Equal(t, []bankmux.Capability{bankmux.CapSync, ""}, config.Capabilities[:2])
	assert.Equal(t, []string{"all", ""}, config.Tags[:2])
	assert.Equal(t, []bankmux.SessionOption{badge{"all"}, nil}, config.Options[:2])
}

// TestLog specifies what the logger receives of errors whose text is not sent.
func TestLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	p, store := newHarbor(), &faulty{Store: bankhttp.NewMemory()}
	a := newHarborApp(t, p, func(c *bankhttp.Config) {
		c.Store = store
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	conn := a.harborLink(t, "rosa")
	for name, c := range map[string]struct {
		kind   bankmux.Kind
		level  string
		status string
	}{
		"an operator must act":    {bankmux.ErrCredentials, "ERROR", "500"},
		"a provider that is down": {bankmux.ErrUnavailable, "WARN", "503"},
		"only the user can act":   {bankmux.ErrReauth, "DEBUG", "409"},
		"the request is invalid":  {bankmux.ErrInvalid, "DEBUG", "400"},
	} {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			p.failing(bankmux.OpCreateSession, c.kind)
			a.send(t, "rosa", "POST", "/connections/"+conn+"/sessions", "")
			assert.Contains(t, log.String(), "level="+c.level)
			assert.Contains(t, log.String(), "status="+c.status)
			assert.Contains(t, log.String(), string(c.kind))
			assert.NotContains(t, log.String(), planted+"-credential")
		})
	}
	t.Run("the store fails", func(t *testing.T) {
		log.Reset()
		store.arm(1, false)
		a.send(t, "rosa", "GET", "/connections", "")
		assert.Contains(t, log.String(), "level=ERROR")
		assert.Contains(t, log.String(), "disk is full")
	})
	t.Run("a bank that rejects an answer", func(t *testing.T) {
		p.ask(bankmux.OpAccounts, otp)
		id := a.asked(t, "rosa").ID
		log.Reset()
		a.send(t, "rosa", "POST", "/challenges/"+id, `{"answers":["wrong"]}`)
		assert.Contains(t, log.String(), planted, "the text of the bank's error")
	})
}

// TestPublicURLRefused specifies addresses that New does not take.
func TestPublicURLRefused(t *testing.T) {
	t.Parallel()
	a := newHarborApp(t, newHarbor())
	for _, url := range []string{
		"https://user@app.example.com/bank", "https://app.example.com/bank#part", "https://app.example.com/bank?a=b",
	} {
		_, err := bankhttp.New(bankhttp.Config{Registry: a.registry, Store: a.store, User: userOf, PublicURL: url})
		require.ErrorIs(t, err, bankmux.ErrInvalid, url)
	}
}
