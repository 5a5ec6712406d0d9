package wire_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
)

// TestHolding specifies what is enough of a position.
func TestHolding(t *testing.T) {
	t.Parallel()
	in := numbers(t, `{"some":12.5,"none":null,"bad":"twelve"}`)
	for name, c := range map[string]struct {
		account, quantity, price string
		given                    bool
		fault                    string
	}{
		"a whole position is returned":                          {"a1", "some", "some", true, ""},
		"an absent price is not a fault":                        {"a1", "some", "none", true, ""},
		"a price that cannot be read is a fault beside the row": {"a1", "some", "bad", true, "an amount"},
		"a position without account is a failure":               {"", "some", "some", false, "without account"},
		"a position without quantity is a failure":              {"a1", "none", "bad", false, "without quantity"},
		"a quantity that cannot be read is a failure":           {"a1", "bad", "some", false, "a number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := wire.Values{Currency: "USD"}
			row := bankmux.Holding{
				Account: c.account, Security: "s1", Quantity: v.Decimal(in[c.quantity]), Price: v.Money(in[c.price]),
			}
			one := v.Holding(row, in[c.quantity])
			assert.Equal(t, c.given, one.Given)
			assert.Equal(t, c.account+"/s1", one.Account+"/"+one.ID, "the failure names account and security")
			assert.Equal(t, row, one.Row)
			faultIs(t, c.fault, one.Fault)
		})
	}
}

// TestInvestmentTransaction specifies what is enough of a row, and which rows a page has.
func TestInvestmentTransaction(t *testing.T) {
	t.Parallel()
	in := numbers(t, `{"some":12.5,"none":null,"bad":"twelve"}`)
	for name, c := range map[string]struct {
		id, account, day, amount, fees string
		given                          bool
		fault                          string
	}{
		"a whole row is returned":                        {"t1", "a1", "2026-11-20", "some", "none", true, ""},
		"fees that cannot be read are a fault beside it": {"t1", "a1", "2026-11-20", "some", "bad", true, "an amount"},
		"a row without id is a failure":                  {"", "a1", "2026-11-20", "some", "some", false, "without id"},
		"a row without account is a failure":             {"t1", "", "2026-11-20", "some", "some", false, "or account"},
		"a row without day is a failure":                 {"t1", "a1", "", "some", "some", false, "date"},
		"a row without amount is a failure":              {"t1", "a1", "2026-11-20", "none", "bad", false, "without amount"},
		"a row whose amount cannot be read is a failure": {"t1", "a1", "2026-11-20", "bad", "some", false, "an amount"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := wire.Values{Currency: "USD"}
			one := v.InvestmentTransaction(bankmux.InvestmentTransaction{
				ID: c.id, Account: c.account, Amount: v.Owed(in[c.amount]), Fees: v.Owed(in[c.fees]),
			}, c.day, in[c.amount])
			assert.Equal(t, c.given, one.Given)
			assert.Equal(t, c.account+"/"+c.id, one.Account+"/"+one.ID)
			assert.Equal(t, c.day, dayText(one.Row.Date))
			faultIs(t, c.fault, one.Fault)
		})
	}
	t.Run("rows that were not asked for are counted, and the others keep their order", rowsNotAskedForAreCounted)
}

func rowsNotAskedForAreCounted(t *testing.T) {
	t.Parallel()
	var in struct {
		Rows wire.List[named] `json:"rows"`
	}
	const body = `{"rows":[{"id":"2026-11-22","account":"a1"},7,{"id":"2026-11-21","account":"a2"},
		{"id":"2026-11-19","account":"a1"},{"id":"2026-11-23","account":"a1"},{"account":"a1"},{"id":"2026-11-20"}]}`
	require.NoError(t, wire.Decode([]byte(body), &in))
	day := bankmux.NewDate(2026, 11, 22)
	req := bankmux.InvestmentTransactionsRequest{Accounts: []string{"a1"}, From: day.AddDays(-2), To: day}
	page := bankmux.InvestmentTransactionPage{
		Transactions: []bankmux.InvestmentTransaction{{ID: "before"}}, Failed: []bankmux.Failure{{Account: "before"}},
	}
	wire.CollectInvestments(&page, &in.Rows, &req, day, func(w *named) wire.Read[bankmux.InvestmentTransaction] {
		var v wire.Values
		one := v.InvestmentTransaction(bankmux.InvestmentTransaction{ID: w.ID, Account: w.Account}, w.ID, w.Amount)
		one.Given, one.Fault = one.Row.Account != "", nil
		if w.ID == "" || w.Account == "" {
			one.Fault = wire.RowError()
		}
		return one
	})
	var rows, failed []string
	for _, r := range page.Transactions {
		rows = append(rows, r.ID)
	}
	for _, f := range page.Failed {
		failed = append(failed, f.Account+"/"+f.Transaction)
	}
	assert.Equal(t, []string{"before", "2026-11-22", ""}, rows, "a row without a day may be of any")
	assert.Equal(t, 3, page.Outside, "one of another account, one before and one after the days")
	assert.Equal(t, []string{"before/", "/row 2", "a1/row 6", "/2026-11-20"}, failed, "a row of no account is reported")
}

// dayText is "" for the zero day.
func dayText(d bankmux.Date) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

// faultIs checks that a fault names what is wrong, or that there is none.
func faultIs(t *testing.T, want string, fault *bankmux.Error) {
	t.Helper()
	if want == "" {
		assert.Nil(t, fault)
		return
	}
	require.NotNil(t, fault)
	assert.Contains(t, fault.Detail, want)
}
