package dapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// dayBank serves rows by the day of booking, and refuses what it likes. The rest is the virtual
// bank's.
type dayBank struct {
	rest http.Handler
	now  time.Time // by the application's clock
	rows []dayRow
	// ignores says that it serves all it has, whatever days are asked for.
	ignores bool
	odd     []string // elements of each answer, as they are sent
	// refuses reports whether the bank refuses to answer about two days; nil means never.
	refuses func(from, to bankmux.Date) bool
	// secretly is the first day that it serves, whatever it says; zero for no such limit.
	secretly bankmux.Date
	promises int      // days that its metadata promises; 0 for those of the virtual bank
	asks     bool     // the next call about days asks the user
	asked    []string // each question about days
	refused  int
}

type dayRow struct {
	booked, written bankmux.Date
	text            string
}

func (b *dayBank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if b.promises > 0 && strings.Contains(r.URL.Path, "/metadata/") {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(
			w,
			`{"success":true,"status":"done","accountsMetadata":{"transactionRange":{"unit":"days","value":%d}}}`,
			b.promises,
		)
		return
	}
	if !strings.HasSuffix(r.URL.Path, "ransactions/get") {
		b.rest.ServeHTTP(w, r)
		return
	}
	var in struct{ FromDate, ToDate bankmux.Date }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		panic(err) // of this package's own client
	}
	b.asked = append(b.asked, in.FromDate.String()+" "+in.ToDate.String())
	w.Header().Set("Content-Type", "application/json")
	if b.refuses != nil && b.refuses(in.FromDate, in.ToDate) {
		b.refused++
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"success":false,"status":"failed","type":"INVALID_DATE_RANGE","msg":"no"}`)
		return
	}
	if b.asks {
		b.asks = false
		_, _ = io.WriteString(
			w,
			`{"operationID":"op","success":true,"status":"user_input_required","userInputs":[{"id":"otp","index":0,"query":"code"}]}`,
		)
		return
	}
	rows := slices.Clone(b.odd)
	for _, row := range b.rows {
		if row.booked.Before(b.secretly) {
			continue
		}
		if b.ignores || (!row.booked.Before(in.FromDate) && !row.booked.After(in.ToDate)) {
			rows = append(
				rows,
				fmt.Sprintf(
					`{"amount":7,"date":"%sT00:00:00.000Z","type":"debit","description":%q,"currency":{"code":"AED","name":"DIRHAM"}}`,
					row.written,
					row.text,
				),
			)
		}
	}
	_, _ = fmt.Fprintf(
		w,
		`{"operationID":"op","success":true,"status":"done","transactions":[%s]}`,
		strings.Join(rows, ","),
	)
}

// openDays links a bank of a country at an instant, with a row on each of some days, the newest
// first.
func openDays(
	t *testing.T,
	country string,
	at time.Time,
	days int,
	row func(back int, day bankmux.Date) []dayRow,
) (*dayBank, *bankmux.Client, bankmux.Connection, bankmux.Date) {
	t.Helper()
	bank := virtualbank.New(virtualbank.Options{})
	b := &dayBank{rest: bank.Dapi(), now: at}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	creds := bank.Credentials().Dapi
	client, err := dapi.New(dapi.Config{
		AppKey:      creds.AppKey,
		AppSecret:   bankmux.NewSecret(creds.AppSecret),
		Environment: bankmux.Sandbox,
		BaseURL:     server.URL + "/v2",
		Guard: guard.New(
			guard.Options{Retry: guard.RetryOptions{MaxAttempts: 1}},
		),
		Now: func() time.Time { return b.now },
	})
	require.NoError(t, err)
	session, err := client.CreateSession(t.Context(), bankmux.SessionRequest{User: "user-1", Country: country})
	require.NoError(t, err)
	payload, err := bank.LinkDapi(virtualbank.DapiLink{AppKey: session.Launch.AppKey, Countries: []string{country}})
	require.NoError(t, err)
	conn, err := single.Connection(
		client.ExchangeToken(
			t.Context(),
			bankmux.ExchangeRequest{Session: session, User: "user-1", Payload: bankmux.NewSecret(string(payload))},
		),
	)
	require.NoError(t, err)
	today := bankmux.DateOf(at.Add(4 * time.Hour))
	for back := range days {
		b.rows = append(b.rows, row(back, today.AddDays(-back))...)
	}
	return b, client, conn, today
}

// plain is one row a day, written with the day that the bank selects by.
func plain(_ int, day bankmux.Date) []dayRow { return []dayRow{{day, day, "rent"}} }

// later is one row a day, written some days after the one that the bank selects by.
func later(days ...int) func(back int, day bankmux.Date) []dayRow {
	return func(back int, day bankmux.Date) []dayRow {
		return []dayRow{{day, day.AddDays(days[back%len(days)]), "rent"}}
	}
}

// firstSync reads one account from the beginning.
func firstSync(t *testing.T, client *bankmux.Client, conn bankmux.Connection) bankmux.Delta {
	t.Helper()
	d, err := client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn, Accounts: []string{"a1"}})
	require.NoError(t, err)
	require.Empty(t, d.Failed)
	return d
}

// writtenDays are the days of rows, in order.
func writtenDays(rows []dayRow) (all []string) {
	for _, r := range rows {
		all = append(all, r.written.String())
	}
	slices.Sort(all)
	return all
}

func addedDays(d bankmux.Delta) (all []string) {
	for _, a := range d.Added {
		all = append(all, a.Row.Date.String())
	}
	slices.Sort(all)
	return all
}

var noon = time.Date(2026, time.September, 30, 12, 0, 0, 0, time.UTC)

// listed reads one account page by page.
func listed(
	t *testing.T,
	client *bankmux.Client,
	req bankmux.TransactionsRequest,
) (days []string, outside int, covered, gaps []bankmux.Covered, err error) {
	t.Helper()
	req.Accounts = []string{"a1"}
	for page, failed := range client.TransactionPages(t.Context(), req) {
		if failed != nil {
			return days, outside, covered, gaps, failed
		}
		for _, f := range page.Failed {
			err = f
		}
		for _, row := range page.Transactions {
			days = append(days, row.Date.String())
		}
		outside += page.Outside
		covered, gaps = append(covered, page.Covered...), append(gaps, page.Gaps...)
	}
	slices.Sort(days)
	return days, outside, covered, gaps, err
}

func TestRowsOfDaysThatWereNotAskedForAreDroppedAndCounted(t *testing.T) {
	t.Parallel()
	t.Run("a list has each row once, and none before From or after To", func(t *testing.T) {
		t.Parallel()
		b, client, conn, today := openDays(t, "AE", noon, 200, plain)
		b.ignores = true
		req := bankmux.TransactionsRequest{Connection: conn, From: today.AddDays(-75), To: today.AddDays(-5)}
		days, outside, covered, _, err := listed(t, client, req)
		require.NoError(t, err)
		assert.Equal(t, writtenDays(b.rows[5:76]), days)
		assert.Positive(t, outside)
		assert.Equal(t, today.AddDays(-75), covered[len(covered)-1].From)
	})
	t.Run("a list without days has those of the last ninety", func(t *testing.T) {
		t.Parallel()
		b, client, conn, _ := openDays(t, "AE", noon, 200, plain)
		b.ignores = true
		days, outside, _, _, err := listed(t, client, bankmux.TransactionsRequest{Connection: conn})
		require.NoError(t, err)
		assert.Equal(t, writtenDays(b.rows[:90]), days)
		assert.Positive(t, outside)
	})
	t.Run("categorized and enriched lists are no different", func(t *testing.T) {
		t.Parallel()
		b, client, conn, today := openDays(t, "AE", noon, 100, plain)
		b.ignores = true
		req := bankmux.TransactionsRequest{
			Connection: conn,
			Accounts:   []string{"a1"},
			From:       today.AddDays(-20),
			To:         today.AddDays(-5),
		}
		page, err := dapi.CategorizedTransactions(t.Context(), client, req)
		require.NoError(t, err)
		assert.Len(t, page.Transactions, 16)
		assert.Positive(t, page.Outside)
		req.Enrich = true
		days, _, _, _, err := listed(t, client, req)
		require.NoError(t, err)
		assert.Len(t, days, 16)
	})
	t.Run("a sync has each row once, and none before the first day the bank promises", func(t *testing.T) {
		t.Parallel()
		b, client, conn, _ := openDays(t, "AE", noon, 200, func(_ int, day bankmux.Date) []dayRow {
			return []dayRow{{day, day, "coffee"}, {day, day, "coffee"}} // two equal rows are two rows
		})
		b.ignores = true
		d := firstSync(t, client, conn)
		assert.Equal(t, writtenDays(b.rows[:180]), addedDays(d))
		asked := 0
		for _, days := range b.asked {
			from, _ := bankmux.ParseDate(days[:10])
			to, _ := bankmux.ParseDate(days[11:])
			asked += 2 * (to.DaysSince(from) + 1)
		}
		assert.Equal(
			t,
			len(b.asked)*len(b.rows)-asked,
			d.Outside,
			"all rows of an answer whose days were not asked for",
		)
	})
}

func TestABankThatSelectsByAnotherDayThanItWritesLosesNoRow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ days []int }{
		"three days later":                      {[]int{3}},
		"six days later":                        {[]int{6}},
		"three or six days later":               {[]int{3, 6}},
		"two days earlier":                      {[]int{-2}},
		"earlier and later":                     {[]int{-4, 0, 5, 1}},
		"a fortnight later":                     {[]int{14}},
		"the same day as a control of the test": {[]int{0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			most, least := slices.Max(c.days), slices.Min(c.days)
			b, client, conn, today := openDays(t, "AE", noon, 90, later(c.days...))
			d := firstSync(t, client, conn)
			var want []dayRow // a day of value before all that the bank serves is left out
			for _, r := range b.rows {
				if !r.written.Before(today.AddDays(-89)) {
					want = append(want, r)
				}
			}
			assert.Equal(t, writtenDays(want), addedDays(d))
			require.Len(t, d.Covered, 1)
			if most <= 10 {
				assert.False(
					t,
					d.Covered[0].From.Before(today.AddDays(-89+max(0, most))),
					"what was selected before the first day is not proved: %s",
					d.Covered[0].From,
				)
			}
			assert.Equal(t, today, d.Covered[0].To)
			if most > 10 || least < -10 {
				return // a list reads a page at a time, and counts what is that far off
			}
			days, outside, covered, _, err := listed(t, client, bankmux.TransactionsRequest{Connection: conn})
			require.NoError(t, err)
			assert.Equal(t, writtenDays(want), days)
			if most > 0 {
				assert.False(t, covered[len(covered)-1].From.Before(today.AddDays(-89+most)))
			}
			if most == 0 && least == 0 {
				assert.Zero(t, outside)
				assert.Equal(t, today.AddDays(-89), covered[len(covered)-1].From)
			}
		})
	}
}

func TestASyncHasEachRowOnceWhateverDaysTheBankTakesAndWrites(t *testing.T) {
	t.Parallel()
	for _, most := range []int{0, 1, 3, 7, 14, 30} {
		for _, drift := range [][]int{{0}, {3, 6}, {6, 3, 9, 0}, {-2}, {10}, {-10}, {14, 14, 7}, {-14}} {
			t.Run(fmt.Sprintf("at most %d days a call, written %v days later", most, drift), func(t *testing.T) {
				t.Parallel()
				b, client, conn, today := openDays(t, "AE", noon, 90, later(drift...))
				b.refuses = atMost(most)
				d := firstSync(t, client, conn)
				assert.Equal(t, writtenDays(served(b, today)), addedDays(d))
				if most > 0 {
					assert.LessOrEqual(
						t,
						d.Outside,
						len(b.rows)-len(served(b, today)),
						"a row before the first day that is served is dropped, no other",
					)
				}
				require.Len(t, d.Covered, 1)
				assert.False(t, d.Covered[0].From.Before(today.AddDays(-89+max(0, slices.Max(drift)))))
			})
		}
	}
	for _, most := range []int{0, 3, 7, 30} {
		for _, history := range []int{1, 12, 35, 60, 200} {
			t.Run(
				fmt.Sprintf("at most %d days a call of a bank that ignores them, %d days of rows", most, history),
				func(t *testing.T) {
					t.Parallel()
					b, client, conn, today := openDays(t, "AE", noon, history, func(_ int, day bankmux.Date) []dayRow {
						return []dayRow{{day, day, "coffee"}, {day, day, "coffee"}}
					})
					b.ignores, b.refuses = true, atMost(most)
					assert.Equal(t, writtenDays(served(b, today)), addedDays(firstSync(t, client, conn)))
				},
			)
		}
	}
	t.Run("the last weeks are read with their margin", func(t *testing.T) {
		t.Parallel()
		for _, drift := range []int{10, -10} {
			b, client, conn, _ := openDays(t, "AE", noon, 89, later(drift))
			b.refuses = atMost(7)
			d := firstSync(t, client, conn)
			b.now = b.now.Add(24 * time.Hour)
			d, err := client.Sync(
				t.Context(),
				bankmux.SyncRequest{Connection: conn, Accounts: []string{"a1"}, Cursor: d.Next},
			)
			require.NoError(t, err)
			from := d.Covered[0].From
			days := addedDays(d)
			for day := from; day.Before(d.Covered[0].To.AddDays(-11)); day = day.AddDays(1) {
				assert.Contains(t, days, day.String(), "drift %d", drift)
			}
		}
	})
}

func TestABankThatRefusesDaysIsAskedForFewer(t *testing.T) {
	t.Parallel()
	type refuses func(today bankmux.Date) func(from, to bankmux.Date) bool
	for name, c := range map[string]struct {
		refuses refuses
		days    int // that are read; 0 means all ninety
		gap     int // days that are refused
		most    int // calls of a first sync
	}{
		"older than thirty days": {func(today bankmux.Date) func(from, to bankmux.Date) bool {
			return func(from, _ bankmux.Date) bool { return from.Before(today.AddDays(-29)) }
		}, 30, 60, 14},
		"older than one day": {func(today bankmux.Date) func(from, to bankmux.Date) bool {
			return func(from, _ bankmux.Date) bool { return from.Before(today) }
		}, 1, 89, 14},
		"more than thirty at a time": {func(bankmux.Date) func(from, to bankmux.Date) bool {
			return func(from, to bankmux.Date) bool { return to.DaysSince(from) >= 30 }
		}, 90, 0, 10},
		"more than a week at a time": {func(bankmux.Date) func(from, to bankmux.Date) bool {
			return func(from, to bankmux.Date) bool { return to.DaysSince(from) >= 7 }
		}, 90, 0, 40},
		"today, which is tomorrow by its clock": {func(today bankmux.Date) func(from, to bankmux.Date) bool {
			return func(_, to bankmux.Date) bool { return !to.Before(today) }
		}, 89, 0, 6},
		"today, and older than thirty days": {func(today bankmux.Date) func(from, to bankmux.Date) bool {
			return func(from, to bankmux.Date) bool { return !to.Before(today) || from.Before(today.AddDays(-30)) }
		}, 30, 59, 16},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, client, conn, today := openDays(t, "AE", noon, 90, plain)
			b.refuses = c.refuses(today)
			d := firstSync(t, client, conn)
			assert.Len(t, d.Added, c.days)
			assert.LessOrEqual(t, len(b.asked), c.most, "%v", b.asked)
			var gaps []bankmux.Covered
			if c.gap > 0 {
				gaps = []bankmux.Covered{{Account: "a1", From: today.AddDays(-89), To: today.AddDays(-90 + c.gap)}}
			}
			assert.Equal(t, gaps, d.Gaps)

			// A list says the same, to a caller who takes what there is; others get an error for
			// what is left.
			days, _, covered, left, err := listed(t, client, bankmux.TransactionsRequest{Connection: conn})
			require.NoError(t, err)
			assert.Len(t, days, c.days)
			assert.Equal(t, gaps, left)
			seen := map[bankmux.Date]bool{}
			for _, span := range covered {
				for day := span.From; !day.After(span.To); day = day.AddDays(1) {
					assert.False(t, seen[day], "%s is covered once", day)
					seen[day] = true
				}
			}
			assert.Len(t, seen, c.days)
			days, _, _, _, err = listed(
				t,
				client,
				bankmux.TransactionsRequest{Connection: conn, From: today.AddDays(-89)},
			)
			assert.Len(t, days, c.days)
			if c.gap > 0 {
				require.ErrorIs(t, err, bankmux.ErrInvalid)
			} else {
				require.NoError(t, err)
			}
		})
	}
	t.Run("every day", func(t *testing.T) {
		t.Parallel()
		b, client, conn, _ := openDays(t, "AE", noon, 90, plain)
		b.refuses = func(bankmux.Date, bankmux.Date) bool { return true }
		d, err := client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn, Accounts: []string{"a1"}})
		require.ErrorIs(t, err, bankmux.ErrInvalid)
		require.Len(t, d.Failed, 1)
		require.ErrorIs(t, d.Failed[0], bankmux.ErrInvalid)
		assert.LessOrEqual(t, len(b.asked), 17, "it is not asked for ever: %v", b.asked)
	})
	t.Run("a refusal is remembered by the cursor until all days are read again", func(t *testing.T) {
		t.Parallel()
		b, client, conn, today := openDays(t, "AE", noon, 90, plain)
		b.refuses = func(from, _ bankmux.Date) bool { return from.Before(today.AddDays(-19)) }
		d := firstSync(t, client, conn)
		assert.Len(t, d.Added, 20)
		b.asked, b.refused = nil, 0
		d, err := client.Sync(
			t.Context(),
			bankmux.SyncRequest{Connection: conn, Accounts: []string{"a1"}, Cursor: d.Next},
		)
		require.NoError(t, err)
		assert.Zero(t, b.refused, "%v", b.asked)
		assert.Len(t, d.Added, 20)
		assert.Empty(t, d.Gaps, "it was told")
	})
}

func TestTodayIsTheBanksOwn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ country, at, today string }{
		"Dubai at half past midnight":             {"AE", "2026-09-30T20:30:00Z", "2026-10-01"},
		"Kuwait at half past eleven":              {"KW", "2026-09-30T20:30:00Z", "2026-09-30"},
		"Riyadh at half past eleven":              {"SA", "2026-09-30T20:30:00Z", "2026-09-30"},
		"Manama at half past midnight":            {"BH", "2026-09-30T21:30:00Z", "2026-10-01"},
		"New York on the evening before, in UTC":  {"US", "2026-10-01T02:30:00Z", "2026-09-30"},
		"New York at noon":                        {"US", "2026-09-30T16:00:00Z", "2026-09-30"},
		"New York a few minutes before its night": {"US", "2026-01-15T04:55:00Z", "2026-01-14"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, err := time.Parse(time.RFC3339, c.at)
			require.NoError(t, err)
			b, client, conn, _ := openDays(t, c.country, at, 0, plain)
			today, err := bankmux.ParseDate(c.today)
			require.NoError(t, err)
			b.refuses = func(_, to bankmux.Date) bool { return to.After(today) }
			d := firstSync(t, client, conn)
			assert.Zero(t, b.refused, "tomorrow was asked for: %v", b.asked)
			assert.Equal(t, today, d.Covered[0].To)
			_, _, covered, _, err := listed(t, client, bankmux.TransactionsRequest{Connection: conn})
			require.NoError(t, err)
			assert.Zero(t, b.refused)
			assert.Equal(t, today, covered[0].To)
		})
	}
}

func TestAnAnswerToACallWhoseDaysAreThenRefusedIsNotTheEnd(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.connect()
	all, err := s.client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err)
	ids := []string{all.Accounts[0].ID}
	require.NoError(t, s.bank.Stage(conn.Reference(), virtualbank.DaysRefused))
	answered := func(t *testing.T, call func(*bankmux.Answers) error) {
		t.Helper()
		require.NoError(t, s.bank.RequireInput(conn.Reference(), "/data/transactions/get", []string{"otp"}))
		e, ok := errors.AsType[*bankmux.Error](call(nil))
		require.True(t, ok)
		require.NotNil(t, e.Challenge)
		require.NoError(t, call(e.Challenge.Answer("123456")))
	}
	t.Run("a sync", func(t *testing.T) {
		var d bankmux.Delta
		answered(t, func(answers *bankmux.Answers) (err error) {
			d, err = s.client.Sync(t.Context(), bankmux.SyncRequest{Connection: conn, Accounts: ids, Answers: answers})
			return err
		})
		assert.NotEmpty(t, d.Added)
		require.Len(t, d.Gaps, 1)
		assert.Equal(t, 50, d.Gaps[0].To.DaysSince(d.Gaps[0].From)+1)
	})
	t.Run("a list", func(t *testing.T) {
		rows, gaps := 0, []bankmux.Covered(nil)
		answered(t, func(answers *bankmux.Answers) error {
			for page, err := range s.client.TransactionPages(t.Context(), bankmux.TransactionsRequest{Connection: conn, Accounts: ids, Answers: answers}) {
				if err != nil {
					return err
				}
				rows, gaps = rows+len(page.Transactions), append(gaps, page.Gaps...)
			}
			return nil
		})
		assert.Positive(t, rows)
		require.Len(t, gaps, 1)
		assert.Equal(t, 50, gaps[0].To.DaysSince(gaps[0].From)+1)
	})
}
