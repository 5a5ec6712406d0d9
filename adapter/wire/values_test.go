package wire_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

// numbers reads numbers of a response by name.
func numbers(t *testing.T, body string) map[string]wire.Number {
	t.Helper()
	var in struct {
		All map[string]wire.Number `json:"all"`
	}
	require.NoError(t, wire.Decode([]byte(`{"all":`+body+`}`), &in))
	return in.All
}

// TestValues specifies how the values of a row are read.
func TestValues(t *testing.T) {
	t.Parallel()
	in := numbers(t, `{"some":12.5,"none":null,"bad":"twelve","zero":0}`)
	t.Run("values that can be read have no fault", func(t *testing.T) {
		t.Parallel()
		v := wire.Values{Currency: "USD"}
		assert.Equal(t, "12.50 USD", v.Money(in["some"]).String())
		assert.Equal(t, "-12.50 USD", v.Owed(in["some"]).String())
		assert.Equal(t, "0.00 USD", v.Owed(in["zero"]).String())
		assert.Equal(t, "12.5", v.Decimal(in["some"]).String())
		assert.Equal(t, "2026-11-23", v.Day("2026-11-23", "a day").String())
		assert.Nil(t, v.Fault)
	})
	t.Run("absent values stay absent without a fault", func(t *testing.T) {
		t.Parallel()
		v := wire.Values{Currency: "USD"}
		assert.True(t, v.Money(in["none"]).IsZero())
		assert.True(t, v.Owed(in["none"]).IsZero())
		assert.True(t, v.Decimal(in["none"]).IsZero())
		assert.True(t, v.Day("", "a day").IsZero())
		assert.Nil(t, v.Fault)
	})
	t.Run("the first fault is kept, and its value is absent", func(t *testing.T) {
		t.Parallel()
		for want, read := range map[string]func(*wire.Values) bool{
			"an amount": func(v *wire.Values) bool { return v.Money(in["bad"]).IsZero() && v.Owed(in["bad"]).IsZero() },
			"a number":  func(v *wire.Values) bool { return v.Decimal(in["bad"]).IsZero() },
			"a due day": func(v *wire.Values) bool { return v.Day("soon", "a due day").IsZero() },
		} {
			v := wire.Values{Currency: "USD"}
			assert.True(t, read(&v), want)
			require.NotNil(t, v.Fault, want)
			v.Note(normalize.Unreadable("another fault"))
			v.Note(nil)
			assert.Contains(t, v.Fault.Detail, want)
			assert.Equal(t, bankmux.ErrMalformed, v.Fault.Kind)
		}
		v := wire.Values{}
		assert.True(t, v.Money(in["some"]).IsZero(), "without a currency")
		assert.NotNil(t, v.Fault)
	})
}

type named struct {
	ID      string      `json:"id"`
	Account string      `json:"account"`
	Amount  wire.Number `json:"amount"`
}

// TestCollect specifies which rows of a list are returned, and how the others are named.
func TestCollect(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]string{
		"":        {"/row 2", "x/b", "/row 4"},
		"removed": {"/removed row 2", "x/b", "/removed row 4"},
	} {
		collects(t, list, want)
	}
}

func collects(t *testing.T, list string, want []string) {
	t.Helper()
	var in struct {
		Rows wire.List[named] `json:"rows"`
	}
	const body = `{"rows":[{"id":"a","amount":1},7,{"id":"b","account":"x","amount":"?"},{"amount":"?"},` +
		`{"id":"left out"}]}`
	require.NoError(t, wire.Decode([]byte(body), &in))
	all, failed := wire.CollectOf(list, &in.Rows, func(row *named) wire.Read[string] {
		if row.Amount.Absent() {
			return wire.Read[string]{}
		}
		one := wire.Read[string]{Row: row.ID, Given: row.ID != "", Account: row.Account, ID: row.ID}
		if row.Amount.Bad() {
			one.Fault = normalize.Unreadable("a bad amount")
		}
		return one
	})
	assert.Equal(t, []string{"a", "b"}, all, "a row with a fault may still be given")
	var names []string
	for _, f := range failed {
		names = append(names, f.Account+"/"+f.Transaction)
	}
	assert.Equal(t, want, names)
}

// TestTransactions specifies how a list of transactions is taken while it is read.
func TestTransactions(t *testing.T) {
	t.Parallel()
	fill := func(w *named, to *bankmux.Transaction) *bankmux.Error {
		to.ID, to.Account = w.ID, w.Account
		if w.Amount.Bad() {
			return normalize.Unreadable("a bad amount")
		}
		return nil
	}
	const body = `{"rows":[{"id":"a"},7,{"id":"b","account":"x","amount":"?"},{"amount":"?"},{"id":"c"}]}`
	for list, want := range map[string][]string{
		"":      {"/row 2", "x/b", "/row 4"},
		"added": {"/added row 2", "x/b", "/added row 4"},
	} {
		var in struct {
			Rows wire.Rows[named] `json:"rows"`
		}
		rows := wire.Transactions[named]{List: list, Fill: fill, Bytes: 10}
		rows.Take(&in.Rows)
		require.NoError(t, wire.Decode([]byte(body), &in))
		assert.Equal(t, []bankmux.Transaction{{ID: "a"}, {ID: "c"}}, rows.Rows)
		var names []string
		for _, f := range rows.Failed {
			names = append(names, f.Account+"/"+f.Transaction)
		}
		assert.Equal(t, want, names)
	}
}

// TestTransactionsOfARequest specifies that rows that were not asked for are counted, not taken.
func TestTransactionsOfARequest(t *testing.T) {
	t.Parallel()
	day := func(d int) bankmux.Date { return bankmux.NewDate(2026, 11, d) }
	fill := func(w *named, to *bankmux.Transaction) *bankmux.Error {
		to.ID, to.Account, to.Date = w.ID, w.Account, day(int(w.Amount.Value.Coef()))
		return nil
	}
	const body = `{"rows":[{"id":"before","account":"x","amount":9},{"id":"first","account":"x","amount":10},
		{"id":"other","account":"y","amount":11},{"id":"last","account":"x","amount":12},
		{"id":"after","account":"x","amount":13}]}`
	for name, c := range map[string]struct {
		accounts []string
		last     bankmux.Date
		want     []string
		outside  int
	}{
		"an account and days":   {[]string{"x"}, day(12), []string{"first", "last"}, 3},
		"all accounts of days":  {nil, day(12), []string{"first", "other", "last"}, 2},
		"everything by default": {[]string{"x"}, bankmux.Date{}, []string{"before", "first", "other", "last", "after"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var in struct {
				Rows wire.Rows[named] `json:"rows"`
			}
			rows := wire.Transactions[named]{Fill: fill, Bytes: 10, Accounts: c.accounts, First: day(10), Last: c.last}
			rows.Take(&in.Rows)
			require.NoError(t, wire.Decode([]byte(body), &in))
			var got []string
			for _, row := range rows.Rows {
				got = append(got, row.ID)
			}
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.outside, rows.Outside)
			assert.Empty(t, rows.Failed)
		})
	}
}
