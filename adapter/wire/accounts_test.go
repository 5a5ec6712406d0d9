package wire_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
)

// accountRow is an account of a response.
type accountRow struct {
	ID     string             `json:"id"`
	Name   string             `json:"name"`
	Number string             `json:"number"`
	Owners wire.List[nameRow] `json:"owners"`
}

type nameRow struct {
	Name string `json:"name"`
}

func (r *accountRow) account() bankmux.Account { return bankmux.Account{ID: r.ID, Name: r.Name} }

// accountList decodes a list of accounts.
func accountList(t *testing.T, rows string) *wire.List[accountRow] {
	t.Helper()
	var in struct {
		Rows wire.List[accountRow] `json:"rows"`
	}
	require.NoError(t, wire.Decode([]byte(`{"rows":`+rows+`}`), &in))
	return &in.Rows
}

// failures renders failures as account, row and detail.
func failures(list []bankmux.Failure) (all []string) {
	for _, f := range list {
		all = append(all, f.Account+"|"+f.Transaction+"|"+bankmux.ErrorOf(f.Err).Detail)
	}
	return all
}

// TestAccounts specifies that the selected accounts are the same on the wire and in the model.
func TestAccounts(t *testing.T) {
	t.Parallel()
	const all = `[{"id":"a","name":"first"},{"id":"b"},{"id":"a","name":"second"},7,{"name":"nameless"}]`
	for name, c := range map[string]struct {
		ids    []string
		want   []string
		failed []string
	}{
		"all": {nil, []string{"a first", "b "}, []string{
			"a||the response has a second account with the id of another",
			"|row 4|the response has a row that is not an object with each key once",
			"|row 5|the response has an account without id",
		}},
		"some": {[]string{"b", "z"}, []string{"b "}, []string{
			"|row 4|the response has a row that is not an object with each key once",
			"|row 5|the response has an account without id",
			"z||the connection has no such account",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, res := wire.Accounts(c.ids, accountList(t, all), (*accountRow).account)
			var onWire, inModel []string
			for i := range rows {
				onWire = append(onWire, rows[i].ID+" "+rows[i].Name)
			}
			for _, one := range res.Accounts {
				inModel = append(inModel, one.ID+" "+one.Name)
			}
			assert.Equal(t, c.want, onWire)
			assert.Equal(t, c.want, inModel)
			assert.Equal(t, c.failed, failures(res.Failed))
		})
	}
}

// TestAccountsOfACleanList specifies that a list of which all is returned is not copied, and that
// an unreadable row stays a failure.
func TestAccountsOfACleanList(t *testing.T) {
	t.Parallel()
	list := accountList(t, `[{"id":"a","name":"first"},7,{"id":"b"}]`)
	rows, res := wire.Accounts(nil, list, (*accountRow).account)
	require.Len(t, rows, 2)
	assert.Same(t, &list.Rows[0], &rows[0])
	assert.Equal(t, []bankmux.Account{{ID: "a", Name: "first"}, {ID: "b"}}, res.Accounts)
	const unreadable = "|row 2|the response has a row that is not an object with each key once"
	assert.Equal(t, []string{unreadable}, failures(res.Failed))
	_, res = wire.Accounts(nil, accountList(t, `[]`), (*accountRow).account)
	assert.Equal(t, bankmux.AccountsResult{}, res)
}

// TestCollectNumbers specifies that numbers are collected by account, over several lists.
func TestCollectNumbers(t *testing.T) {
	t.Parallel()
	read := func(r *accountRow) (string, bankmux.AccountNumber) {
		return r.ID, bankmux.AccountNumber{Number: r.Number, IBAN: r.Name}
	}
	var res bankmux.AccountNumbersResult
	first := accountList(t, `[{"id":"a","number":"1"},{"number":"2"},{"id":"b"},"x",{"id":"b","number":"3"}]`)
	wire.CollectNumbers(&res, bankmux.SchemeACH, first, read)
	wire.CollectNumbers(&res, bankmux.SchemeIBAN, accountList(t, `[{"id":"a","name":"GB1"}]`), read)
	assert.Equal(t, []bankmux.AccountNumbers{
		{Account: "a", Numbers: []bankmux.AccountNumber{
			{Scheme: bankmux.SchemeACH, Number: "1"}, {Scheme: bankmux.SchemeIBAN, IBAN: "GB1"},
		}},
		{Account: "b", Numbers: []bankmux.AccountNumber{{Scheme: bankmux.SchemeACH, Number: "3"}}},
	}, res.Accounts)
	assert.Equal(t, []string{
		"|row 4|the response has a row that is not an object with each key once",
		"|row 2|the response has an account number without its account or number",
		"b|row 3|the response has an account number without its account or number",
	}, failures(res.Failed))
}

// TestStatedOwner specifies that absent parts of an owner are left out.
func TestStatedOwner(t *testing.T) {
	t.Parallel()
	t.Run("what has no content is left out", func(t *testing.T) {
		t.Parallel()
		got := wire.StatedOwner(bankmux.Owner{
			Names:     []string{"", "Rosa"},
			Addresses: []bankmux.Address{{Primary: true}, {City: "Lisbon"}},
			Phones:    []bankmux.Phone{{Kind: "home"}, {Number: "1"}},
			Emails:    []bankmux.Email{{Address: "rosa@example.com"}, {Primary: true}},
			Documents: []bankmux.Document{{Kind: "passport"}, {Number: "7"}},
		})
		assert.Equal(t, bankmux.Owner{
			Names: []string{"Rosa"}, Addresses: []bankmux.Address{{City: "Lisbon"}},
			Phones: []bankmux.Phone{{Number: "1"}}, Emails: []bankmux.Email{{Address: "rosa@example.com"}},
			Documents: []bankmux.Document{{Number: "7"}},
		}, got)
	})
	t.Run("an owner without content is zero", func(t *testing.T) {
		t.Parallel()
		got := wire.StatedOwner(bankmux.Owner{
			Names: []string{""}, Addresses: []bankmux.Address{{}}, Phones: []bankmux.Phone{{}},
			Emails: []bankmux.Email{{}}, Documents: []bankmux.Document{{Kind: "passport"}},
		})
		assert.Zero(t, got)
	})
	t.Run("CollectOwners leaves it out too", func(t *testing.T) {
		t.Parallel()
		list := accountList(t, `[{"id":"a","owners":[{"name":""},{"name":"Rosa"}]},{"id":"b","owners":[{"name":""}]}]`)
		owner := func(r *nameRow) bankmux.Owner { return bankmux.Owner{Names: []string{r.Name}} }
		of := func(r *accountRow) (string, *wire.List[nameRow]) { return r.ID, &r.Owners }
		res := wire.CollectOwners(nil, list, of, owner)
		assert.Equal(t, []bankmux.Owner{{Names: []string{"Rosa"}, Accounts: []string{"a"}}}, res.Owners)
		assert.Equal(t, []string{"b||the response has an account whose owners are empty"}, failures(res.Failed))
	})
}

// TestCollectOwners specifies that equal owners are one owner of several accounts.
func TestCollectOwners(t *testing.T) {
	t.Parallel()
	const all = `[{"id":"a","owners":[{"name":"Rosa"},5]},{"id":"b","owners":[{"name":"Rosa"},{"name":"Ana"}]},
		{"id":"c","owners":null},{"owners":[{"name":"Eve"}]}]`
	owner := func(r *nameRow) bankmux.Owner { return bankmux.Owner{Names: []string{r.Name}} }
	of := func(r *accountRow) (string, *wire.List[nameRow]) { return r.ID, &r.Owners }
	for name, c := range map[string]struct {
		ids    []string
		owners []bankmux.Owner
		failed []string
	}{
		"all accounts": {
			nil,
			[]bankmux.Owner{
				{Names: []string{"Rosa"}, Accounts: []string{"a", "b"}},
				{Names: []string{"Ana"}, Accounts: []string{"b"}},
			},
			[]string{
				"|row 4|the response has an account without id",
				"a|row 2|the response has a row that is not an object with each key once",
				"c||the response has an account without owners",
			},
		},
		"one account, and one that is not there": {
			[]string{"b", "z"},
			[]bankmux.Owner{
				{Names: []string{"Rosa"}, Accounts: []string{"b"}}, {Names: []string{"Ana"}, Accounts: []string{"b"}},
			},
			[]string{"|row 4|the response has an account without id", "z||the connection has no such account"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := wire.CollectOwners(c.ids, accountList(t, all), of, owner)
			assert.Equal(t, c.owners, res.Owners)
			assert.Equal(t, c.failed, failures(res.Failed))
		})
	}
}

// TestCollectOwnersOfOddAccounts specifies that no owner is lost in silence.
func TestCollectOwnersOfOddAccounts(t *testing.T) {
	t.Parallel()
	const (
		again = "a||the response has a second account with the id of another"
		empty = "a||the response has an account whose owners are empty"
		bad   = "a|row 1|the response has a row that is not an object with each key once"
	)
	rosa := bankmux.Owner{Names: []string{"Rosa"}, Accounts: []string{"a"}}
	ana := bankmux.Owner{Names: []string{"Ana"}, Accounts: []string{"a"}}
	owner := func(r *nameRow) (one bankmux.Owner) {
		if r.Name != "" {
			one.Names = []string{r.Name}
		}
		return one
	}
	of := func(r *accountRow) (string, *wire.List[nameRow]) { return r.ID, &r.Owners }
	for name, c := range map[string]struct {
		rows   string
		owners []bankmux.Owner
		failed []string
	}{
		"two rows of one account": {
			`{"id":"a","owners":[{"name":"Rosa"}]},{"id":"a","owners":[{"name":"Ana"}]}`,
			[]bankmux.Owner{rosa, ana},
			[]string{again},
		},
		"two rows with one owner": {
			`{"id":"a","owners":[{"name":"Rosa"}]},{"id":"a","owners":[{"name":"Rosa"},5]}`,
			[]bankmux.Owner{rosa},
			[]string{again, strings.Replace(bad, "row 1", "row 2", 1)},
		},
		"two rows of an account that is not asked for": {
			`{"id":"a","owners":[{"name":"Rosa"}]},{"id":"b","owners":[]},{"id":"b","owners":[]}`,
			[]bankmux.Owner{rosa},
			nil,
		},
		"no owners":           {`{"id":"a","owners":[]}`, nil, nil},
		"a null":              {`{"id":"a","owners":[null]}`, nil, []string{empty}},
		"an empty object":     {`{"id":"a","owners":[{},{}]}`, nil, []string{empty}},
		"a text":              {`{"id":"a","owners":["Rosa"]}`, nil, []string{bad}},
		"a text and an empty": {`{"id":"a","owners":["Rosa",{}]}`, nil, []string{empty, bad}},
		"an empty and a full": {`{"id":"a","owners":[{},{"name":"Ana"}]}`, []bankmux.Owner{ana}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := wire.CollectOwners([]string{"a"}, accountList(t, `[`+c.rows+`]`), of, owner)
			assert.Equal(t, c.owners, res.Owners)
			assert.Equal(t, c.failed, failures(res.Failed))
		})
	}
}

// TestBalances specifies which balances of an account are returned.
func TestBalances(t *testing.T) {
	t.Parallel()
	in := numbers(t, `{"some":12.5,"none":null,"bad":"twelve"}`)
	at := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		booked, limit string
		want          []string // nil if the account is left out
		failed        bool
	}{
		"both":                                {"some", "some", []string{"booked 12.50 USD", "limit 12.50 USD"}, false},
		"an absent balance is left out":       {"some", "none", []string{"booked 12.50 USD"}, false},
		"an account may have none":            {"none", "none", []string{}, false},
		"an unreadable one costs itself":      {"bad", "some", []string{"limit 12.50 USD"}, true},
		"an account without a readable one":   {"bad", "none", nil, true},
		"two that cannot be read are a fault": {"bad", "bad", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := wire.Values{Currency: "USD"}
			var res bankmux.BalancesResult
			v.Balances(&res, bankmux.AccountBalances{Account: "a", Balances: []bankmux.Balance{
				{Kind: bankmux.BalanceBooked, Money: v.Money(in[c.booked])},
				{Kind: bankmux.BalanceLimit, Money: v.Money(in[c.limit])},
			}}, at)
			if c.failed {
				assert.Equal(t, []string{"a||the response has an amount that cannot be read exactly"},
					failures(res.Failed))
			} else {
				assert.Empty(t, res.Failed)
			}
			if c.want == nil {
				assert.Empty(t, res.Balances)
				return
			}
			require.Len(t, res.Balances, 1)
			got := []string{}
			for _, b := range res.Balances[0].Balances {
				got = append(got, string(b.Kind)+" "+b.Money.String())
				assert.Equal(t, at, b.AsOf)
			}
			assert.Equal(t, c.want, got)
		})
	}
}

// TestIdentified specifies that a row without its id is a failure.
func TestIdentified(t *testing.T) {
	t.Parallel()
	list := accountList(t, `[{"id":"a","name":"first"},{"name":"second"}]`)
	rows, failed := wire.Collect(list, func(r *accountRow) wire.Read[string] {
		return wire.Identified(r.Name, r.ID, "a bank without id")
	})
	assert.Equal(t, []string{"first"}, rows)
	assert.Equal(t, []string{"|row 2|the response has a bank without id"}, failures(failed))
}

// TestCollectHoldings specifies that positions of other accounts are left out.
func TestCollectHoldings(t *testing.T) {
	t.Parallel()
	read := func(r *accountRow) wire.Read[bankmux.Holding] {
		v := wire.Values{Currency: "USD"}
		return v.Holding(bankmux.Holding{Account: r.ID}, numbers(t, `{"n":1}`)["n"])
	}
	for name, c := range map[string]struct {
		ids    []string
		want   []string
		failed []string
	}{
		"all":  {nil, []string{"a", "b"}, []string{"|row 3|the response has a position without account"}},
		"some": {[]string{"b"}, []string{"b"}, []string{"|row 3|the response has a position without account"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var res bankmux.HoldingsResult
			wire.CollectHoldings(&res, accountList(t, `[{"id":"a"},{"id":"b"},{}]`), c.ids, read)
			var got []string
			for _, one := range res.Holdings {
				got = append(got, one.Account)
			}
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.failed, failures(res.Failed))
		})
	}
}

// TestFlagStatus specifies the status of a row by its pending flag.
func TestFlagStatus(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bankmux.TransactionStatus{
		"true": bankmux.StatusPending, "false": bankmux.StatusBooked, "null": "", `"perhaps"`: "",
	} {
		var in struct {
			Pending wire.Flag `json:"pending"`
		}
		require.NoError(t, wire.Decode([]byte(`{"pending":`+value+`}`), &in))
		assert.Equal(t, want, in.Pending.Status(), value)
	}
}
