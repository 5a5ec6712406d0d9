package providertest_test

// This file reads heron's accounts and transactions.

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

type heronAccount struct {
	ID       string  `json:"id"`
	Kind     string  `json:"kind"`
	Currency string  `json:"currency"`
	Booked   *string `json:"booked"`

	Others map[string]struct{} `json:",embed"`
}

var heronKinds = map[string]bankmux.AccountKind{
	"current": bankmux.AccountChecking, "savings": bankmux.AccountSavings, "card": bankmux.AccountCreditCard,
	"loan": bankmux.AccountLoan,
}

func (h *heron) list(ctx context.Context, conn bankmux.Connection) ([]heronAccount, error) {
	var out struct {
		Accounts []heronAccount `json:"accounts"`
	}
	if err := h.send(ctx, rest.Request{Method: http.MethodGet, Path: "/accounts"}, &conn, &out); err != nil {
		return nil, err
	}
	if out.Accounts == nil {
		return nil, heronLacks("the accounts")
	}
	return out.Accounts, nil
}

func (h *heron) Accounts(ctx context.Context, req bankmux.AccountsRequest) (res bankmux.AccountsResult, err error) {
	all, err := h.list(ctx, req.Connection)
	if err != nil {
		return res, err
	}
	for _, a := range all {
		if len(req.Accounts) == 0 || slices.Contains(req.Accounts, a.ID) {
			if _, added := a.Others["suite_new_member"]; added && h.does("an added member changes a result") {
				a.Currency = ""
			}
			kind, known := heronKinds[a.Kind]
			switch {
			case !known && h.does("an unknown kind is a current account"):
				kind = bankmux.AccountChecking
			case !known:
				kind = bankmux.AccountUnknown
			}
			if h.does("every account is in one currency") {
				a.Currency = "USD"
			}
			res.Accounts = append(
				res.Accounts,
				bankmux.Account{ID: a.ID, Kind: kind, ProviderKind: a.Kind, Currency: bankmux.Currency(a.Currency)},
			)
		}
	}
	for _, id := range req.Accounts {
		there := slices.ContainsFunc(all, func(a heronAccount) bool { return a.ID == id })
		if !there && !h.does("an unknown account is ignored") {
			res.Failed = append(
				res.Failed,
				bankmux.Failure{
					Account: id,
					Err:     &bankmux.Error{Kind: bankmux.ErrNotFound, Detail: "there is no such account"},
				},
			)
		}
	}
	return res, nil
}

func (h *heron) Balances(ctx context.Context, req bankmux.BalancesRequest) (res bankmux.BalancesResult, err error) {
	all, err := h.list(ctx, req.Connection)
	if err != nil {
		return res, err
	}
	id := req.Accounts[0] // one per call
	i := slices.IndexFunc(all, func(a heronAccount) bool { return a.ID == id })
	if i < 0 {
		return res, &bankmux.Error{Kind: bankmux.ErrNotFound, Detail: "there is no such account"}
	}
	one := bankmux.AccountBalances{Account: id}
	if all[i].Booked != nil {
		money, err := bankmux.NewMoney(*all[i].Booked, bankmux.Currency(all[i].Currency))
		if err != nil {
			return res, normalize.Unreadable("a balance")
		}
		one.Balances = []bankmux.Balance{{Kind: bankmux.BalanceBooked, Money: money}}
	}
	res.Balances = []bankmux.AccountBalances{one}
	return res, nil
}

type heronRow struct {
	ID        string    `json:"id"`
	Direction string    `json:"direction"`
	Currency  string    `json:"currency"`
	Date      string    `json:"date"`
	Text      string    `json:"text"`
	Amount    *string   `json:"amount"`
	Pending   wire.Flag `json:"pending"`
}

// transaction translates a row. Of an unreadable row it returns what is certain.
func (h *heron) transaction(account string, r heronRow) (bankmux.Transaction, *bankmux.Error) {
	t := bankmux.Transaction{
		ID: r.ID, Account: account, Status: r.Pending.Status(), Description: r.Text, RawDescription: r.Text,
	}
	if h.does("the pending flag is not read") || (t.Status == "" && h.does("an unreadable pending flag is booked")) {
		t.Status = bankmux.StatusBooked
	}
	day, fault := normalize.RowDay(r.Date)
	if fault != nil {
		return t, fault
	}
	t.Date = day
	if r.Amount == nil {
		return t, normalize.Unreadable("an amount")
	}
	text := *r.Amount
	if h.does("amounts go through floating point") {
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			text = strconv.FormatFloat(f, 'f', 2, 64)
		}
	}
	amount, ok := bankmux.ParseDecimal(text)
	if !ok {
		return t, normalize.Unreadable("an amount")
	}
	direction := normalize.DirectionOf(r.Direction)
	if h.does("money out has the sign of money in") {
		direction = normalize.In
	}
	t.Amount, fault = normalize.Signed(amount, direction, r.Currency)
	return t, fault
}

// heronRows selects a page: rows of an account and days, and the number of the page.
type heronRows struct {
	account  string
	from, to bankmux.Date
	size     int
	page     string
}

// page reads one page of rows.
func (h *heron) page(
	ctx context.Context, conn bankmux.Connection, of heronRows,
) (rows []heronRow, next string, err error) {
	query := url.Values{
		"account": {of.account}, "from": {of.from.String()}, "to": {of.to.String()},
		"page": {of.page}, "size": {strconv.Itoa(of.size)},
	}
	var out struct {
		Rows []heronRow `json:"rows"`
		Next string     `json:"next"`
	}
	if err := h.send(ctx, rest.Request{Method: http.MethodGet, Path: "/rows", Query: query}, &conn, &out); err != nil {
		return nil, "", err
	}
	if out.Rows == nil {
		return nil, "", heronLacks("the rows")
	}
	return out.Rows, out.Next, nil
}

func (h *heron) TransactionPage(
	ctx context.Context, req bankmux.TransactionsRequest,
) (res bankmux.TransactionPage, err error) {
	if _, err := strconv.Atoi(req.Page); req.Page != "" && err != nil {
		return res, &bankmux.Error{
			Kind:    bankmux.ErrInvalid,
			Field:   "TransactionsRequest.Page",
			Detail:  "is not the Next of a page",
			NotSent: true,
		}
	}
	id, today := req.Accounts[0], bankmux.DateOf(time.Now().UTC())
	from, to := req.Days(today)
	if h.does("the last day is left out") {
		to = to.AddDays(-1)
	}
	size := req.PageSize
	if size == 0 {
		size = 50
	}
	of := heronRows{account: id, from: from, to: to, size: size, page: req.Page}
	rows, next, err := h.page(ctx, req.Connection, of)
	for err == nil && next != "" && h.does("pages are read in advance") {
		var more []heronRow
		of.page = next
		more, next, err = h.page(ctx, req.Connection, of)
		rows = append(rows, more...)
	}
	if err != nil {
		return res, err
	}
	if next != "" && h.does("a page loses its last row") {
		rows = rows[:len(rows)-1]
	}
	seen := map[string]bool{}
	for _, r := range rows {
		t, fault := h.transaction(id, r)
		if fault != nil && h.does("an unreadable row fails the page") {
			return bankmux.TransactionPage{}, fault
		}
		if fault != nil {
			res.Failed = append(res.Failed, bankmux.Failure{Account: id, Transaction: r.ID, Err: fault})
			continue
		}
		equal := t.Date.String() + t.Amount.String() + t.Description
		if seen[equal] && h.does("equal rows are merged into one") {
			continue
		}
		seen[equal] = true
		res.Transactions = append(res.Transactions, t)
	}
	if res.Next = next; next == "" {
		res.Covered = []bankmux.Covered{{Account: id, From: from, To: to}}
	}
	return res, nil
}
