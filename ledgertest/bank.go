package ledgertest

// This file has a provider that lists one account and serves a record of changes.

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
)

// bank is an adapter without a network. Each connection has one account with the rows that were
// added, and one page per row.
type bank struct {
	mu   sync.Mutex
	rows int
}

// add adds rows at the bank.
func (b *bank) add(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rows += n
}

// CreateSession implements [bankmux.Provider].
func (b *bank) CreateSession(_ context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	return bankmux.NewSession(req), nil
}

// ExchangeToken implements [bankmux.Provider].
func (b *bank) ExchangeToken(_ context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	fields, err := req.Fields()
	if err != nil {
		return bankmux.ExchangeResult{}, err
	}
	token, _ := fields.Text("token")
	conn := bankmux.NewConnection(req.Session, "reference of "+token, bankmux.NewSecret("secret of "+token))
	conn.Status = bankmux.Status{State: bankmux.StateActive, At: conn.CreatedAt}
	return bankmux.ExchangeResult{Connection: conn}, nil
}

// Accounts implements [bankmux.AccountLister].
func (b *bank) Accounts(context.Context, bankmux.AccountsRequest) (bankmux.AccountsResult, error) {
	return bankmux.AccountsResult{Accounts: []bankmux.Account{account("main", "")}}, nil
}

// Sync implements [bankmux.TransactionSyncer]. The cursor is the number of rows before the page.
func (b *bank) Sync(_ context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	at, _ := strconv.Atoi(req.Cursor)
	b.mu.Lock()
	defer b.mu.Unlock()
	if at >= b.rows {
		return bankmux.Delta{Next: strconv.Itoa(at)}, nil
	}
	k := known(req.AccountName("main"), "row "+strconv.Itoa(at), day(at%28+1))
	return bankmux.Delta{
		Added: []bankmux.Added{{Known: k, Row: transaction(k)}},
		Next:  strconv.Itoa(at + 1), More: at+1 < b.rows,
	}, nil
}

// day returns a day of January 2026.
func day(n int) bankmux.Date { return bankmux.NewDate(2026, time.January, n) }

// known returns a row that has every member.
func known(account, key string, on bankmux.Date) bankmux.Known {
	amount, err := bankmux.NewMoney("-12.340", "USD")
	if err != nil {
		panic(err) // a constant
	}
	return bankmux.Known{
		Key: key, Aliases: []string{"id:ledgertest:" + key, "former " + key}, Account: account,
		Status: bankmux.StatusBooked, Date: on, Amount: amount, Text: "Café \u2615 'quoted'; -- " + key,
		Reference: "R-1", Missed: 1,
	}
}

// transaction returns what the provider has of a row.
func transaction(k bankmux.Known) *bankmux.Transaction {
	return &bankmux.Transaction{
		ID: k.Key, Account: "main", Status: k.Status, Date: k.Date, Amount: k.Amount, Description: k.Text,
		RawDescription: k.Text,
	}
}
