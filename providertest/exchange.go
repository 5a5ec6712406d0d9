package providertest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/internal/wirefault"
)

// Received is what reached a provider when a session was made, directly or by way of the front end.
// A nil member is one that the provider does not take; the suite then says that it was not checked.
type Received struct {
	Institution *string // the provider's id of the bank that was chosen before
	Country     *string // the country of the bank; of several, the first
	WebhookURL  *string // where changes are announced
	RedirectURI *string // where a bank's own login page returns to
	Language    *string // of the provider's pages
	AccessDays  *int    // for how many days the permission shall last
	HistoryDays *int    // how many days of transactions it shall reach back
}

// errNotSent ends a call before the adapter is asked.
var errNotSent = errors.New("the suite stopped the call")

// readsExchange reports whether the adapter says that its exchange changes nothing. Nothing is
// sent.
func (b *bench) readsExchange(post bankmux.ExchangeRequest) bool {
	var effect bankmux.Effect
	asked := b.client.Client.With(func(_ context.Context, op bankmux.Op, _ func(context.Context) error) error {
		effect = op.Effect
		return errNotSent
	})
	_, _ = asked.ExchangeToken(b.t.Context(), post)
	return effect == bankmux.Read
}

// isRead reports whether a request changes nothing at the provider.
func (b *bench) isRead(r *http.Request) bool {
	if b.Words.Open != nil && b.Words.Open(r) {
		return true
	}
	if b.Reads != nil {
		return b.Reads(r)
	}
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}

// onlyReads checks the requests since a mark.
func (b *bench) onlyReads(mark int, what string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.requests[mark:] {
		assert.True(b.t, r.read, "%s is said to be a read, and sent %s %s", what, r.request.Method, r.request.URL.Path)
	}
}

// sessionsArrive checks that what the application asks for reaches the provider.
func sessionsArrive(t *testing.T, b *bench) {
	if b.lacks("Harness.Received", b.Received == nil, "what of a session request reaches the provider") {
		return
	}
	req := b.Request
	req.WebhookURL = "https://app.example.com/hooks/{client}"
	req.Language, req.AccessDays, req.HistoryDays = "pt", 60, 400
	s, err := b.client.CreateSession(t.Context(), req)
	require.NoError(t, err)
	received, err := b.Received(s)
	require.NoError(t, err)
	for _, c := range []struct {
		field string
		got   *string
		want  string
	}{
		{"Institution", received.Institution, req.Institution[b.client.Provider()]},
		{"Country", received.Country, req.Country},
		{"WebhookURL", received.WebhookURL, "https://app.example.com/hooks/" + b.client.Name()},
		{"RedirectURI", received.RedirectURI, req.RedirectURI},
		{"Language", received.Language, req.Language},
		{"AccessDays", decimalOf(received.AccessDays), "60"},
		{"HistoryDays", decimalOf(received.HistoryDays), "400"},
	} {
		if !b.lacks("Received."+c.field, c.got == nil, "whether the provider gets SessionRequest."+c.field) {
			assert.Equal(t, c.want, *c.got, "what reached the provider of SessionRequest.%s", c.field)
		}
	}
}

func decimalOf(n *int) *string {
	if n == nil {
		return nil
	}
	text := strconv.Itoa(*n)
	return &text
}

// consentsAreRead checks that a connection says how long the permission lasts.
func consentsAreRead(t *testing.T, b *bench) {
	if b.lacks("Harness.Consent", b.Consent == nil, "how long a permission lasts") {
		return
	}
	conn := b.connect(t.Context())
	given, err := b.Consent(conn)
	require.NoError(t, err)
	require.NotZero(t, given, "Harness.Consent has no date")
	for _, c := range []struct {
		name      string
		want, got time.Time
	}{
		{"ExpiresAt", given.ExpiresAt, conn.Consent.ExpiresAt},
		{"ReconfirmBy", given.ReconfirmBy, conn.Consent.ReconfirmBy},
		{"RenewFrom", given.RenewFrom, conn.Consent.RenewFrom},
	} {
		assert.True(
			t,
			c.want.Equal(c.got),
			"Connection.Consent.%s is %s, and the provider said %s",
			c.name,
			c.got,
			c.want,
		)
	}
}

// several links more banks than one in one run.
func several(t *testing.T, b *bench) {
	if b.lacks("Harness.LinkSeveral", b.LinkSeveral == nil, "several banks that are linked in one run") {
		return
	}
	const banks = 3
	s := b.session(t.Context())
	payload, err := b.LinkSeveral(s, banks)
	require.NoError(t, err)
	b.concealPayload(payload)
	post := bankmux.ExchangeRequest{Session: s, User: s.User, Payload: bankmux.NewSecret(payload)}
	got, err := b.client.ExchangeToken(t.Context(), post)
	require.NoError(t, err)
	all := got.All()
	require.Len(
		t,
		all,
		banks,
		"each bank that the user linked is a connection: the first, and the others in ExchangeResult.More",
	)
	ids, references := map[string]bool{}, map[string]bool{}
	for _, conn := range all {
		ids[conn.ID], references[conn.Reference()] = true, true
		assert.Equal(t, s.User, conn.User)
		row, err := conn.Seal(b.keyring())
		require.NoError(t, err)
		back, err := bankmux.Open(b.keyring(), conn.Ref(), row)
		require.NoError(t, err)
		assert.Equal(t, conn, back)
		if b.client.Has(bankmux.CapStatus) {
			now, err := b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
			require.NoError(t, err)
			assert.Equal(t, conn.ID, now.Connection.ID)
			assert.Equal(t, bankmux.StateActive, now.Connection.Status.State)
		}
	}
	assert.Len(t, ids, banks, "each connection of one run has an id of its own: see NewFurtherConnection")
	assert.Len(t, references, banks)
	again, err := b.client.ExchangeToken(t.Context(), post)
	if err != nil {
		require.ErrorIs(t, err, bankmux.ErrTokenSpent)
	}
	for _, conn := range again.All() {
		assert.True(t, err != nil || ids[conn.ID], "the same payload makes the same connections")
	}
	b.furtherBroken(banks)
}

// furtherBroken breaks the exchange of the second bank, for adapters that send one for each. The
// token of the first is spent by then.
func (b *bench) furtherBroken(banks int) {
	t := b.t
	s := b.session(t.Context())
	payload, err := b.LinkSeveral(s, banks)
	require.NoError(t, err)
	b.concealPayload(payload)
	unavailable := slices.IndexFunc(wirefault.All(), func(f wirefault.Fault) bool { return f.Name == "unavailable" })
	exchanges := 0
	b.inject(wirefault.All()[unavailable], 1, func(r *http.Request) bool {
		if b.IsExchange(r) {
			exchanges++
		}
		return exchanges == 2
	})
	post := bankmux.ExchangeRequest{Session: s, User: s.User, Payload: bankmux.NewSecret(payload)}
	first, err := b.client.ExchangeToken(t.Context(), post)
	b.show(err)
	b.heal()
	if exchanges < 2 {
		return
	}
	var rest bankmux.ExchangeResult
	if err != nil || len(first.All()) < banks {
		if err == nil {
			assert.Len(
				t,
				first.Failed,
				banks-len(first.All()),
				"each bank that could not be exchanged is in ExchangeResult.Failed",
			)
		}
		rest, err = b.client.ExchangeToken(t.Context(), post)
		require.NoError(t, err, "the exchange of a further bank failed, and the same payload does not give the rest")
	}
	ids, references := map[string]bool{}, map[string]bool{}
	for _, conn := range slices.Concat(first.All(), rest.All()) {
		if conn.ID != "" {
			ids[conn.ID], references[conn.Reference()] = true, true
		}
	}
	assert.Len(t, references, banks, "a bank is lost when the exchange of another fails")
	assert.Len(t, ids, banks, "each connection of one run has an id of its own, also where two calls were needed")
}

// productsAreGranted checks that a connection has the products that the user granted.
func productsAreGranted(t *testing.T, b *bench) {
	if b.lacks("Harness.Granted", b.Granted == nil, "the products of a connection") {
		return
	}
	conn := b.connect(t.Context())
	granted, err := b.Granted(conn)
	require.NoError(t, err)
	require.NotEmpty(t, granted, "Harness.Granted names no product")
	assert.ElementsMatch(t, granted, conn.Products, "Connection.Products are those that the user granted")
}

// reconnectsInVain lets the consent lapse again before the reconnect is finished, and posts what an
// earlier reconnect brought. Whatever the adapter answers, it may not call a connection active that
// is not.
func reconnectsInVain(t *testing.T, b *bench) {
	conn := b.connect(t.Context())
	session := func() bankmux.Session {
		require.NoError(t, b.Lapse(conn))
		got, err := b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
		require.NoError(t, err)
		req := b.Request
		req.Reconnect = &got.Connection
		s, err := b.client.CreateSession(t.Context(), req)
		require.NoError(t, err)
		return s
	}
	first := b.linked(session())
	require.NoError(t, b.Lapse(conn))
	b.activeOnlyIfRenewed(first, "whose bank ended the consent again")
	second := b.linked(session())
	renewed, err := single.Connection(b.client.ExchangeToken(t.Context(), second))
	require.NoError(t, err)
	conn = renewed
	old := second
	old.Session = session()
	b.activeOnlyIfRenewed(old, "with the payload of an earlier one")
}

// activeOnlyIfRenewed posts a reconnect. If it is accepted as active, the connection must work.
func (b *bench) activeOnlyIfRenewed(post bankmux.ExchangeRequest, which string) {
	b.t.Helper()
	conn, err := single.Connection(b.client.ExchangeToken(b.t.Context(), post))
	if err != nil || conn.Status.State != bankmux.StateActive {
		return
	}
	got, err := b.client.ConnectionStatus(b.t.Context(), bankmux.StatusRequest{Connection: conn})
	require.NoError(b.t, err)
	assert.Equal(
		b.t,
		bankmux.StateActive,
		got.Connection.Status.State,
		"a reconnect %s renewed nothing and was accepted as active",
		which,
	)
}

// behind selects the requests that follow an exchange. It must be called for each in turn.
func (b *bench) behind() func(*http.Request) bool {
	spent := false
	return func(r *http.Request) bool {
		if b.IsExchange(r) {
			spent = true
			return false
		}
		return spent && (b.Words.Open == nil || !b.Words.Open(r))
	}
}

// brokenBehindExchange lets the exchange pass and breaks whatever the adapter sends after it. The
// token is spent, so the connection must not be lost: it is returned, if need be as unverified, or
// the same payload finds it again, also in another process.
func brokenBehindExchange(t *testing.T, b *bench, f wirefault.Fault) {
	b.reclient(guard.Options{}, carrierOf(f))
	b.keptDespite(f, b.linked(b.session(t.Context())))
}

// brokenBehindReconnect does the same to the exchange of a reconnect.
func brokenBehindReconnect(t *testing.T, b *bench, f wirefault.Fault) {
	b.reclient(guard.Options{}, carrierOf(f))
	conn := b.connect(t.Context())
	require.NoError(t, b.Lapse(conn))
	got, err := b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
	require.NoError(t, err)
	req := b.Request
	req.Reconnect = &got.Connection
	s, err := b.client.CreateSession(t.Context(), req)
	require.NoError(t, err)
	b.keptDespite(f, b.linked(s))
}

// keptDespite breaks what follows an exchange and checks that its connection is not lost.
func (b *bench) keptDespite(f wirefault.Fault, post bankmux.ExchangeRequest) {
	t := b.t
	t.Helper()
	b.inject(f, -1, b.behind())
	conn, err := single.Connection(b.client.ExchangeToken(t.Context(), post))
	b.show(err)
	b.heal()
	b.reclient(guard.Options{}, carrierOf(f))
	if err != nil {
		post.Session = b.kept(post.Session)
		conn, err = single.Connection(b.client.ExchangeToken(t.Context(), post))
		require.NoError(
			t,
			err,
			"the exchange was carried out and a request after it failed: the token is spent and the connection is lost",
		)
	}
	assert.NotEmpty(t, conn.Reference())
	want := post.Session.ConnectionID
	if post.Session.Reconnect == nil {
		want = b.idOf(post.Session, conn)
	}
	assert.Equal(t, want, conn.ID)
	if !b.client.Has(bankmux.CapStatus) {
		return
	}
	time.Sleep(time.Minute)
	got, err := b.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
	require.NoError(t, err)
	assert.Equal(t, bankmux.StateActive, got.Connection.Status.State, "the connection works once the provider is back")
	assert.NotEmpty(t, got.Connection.Institution.ID)
}
