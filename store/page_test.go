package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/store"
)

func TestTransactions(t *testing.T) {
	// open stores some rows of rosa in two accounts, and one of omar.
	open := func(t *testing.T, db *database) (s *store.Store, a, b string) {
		t.Helper()
		s = db.open(t)
		conn := connection(t, s, "rosa", "1")
		names := name(t, s, conn, checking("a", "1111"), checking("b", "2222"))
		a, b = names[0], names[1]
		storePage(t, s, conn, bankmux.Delta{Added: []bankmux.Added{
			movement(a, "1", "2026-01-01", "-5", "Tea 100% organic"),
			movement(a, "2", "2026-01-02", "-7.50", "CAFÉ Zürich"),
			movement(b, "3", "2026-01-02", "900", "Salary"),
			movement(a, "4", "2026-01-03", "-1", `back\slash under_score`),
			movement(b, "5", "2026-01-04", "-2", "İstanbul"),
		}})
		other := connection(t, s, "omar", "2")
		foreign := name(t, s, other, checking("c", "3333"))[0]
		storePage(t, s, other, bankmux.Delta{Added: []bankmux.Added{movement(foreign, "6", "2026-01-02", "-5", "Tea")}})
		return s, a, b
	}
	keys := func(t *testing.T, s *store.Store, q bankhttp.Query) string {
		t.Helper()
		page, err := s.Transactions(t.Context(), q)
		require.NoError(t, err)
		var all []string
		for _, row := range page.Transactions {
			all = append(all, row.Key)
		}
		return strings.Join(all, " ")
	}
	onEach(t, "rows are selected", func(t *testing.T, db *database) {
		s, a, b := open(t, db)
		second := bankmux.NewDate(2026, 1, 2)
		for what, c := range map[string]struct {
			q    bankhttp.Query
			want string
		}{
			"all of the user, the newest day first": {bankhttp.Query{}, "5 4 3 2 1"},
			"an account":                            {bankhttp.Query{Account: b}, "5 3"},
			"another's account":                     {bankhttp.Query{Account: "unknown"}, ""},
			"from a day":                            {bankhttp.Query{From: second}, "5 4 3 2"},
			"to a day":                              {bankhttp.Query{To: second, Account: a}, "2 1"},
			"a word whatever the case":              {bankhttp.Query{Text: "café"}, "2"},
			"a word of letters beyond ASCII":        {bankhttp.Query{Text: "ZÜRICH"}, "2"},
			"every word":                            {bankhttp.Query{Text: "organic  tea"}, "1"},
			"one word that does not fit":            {bankhttp.Query{Text: "tea zürich"}, ""},
			"the counterparty":                      {bankhttp.Query{Text: "söhne", Account: b}, "5 3"},
			"a part of a word":                      {bankhttp.Query{Text: "alar"}, "3"},
			"a percent sign is a character":         {bankhttp.Query{Text: "0%"}, "1"},
			"an underscore is a character":          {bankhttp.Query{Text: "r_s"}, "4"},
			"a backslash is a character":            {bankhttp.Query{Text: `k\s`}, "4"},
			"a quote is a character":                {bankhttp.Query{Text: "' OR '1'='1"}, ""},
			"NUL":                                   {bankhttp.Query{Text: "\x00"}, ""},
			"a letter whose lower case is longer":   {bankhttp.Query{Text: "İstanbul"}, "5"},
		} {
			c.q.User, c.q.Limit = "rosa", 100
			assert.Equal(t, c.want, keys(t, s, c.q), what)
		}
		assert.Empty(t, keys(t, s, bankhttp.Query{User: "unknown", Limit: 1}))
	})
	onEach(t, "a row has all that the provider has", func(t *testing.T, db *database) {
		s, a, _ := open(t, db)
		page, err := s.Transactions(t.Context(), bankhttp.Query{User: "rosa", Limit: 1, Text: "zürich"})
		require.NoError(t, err)
		want := movement(a, "2", "2026-01-02", "-7.50", "CAFÉ Zürich")
		assert.Equal(t, []bankhttp.Transaction{{Key: "2", Account: a, Row: *want.Row}}, page.Transactions)
	})
	onEach(t, "pages have each row once, also while rows are stored", func(t *testing.T, db *database) {
		s, a, _ := open(t, db)
		conn, err := s.Connections(t.Context(), "rosa")
		require.NoError(t, err)
		var all []string
		q := bankhttp.Query{User: "rosa", Limit: 2}
		for {
			page, err := s.Transactions(t.Context(), q)
			require.NoError(t, err)
			for _, row := range page.Transactions {
				all = append(all, row.Key)
			}
			if q.After = page.Next; q.After == "" {
				break
			}
			storePage(t, s, conn[0], bankmux.Delta{Added: []bankmux.Added{
				movement(a, "new"+page.Next, "2026-02-01", "-1", "new"),
			}})
		}
		assert.Equal(t, []string{"5", "4", "3", "2", "1"}, all)
	})
	onEach(t, "rows of one day have the order in which they were stored", func(t *testing.T, db *database) {
		at := time.Now()
		s := db.open(t, store.WithNow(func() time.Time { return at })) // a page is stored within a millisecond
		conn := connection(t, s, "rosa", "1")
		a := name(t, s, conn, checking("a", "1111"))[0]
		var page bankmux.Delta
		var want []string
		for i := range 120 {
			key := fmt.Sprint(i)
			page.Added = append(page.Added, movement(a, key, "2026-01-02", "-5", "Tea"))
			want = append(want, key)
		}
		slices.Reverse(want)
		storePage(t, s, conn, page)
		assert.Equal(t, strings.Join(want, " "), keys(t, s, bankhttp.Query{User: "rosa", Limit: len(want)}))
	})
	onEach(t, "a malformed query is refused", func(t *testing.T, db *database) {
		s, _, _ := open(t, db)
		for _, q := range []bankhttp.Query{
			{Limit: 0},
			{Limit: -1},
			{Limit: 1, After: "x"},
			{Limit: 1, After: "MjAyNi0wMS0wMQ"},
			{Limit: 1, After: "IA"},
			{Limit: 1, After: "MjAyNi0wMS0wMSAA"},
			{Limit: 1, After: "é"},
		} {
			q.User = "rosa"
			_, err := s.Transactions(t.Context(), q)
			require.ErrorIs(t, err, bankmux.ErrInvalid, "%+v", q)
		}
	})
	onEach(t, "a note needs a row of the user", func(t *testing.T, db *database) {
		s, a, _ := open(t, db)
		require.ErrorIs(t, s.SetNote(t.Context(), "omar", a, "1", "x"), bankmux.ErrNotFound)
		require.ErrorIs(t, s.SetNote(t.Context(), "rosa", a, "3", "x"), bankmux.ErrNotFound)
		require.NoError(t, s.SetNote(t.Context(), "rosa", a, "1", "x"))
		require.NoError(t, s.SetNote(t.Context(), "rosa", a, "1", ""))
		notes, err := s.Notes(t.Context(), "rosa", a)
		require.NoError(t, err)
		assert.Empty(t, notes)
	})
}

// usd returns an amount of dollars.
func usd(amount string) bankmux.Money {
	m, err := bankmux.NewMoney(amount, "USD")
	if err != nil {
		panic(err)
	}
	return m
}

func TestBalances(t *testing.T) {
	onEach(t, "accounts have the balances of the last reading", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		conn, other := connection(t, s, "rosa", "1"), connection(t, s, "rosa", "2")
		a := name(t, s, conn, checking("a", "1111"), checking("b", "2222"))
		c.advance(time.Second)
		name(t, s, other, checking("c", "3333"))
		name(t, s, connection(t, s, "omar", "3"), checking("a", "4444"))
		at := bankmux.Moment(c.now().Add(-time.Minute))
		require.NoError(t, s.SaveBalances(t.Context(), conn, []bankmux.AccountBalances{
			{Account: "a", Due: bankmux.NewDate(2026, 2, 3), Balances: []bankmux.Balance{
				{Kind: bankmux.BalanceBooked, Money: usd("-784.60"), AsOf: at},
				{Kind: bankmux.BalanceDue, Money: usd("-20.000")},
			}},
			{Account: "unknown", Balances: []bankmux.Balance{{Kind: bankmux.BalanceBooked, Money: usd("1")}}},
		}))
		all, err := s.Accounts(t.Context(), "rosa")
		require.NoError(t, err)
		require.Len(t, all, 3)
		first := map[string]bankhttp.Account{all[0].Name: all[0], all[1].Name: all[1]}
		assert.Equal(t, bankhttp.Account{
			Name: a[0], Connection: conn.ID, Account: checking("a", "1111"), Due: bankmux.NewDate(2026, 2, 3),
			ReadAt: bankmux.Moment(c.now()),
			Balances: []bankmux.Balance{
				{Kind: bankmux.BalanceBooked, Money: usd("-784.60"), AsOf: at},
				{Kind: bankmux.BalanceDue, Money: usd("-20.000")},
			},
		}, first[a[0]])
		assert.Empty(t, first[a[1]].Balances, "absent is not zero")
		assert.True(t, first[a[1]].ReadAt.IsZero())

		c.advance(time.Minute)
		require.NoError(t, s.SaveBalances(t.Context(), conn, []bankmux.AccountBalances{
			{Account: "a", Balances: []bankmux.Balance{{Kind: bankmux.BalanceBooked, Money: usd("3")}}}, {Account: "b"},
		}))
		c.advance(time.Minute)
		require.NoError(t, s.SaveBalances(t.Context(), conn, []bankmux.AccountBalances{{Account: "a"}}),
			"it keeps what it has")
		all, err = s.Accounts(t.Context(), "rosa", conn.ID)
		require.NoError(t, err)
		require.Len(t, all, 2, "of one connection")
		for _, account := range all {
			if account.Name == a[0] {
				assert.Equal(t, []bankmux.Balance{{Kind: bankmux.BalanceBooked, Money: usd("3")}}, account.Balances)
				assert.True(t, account.Due.IsZero())
			} else {
				assert.True(t, account.ReadAt.IsZero())
			}
		}
	})
	onEach(t, "the history has one balance per day", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		a := name(t, s, conn, checking("a", "1111"))[0]
		for i, day := range []int{1, 2, 2, 4} {
			at := time.Date(2026, 1, day, 10+i, 0, 0, 0, time.UTC)
			require.NoError(t, s.SaveBalances(t.Context(), conn, []bankmux.AccountBalances{{
				Account: "a", Balances: []bankmux.Balance{{
					Kind: bankmux.BalanceBooked, Money: usd([]string{"1", "2", "3", "4"}[i]), AsOf: at,
				}},
			}}))
		}
		amounts := func(q store.HistoryQuery) (all []string) {
			q.User, q.Account, q.Kind = "rosa", a, bankmux.BalanceBooked
			days, err := s.BalanceHistory(t.Context(), q)
			require.NoError(t, err)
			for _, d := range days {
				all = append(all, d.Day.String()+" "+d.Money.Amount())
			}
			return all
		}
		assert.Equal(t, []string{"2026-01-01 1", "2026-01-02 3", "2026-01-04 4"}, amounts(store.HistoryQuery{}))
		assert.Equal(t, []string{"2026-01-02 3"}, amounts(store.HistoryQuery{
			From: bankmux.NewDate(2026, 1, 2), To: bankmux.NewDate(2026, 1, 3),
		}))
		days, err := s.BalanceHistory(t.Context(),
			store.HistoryQuery{User: "omar", Account: a, Kind: bankmux.BalanceBooked})
		require.NoError(t, err)
		assert.Empty(t, days)
	})
	onEach(t, "a balance without money is absent, and the others are stored", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		names := name(t, s, conn, checking("a", "1111"), checking("b", "2222"))
		absent := bankmux.Balance{Kind: bankmux.BalanceBooked}
		available := bankmux.Balance{Kind: bankmux.BalanceAvailable, Money: usd("3")}
		require.NoError(t, s.SaveBalances(t.Context(), conn, []bankmux.AccountBalances{
			{Account: "a", Balances: []bankmux.Balance{absent, available}},
			{Account: "b", Balances: []bankmux.Balance{available}},
		}))
		require.NoError(t, s.SaveBalances(t.Context(), conn, []bankmux.AccountBalances{
			{Account: "b", Balances: []bankmux.Balance{absent}},
		}), "it keeps what it has")
		all, err := s.Accounts(t.Context(), "rosa")
		require.NoError(t, err)
		require.Len(t, all, 2)
		for _, account := range all {
			assert.Equal(t, []bankmux.Balance{available}, account.Balances)
		}
		days, err := s.BalanceHistory(t.Context(),
			store.HistoryQuery{User: "rosa", Account: names[0], Kind: bankmux.BalanceBooked})
		require.NoError(t, err)
		assert.Empty(t, days)
	})
	onEach(t, "balances of a deleted connection are not stored", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		require.NoError(t, s.DeleteConnection(t.Context(), "rosa", conn.ID))
		require.ErrorIs(t, s.SaveBalances(t.Context(), conn, nil), bankmux.ErrGone)
	})
}

func TestChallenges(t *testing.T) {
	question := func(conn bankmux.Connection, id string, expires time.Time) bankmux.Challenge {
		return bankmux.Challenge{
			ID: id, Op: bankmux.OpBalances, Connection: conn.ID, At: bankmux.Moment(expires.Add(-time.Minute)),
			ExpiresAt: bankmux.Moment(expires), State: []byte(`{"read":"data of rosa"}`),
			Inputs: []bankmux.Input{{Kind: bankmux.InputOTP, Query: "The code sent to +1 555 0100"}},
		}
	}
	onEach(t, "a challenge is read by its user alone, until it is closed once", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		want := question(conn, "1", time.Now().Add(time.Hour))
		id, err := s.SaveChallenge(t.Context(), "rosa", want)
		require.NoError(t, err)
		again, err := s.SaveChallenge(t.Context(), "rosa", want)
		require.NoError(t, err)
		assert.Equal(t, id, again, "the same challenge has one id")
		read, err := s.Challenge(t.Context(), "rosa", id)
		require.NoError(t, err)
		assert.Equal(t, want, read)
		for _, of := range [][2]string{{"omar", id}, {"rosa", "unknown"}} {
			_, err = s.Challenge(t.Context(), of[0], of[1])
			require.ErrorIs(t, err, bankmux.ErrNotFound)
			require.ErrorIs(t, s.CloseChallenge(t.Context(), of[0], of[1]), bankmux.ErrNotFound)
		}
		closed := make(chan error, 8)
		for range cap(closed) {
			go func() { closed <- s.CloseChallenge(t.Context(), "rosa", id) }()
		}
		won := 0
		for range cap(closed) {
			if err := <-closed; err == nil {
				won++
			} else {
				require.ErrorIs(t, err, bankmux.ErrChallengeExpired)
			}
		}
		assert.Equal(t, 1, won, "an answer is sent once")
		_, err = s.Challenge(t.Context(), "rosa", id)
		require.ErrorIs(t, err, bankmux.ErrChallengeExpired, "it was answered")
		require.ErrorIs(t, s.CloseChallenge(t.Context(), "omar", id), bankmux.ErrNotFound)
		var content int
		require.NoError(t, s.DB().QueryRowContext(t.Context(),
			"SELECT length(sealed) FROM bankmux_challenges").Scan(&content))
		assert.Zero(t, content, "nothing of it is kept")
		next, err := s.SaveChallenge(t.Context(), "rosa", want)
		require.NoError(t, err)
		assert.NotEqual(t, id, next, "the bank asks the same again")
		_, err = s.Challenge(t.Context(), "rosa", id)
		require.ErrorIs(t, err, bankmux.ErrChallengeExpired, "also after the next question")
	})
	onEach(t, "a connection has one open challenge", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		first, err := s.SaveChallenge(t.Context(), "rosa", question(conn, "1", time.Now().Add(time.Hour)))
		require.NoError(t, err)
		second, err := s.SaveChallenge(t.Context(), "rosa", question(conn, "2", time.Now().Add(time.Hour)))
		require.NoError(t, err)
		assert.NotEqual(t, first, second)
		_, err = s.Challenge(t.Context(), "rosa", first)
		require.ErrorIs(t, err, bankmux.ErrNotFound)
	})
	onEach(t, "a reconnect closes the open challenge of the login before", func(t *testing.T, db *database) {
		s := db.open(t)
		conn, other := connection(t, s, "rosa", "1"), connection(t, s, "rosa", "2")
		first, err := s.SaveChallenge(t.Context(), "rosa", question(conn, "1", time.Now().Add(time.Minute)))
		require.NoError(t, err)
		kept, err := s.SaveChallenge(t.Context(), "rosa", question(other, "1", time.Now().Add(time.Minute)))
		require.NoError(t, err)
		require.NoError(t, s.SaveConnection(t.Context(), conn))
		_, err = s.Challenge(t.Context(), "rosa", first)
		require.ErrorIs(t, err, bankmux.ErrChallengeExpired)
		require.ErrorIs(t, s.CloseChallenge(t.Context(), "rosa", first), bankmux.ErrChallengeExpired)
		_, err = s.Challenge(t.Context(), "rosa", kept)
		require.NoError(t, err, "that of another connection stays open")

		next, err := s.SaveChallenge(t.Context(), "rosa", question(conn, "1", time.Now().Add(time.Minute)))
		require.NoError(t, err)
		_, err = s.Challenge(t.Context(), "rosa", next)
		require.NoError(t, err, "the new login gets a question of its own")
	})
	onEach(t, "an expired one says so, and goes with the next one", func(t *testing.T, db *database) {
		c := newClock()
		s := db.open(t, store.WithNow(c.now))
		conn, other := connection(t, s, "rosa", "1"), connection(t, s, "rosa", "2")
		id, err := s.SaveChallenge(t.Context(), "rosa", question(conn, "1", c.now().Add(time.Minute)))
		require.NoError(t, err)
		c.advance(2 * time.Minute)
		_, err = s.Challenge(t.Context(), "rosa", id)
		require.ErrorIs(t, err, bankmux.ErrChallengeExpired)
		_, err = s.SaveChallenge(t.Context(), "rosa", question(other, "2", c.now().Add(time.Minute)))
		require.NoError(t, err)
		_, err = s.Challenge(t.Context(), "rosa", id)
		require.ErrorIs(t, err, bankmux.ErrNotFound)
	})
	onEach(t, "the connection must be the user's", func(t *testing.T, db *database) {
		s := db.open(t)
		conn := connection(t, s, "rosa", "1")
		_, err := s.SaveChallenge(t.Context(), "omar", question(conn, "1", time.Now().Add(time.Hour)))
		require.ErrorIs(t, err, bankmux.ErrGone)
		_, err = s.SaveChallenge(t.Context(), "", question(conn, "1", time.Now().Add(time.Hour)))
		require.ErrorIs(t, err, bankmux.ErrInvalid)
	})
}

// query asks for all rows of a user.
func query(user string) bankhttp.Query { return bankhttp.Query{User: user, Limit: 100} }
