package store_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/store"
	"github.com/bankmux/bankmux/virtualbank"
)

// wire carries requests to Dapi. Each takes a while, and it counts those that overlap on a token.
type wire struct {
	bank http.Handler
	hang chan struct{} // if not nil, responses wait for it

	mu      sync.Mutex
	running map[string]int
	calls   int
	overlap int
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	token := r.Header.Get("Authorization")
	w.mu.Lock()
	w.running[token]++
	w.calls++
	if w.running[token] > 1 {
		w.overlap++
	}
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.running[token]--
	}()
	time.Sleep(100 * time.Millisecond) // in virtual time
	if w.hang != nil {
		<-w.hang
	}
	response := httptest.NewRecorder()
	w.bank.ServeHTTP(response, r)
	return response.Result(), nil
}

// providerLimit is how long Dapi works on a call whose caller has died.
const providerLimit = 30 * time.Second

// replica is a process of an application, with a store, a guard and a client of its own.
type replica struct {
	store  *store.Store
	fleet  *guard.Fleet
	client *bankmux.Client
	wire   *wire
}

func newReplica(t *testing.T, db *database, bank *virtualbank.Bank, w *wire) *replica {
	t.Helper()
	r := &replica{store: db.open(t, store.WithNow(time.Now)), wire: w} // the clock of the bubble
	r.fleet = r.store.Fleet(guard.FleetOptions{})
	var err error
	keys := bank.Credentials().Dapi
	r.client, err = dapi.New(dapi.Config{
		AppKey: keys.AppKey, AppSecret: bankmux.NewSecret(keys.AppSecret), Environment: bankmux.Sandbox,
		BaseURL: "http://127.0.0.1/v2", HTTPClient: &http.Client{Transport: w},
		Guard: guard.New(guard.Options{Fleet: r.fleet, ProviderLimit: providerLimit}),
	})
	require.NoError(t, err)
	return r
}

// link links a bank and stores the connection.
func (r *replica) link(t *testing.T, bank *virtualbank.Bank) bankmux.Connection {
	t.Helper()
	session, err := r.client.CreateSession(t.Context(), bankmux.SessionRequest{User: "rosa", Country: "AE"})
	require.NoError(t, err)
	posted, err := bank.LinkDapi(virtualbank.DapiLink{AppKey: session.Launch.AppKey, Countries: []string{"AE"}})
	require.NoError(t, err)
	linked, err := r.client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{
		Session: session, User: session.User, Payload: bankmux.NewSecret(posted),
	})
	require.NoError(t, err)
	require.NoError(t, r.store.SaveConnection(t.Context(), linked.Connection))
	return linked.Connection
}

// TestReplicas specifies what two processes with one database do at Dapi, which fails calls that
// overlap on a token.
func TestReplicas(t *testing.T) {
	onBubbles(t, "sixty reads and syncs of one connection at once take turns", func(t *testing.T, db *database) {
		bank := virtualbank.New(virtualbank.Options{Seed: 1, HistoryDays: 20})
		w := &wire{bank: bank.Dapi(), running: map[string]int{}}
		both := []*replica{newReplica(t, db, bank, w), newReplica(t, db, bank, w)}
		conn := both[0].link(t, bank)
		var all sync.WaitGroup
		for n := range 60 {
			r := both[n%2]
			all.Go(func() {
				var err error
				switch n / 2 % 3 {
				case 0:
					_, err = r.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
				case 1:
					_, err = r.client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
				default:
					_, err = r.client.SyncAll(t.Context(), bankmux.SyncAllRequest{Connection: conn, Ledger: r.store})
				}
				assert.NoError(t, err)
			})
		}
		all.Wait()
		assert.Zero(t, w.overlap)
		assert.Greater(t, w.calls, 60)
		for _, r := range both {
			assert.Equal(t, guard.FleetStats{}, r.fleet.Stats())
		}
		want := 0
		truth, err := bank.Transactions(conn.Reference())
		require.NoError(t, err)
		for _, row := range truth {
			if !row.Pending {
				want++
			}
		}
		page, err := both[0].store.Transactions(t.Context(), query("rosa"))
		require.NoError(t, err)
		assert.Len(t, page.Transactions, want, "each row is stored once")
	})
	onBubbles(t, "a challenge of one process is not ended by a read in the other", func(t *testing.T, db *database) {
		bank := virtualbank.New(virtualbank.Options{Seed: 1, HistoryDays: 3})
		w := &wire{bank: bank.Dapi(), running: map[string]int{}}
		here, there := newReplica(t, db, bank, w), newReplica(t, db, bank, w)
		conn := here.link(t, bank)
		require.NoError(t, bank.RequireInput(conn.Reference(), "", []string{"otp"}))
		_, err := here.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
		require.ErrorIs(t, err, bankmux.ErrUserAction)
		challenge := bankmux.ErrorOf(err).Challenge
		require.NotNil(t, challenge)
		calls := w.calls
		_, err = there.client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
		require.ErrorIs(t, err, bankmux.ErrUserAction)
		assert.Equal(t, calls, w.calls, "nothing is sent")
		_, err = there.client.Accounts(t.Context(),
			bankmux.AccountsRequest{Connection: conn, Answers: challenge.Answer("123456")})
		require.NoError(t, err, "the answer is accepted in any process")
	})
	onBubbles(t, "the turn of a process that was killed ends", func(t *testing.T, db *database) {
		bank := virtualbank.New(virtualbank.Options{Seed: 1, HistoryDays: 3})
		w := &wire{bank: bank.Dapi(), running: map[string]int{}}
		stuck := &wire{bank: bank.Dapi(), running: map[string]int{}}
		dead, there := newReplica(t, db, bank, stuck), newReplica(t, db, bank, w)
		conn := dead.link(t, bank)
		stuck.hang = make(chan struct{})
		killed := make(chan struct{})
		go func() {
			defer close(killed)
			_, _ = dead.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
		}()
		time.Sleep(5 * time.Second) // its request is under way
		require.NoError(t, dead.store.Close())
		start := time.Now()
		_, err := there.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
		require.NoError(t, err)
		assert.Greater(t, time.Since(start), providerLimit, "Dapi may work on the call for so long")
		assert.Less(t, time.Since(start), 5*time.Minute)
		assert.Equal(t, guard.FleetStats{}, there.fleet.Stats())
		close(stuck.hang)
		<-killed
	})
}

// onBubbles runs a test on each database, in virtual time.
func onBubbles(t *testing.T, name string, test func(t *testing.T, db *database)) {
	t.Helper()
	onEach(t, name, func(t *testing.T, db *database) {
		synctest.Test(t, func(t *testing.T) { test(t, db) })
	})
}
