package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/banktest"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestSyncDays specifies the days that a sync reads.
func TestSyncDays(t *testing.T) {
	t.Parallel()
	t.Run("a clock that was ahead leaves no gap", aClockThatWasAheadLeavesNoGap)
	t.Run("days that were read empty are read again", daysThatWereReadEmptyAreReadAgain)
	t.Run("a row of Dapi belongs to the day it names, whichever days the bank means", aRowOfDapiBelongsToItsDay)
}

func aClockThatWasAheadLeavesNoGap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := banktest.Open(t, "dapi")
		keys := s.Bank.Credentials()
		var ahead time.Duration
		says := map[string]string{
			"/data/transactions/get": `{"success":true,"status":"done","operationID":"op","transactions":[]}`,
		}
		client, err := dapi.New(dapi.Config{
			BaseURL:     "http://127.0.0.1/v2",
			AppKey:      keys.Dapi.AppKey,
			AppSecret:   bankmux.NewSecret(keys.Dapi.AppSecret),
			Environment: bankmux.Sandbox,
			HTTPClient: &http.Client{
				Transport: wording{banktest.InProcess{Handler: s.Bank.Dapi()}, says, nil},
			},
			Now: func() time.Time { return time.Now().Add(ahead) },
		})
		require.NoError(t, err)
		s.Client = client
		today := bankmux.DateOf(time.Now().UTC())
		for _, ahead = range []time.Duration{0, 400 * 24 * time.Hour, 0} {
			for _, d := range s.Round(t) {
				require.NotEmpty(t, d.Covered)
				if ahead == 0 {
					assert.False(t, d.Covered[0].From.After(today.AddDays(-21)), "%v", d.Covered)
					assert.Empty(t, d.Gaps)
				} else {
					assert.NotEmpty(t, d.Gaps)
				}
			}
		}
	})
}

func daysThatWereReadEmptyAreReadAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := banktest.Open(t, "dapi")
		s.Round(t)
		time.Sleep(8 * 24 * time.Hour) // all days are due
		require.NoError(t, s.Bank.Stage(s.Conn.Reference(), virtualbank.EmptyResponse))
		empty := s.Round(t)
		assert.NotEmpty(t, joined(empty).Suspect)
		time.Sleep(2 * time.Hour)
		again := s.Round(t)
		for i, page := range again {
			if len(empty[i].Suspect) > 0 {
				assert.Equal(t, empty[i].Covered, page.Covered, "nothing was learnt of them")
			}
		}
		time.Sleep(2 * time.Hour)
		for i, page := range s.Round(t) {
			if len(empty[i].Suspect) > 0 {
				assert.True(t, page.Covered[0].From.After(again[i].Covered[0].From), "now it was")
			}
		}
	})
}

func aRowOfDapiBelongsToItsDay(t *testing.T) {
	t.Parallel()
	for name, serves := range map[string]func(day, from, to bankmux.Date) bool{
		"the day that is written": func(day, from, to bankmux.Date) bool { return !day.Before(from) && !day.After(to) },
		"the day before as well":  func(day, from, to bankmux.Date) bool { return !day.Before(from.AddDays(-1)) && !day.After(to) },
		"a day of its own":        func(day, from, to bankmux.Date) bool { return !day.Before(from.AddDays(-1)) && day.Before(to) },
	} {
		synctest.Test(t, func(t *testing.T) {
			s := banktest.Open(t, "dapi")
			keys := s.Bank.Credentials()
			accounts, err := s.Client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: s.Conn})
			require.NoError(t, err)
			today := bankmux.DateOf(time.Now().UTC())
			s.Client, err = dapi.New(dapi.Config{
				BaseURL:     "http://127.0.0.1/v2",
				AppKey:      keys.Dapi.AppKey,
				AppSecret:   bankmux.NewSecret(keys.Dapi.AppSecret),
				Environment: bankmux.Sandbox,
				HTTPClient:  &http.Client{Transport: daily{banktest.InProcess{Handler: s.Bank.Dapi()}, today, serves}},
			})
			require.NoError(t, err)
			req := bankmux.SyncRequest{Connection: s.Conn, Accounts: []string{accounts.Accounts[0].ID}, Known: s.Known}
			for round := range 3 {
				req.Cursor = s.Cursor
				d, err := s.Client.Sync(t.Context(), req)
				require.NoError(t, err)
				s.Store(d)
				if round > 0 {
					assert.Zero(t, len(d.Added)+len(d.Missing)+len(d.Removed)+len(d.Replaced), name)
				}
			}
			assert.GreaterOrEqual(t, len(s.Rows), 80, "%s: a row a day, each once", name)
			days := map[bankmux.Date]int{}
			for _, k := range s.Rows {
				days[k.Date]++
			}
			for day, n := range days {
				assert.Equal(t, 1, n, "%s: %s", name, day)
			}
		})
	}
}

// daily is a bank with one row per day, which serves days by its own rule.
type daily struct {
	bank   http.RoundTripper
	today  bankmux.Date
	serves func(day, from, to bankmux.Date) bool
}

func (d daily) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/data/transactions/get") {
		return d.bank.RoundTrip(r)
	}
	var asked struct{ FromDate, ToDate string }
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		return nil, err
	}
	from, _ := bankmux.ParseDate(asked.FromDate)
	to, _ := bankmux.ParseDate(asked.ToDate)
	var rows []string
	for back := range 100 {
		if day := d.today.AddDays(-back); d.serves(day, from, to) {
			rows = append(
				rows,
				fmt.Sprintf(
					`{"amount":7,"date":"%sT20:00:00.000Z","type":"debit","description":"RENT",`+
						`"currency":{"code":"USD","name":"US Dollar"}}`,
					day,
				),
			)
		}
	}
	says := map[string]string{
		"": `{"success":true,"status":"done","operationID":"op","transactions":[` + strings.Join(rows, ",") + `]}`,
	}
	return wording{d.bank, says, nil}.RoundTrip(r)
}
