package dapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
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

// dayBank serves rows by the day of booking and refuses chosen days. The virtual bank serves the
// rest.
type dayBank struct {
	rest http.Handler
	now  time.Time // by the application's clock
	rows []dayRow
	// ignores says that it serves all rows and ignores the requested days.
	ignores bool
	odd     []string // elements added to each response, as they are sent
	// refuses reports whether the bank refuses to answer about two days; nil means never.
	refuses func(from, to bankmux.Date) bool
	// secretly is the first day that it really serves; zero for no such limit.
	secretly bankmux.Date
	promises int      // days that its metadata promises; 0 for those of the virtual bank
	asks     bool     // the next call for rows asks the user
	asked    []string // the days of each call
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
			`{"operationID":"op","success":true,"status":"user_input_required","userInputs":[{"id":"otp","index":0,`+
				`"query":"code"}]}`,
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
					`{"amount":7,"date":"%sT00:00:00.000Z","type":"debit","description":%q,`+
						`"currency":{"code":"AED","name":"DIRHAM"}}`,
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

// openDays links a bank of a country at a given time. The bank has a row on each of some days,
// newest first.
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

// plain is one row per day, written with the day that the bank selects by.
func plain(_ int, day bankmux.Date) []dayRow { return []dayRow{{day, day, "rent"}} }

// later is one row per day, written some days after the day that the bank selects by.
func later(days ...int) func(back int, day bankmux.Date) []dayRow {
	return func(back int, day bankmux.Date) []dayRow {
		return []dayRow{{day, day.AddDays(days[back%len(days)]), "rent"}}
	}
}

// firstSync reads one account from the start.
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

// atMost refuses calls for more than some days.
func atMost(days int) func(from, to bankmux.Date) bool {
	return func(from, to bankmux.Date) bool { return days > 0 && to.DaysSince(from) >= days }
}

// served are the rows of the last ninety days.
func served(b *dayBank, today bankmux.Date) (rows []dayRow) {
	for _, r := range b.rows {
		if !r.written.Before(today.AddDays(-89)) {
			rows = append(rows, r)
		}
	}
	return rows
}

// once fails if a day is covered twice.
func once(t *testing.T, covered []bankmux.Covered) (days int) {
	t.Helper()
	seen := map[bankmux.Date]bool{}
	for _, span := range covered {
		for day := span.From; !day.After(span.To); day = day.AddDays(1) {
			assert.False(t, seen[day], "%s is covered once", day)
			seen[day] = true
		}
	}
	return len(seen)
}

// ledger is an application's store of one account.
type ledger map[string]bankmux.Known

func (l ledger) known(_ context.Context, _ string, from, to bankmux.Date) iter.Seq2[bankmux.Known, error] {
	return func(yield func(bankmux.Known, error) bool) {
		for _, k := range l {
			if !k.Date.Before(from) && !k.Date.After(to) && !yield(k, nil) {
				return
			}
		}
	}
}

// store stores a page.
func (l ledger) store(d bankmux.Delta) {
	for _, c := range d.Modified {
		delete(l, c.Was.Key)
	}
	for _, c := range d.Replaced {
		delete(l, c.Was.Key)
	}
	for _, gone := range d.Removed {
		delete(l, gone.Known.Key)
	}
	for _, a := range d.Added {
		l[a.Known.Key] = a.Known
	}
	for _, c := range d.Modified {
		l[c.Known.Key] = c.Known
	}
	for _, c := range d.Replaced {
		l[c.Known.Key] = c.Known
	}
	for _, m := range d.Missing {
		l[m.Known.Key] = m.Known
	}
}

func (l ledger) days() []string {
	var rows []dayRow
	for _, k := range l {
		rows = append(rows, dayRow{written: k.Date})
	}
	return writtenDays(rows)
}
