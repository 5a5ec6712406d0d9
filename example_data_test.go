package bankmux_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
)

func ExampleClient_Accounts() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-omar", "AE")
	res, err := client.Accounts(context.Background(), bankmux.AccountsRequest{Connection: conn})
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range res.Accounts {
		fmt.Println(a.Name, a.Kind, a.Currency)
	}
	// Output:
	// Everyday Checking checking AED
	// Rainy Day Savings savings AED
}

func ExampleClient_Balances() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-omar", "AE")
	res, err := client.Balances(context.Background(), bankmux.BalancesRequest{Connection: conn})
	if partial, ok := errors.AsType[*bankmux.PartialError](err); ok {
		log.Print(partial) // names the accounts that failed; the others are in res
	} else if err != nil {
		log.Fatal(err)
	}
	for _, b := range res.Balances {
		if booked, ok := b.Of(bankmux.BalanceBooked); ok { // absent is not zero
			fmt.Println(booked)
		}
	}
	// Output:
	// 20697.57 AED
	// 12934.18 AED
}

func ExampleClient_Transactions() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-omar", "AE")
	req := bankmux.TransactionsRequest{Connection: conn}
	for row, err := range client.Transactions(context.Background(), req) {
		if failure, ok := errors.AsType[bankmux.Failure](err); ok {
			log.Print(failure) // one row or one account; the loop continues
			continue
		}
		if err != nil {
			log.Fatal(err) // the loop has ended
		}
		fmt.Println(row.Date, row.Amount, row.Description)
		break
	}
	// Output: 2026-11-02 -3.78 AED HARBOR COFFEE #464
}

// A bank may ask the user in the middle of a call. The same call with the answers continues.
func ExampleChallenge_Answer() {
	s := openSandbox()
	defer s.close()
	ctx := context.Background()
	client, conn := s.link("user-omar", "AE")
	_ = s.bank.RequireInput(conn.Reference(), "", []string{"otp"})

	req := bankmux.AccountsRequest{Connection: conn}
	_, err := client.Accounts(ctx, req)
	e, ok := errors.AsType[*bankmux.Error](err)
	if !ok || e.Challenge == nil {
		log.Fatal(err)
	}
	fmt.Println(e.Kind, e.Challenge.Inputs[0].Kind)
	req.Answers = e.Challenge.Answer("123456") // from the user
	res, err := client.Accounts(ctx, req)
	fmt.Println(len(res.Accounts), err)
	// Output:
	// user_action_required otp
	// 2 <nil>
}

func ExampleClient_AccountNumbers() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-rosa", "US")
	res, err := client.AccountNumbers(context.Background(), bankmux.AccountNumbersRequest{Connection: conn})
	if err != nil {
		log.Fatal(err)
	}
	for _, account := range res.Accounts {
		if ach, ok := account.Of(bankmux.SchemeACH); ok {
			fmt.Println(ach.Number != "", ach.Routing)
		}
	}
	// Output:
	// true 123456780
	// true 123456780
}

func ExampleClient_Identity() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-rosa", "US")
	res, err := client.Identity(context.Background(), bankmux.IdentityRequest{Connection: conn})
	if err != nil {
		log.Fatal(err)
	}
	for _, owner := range res.Owners { // personal data: do not log it
		fmt.Println(owner.Names, len(owner.Accounts))
	}
	// Output: [Noor Muster] 5
}

// Dapi keeps cards apart from accounts.
func ExampleClient_Cards() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-omar", "AE")
	res, err := client.Cards(context.Background(), bankmux.CardsRequest{Connection: conn})
	if err != nil {
		log.Fatal(err)
	}
	for _, card := range res.Cards {
		fmt.Println(card.Name, card.Kind, card.Limit)
	}
	// Output: Travel Card credit 4000.00 AED
}

// A page says which days it covers and where to continue.
func ExampleClient_TransactionPages() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-omar", "AE")
	today := bankmux.DateOf(s.bank.Now())
	for page, err := range client.TransactionPages(context.Background(), bankmux.TransactionsRequest{
		Connection: conn, From: today.AddDays(-6), To: today,
	}) {
		if err != nil {
			log.Fatal(err)
		}
		for _, days := range page.Covered {
			fmt.Println(days.From, "to", days.To, len(page.Transactions), "rows")
		}
	}
	// Output:
	// 2026-10-27 to 2026-11-02 7 rows
	// 2026-10-27 to 2026-11-02 2 rows
}

func ExampleClient_Holdings() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-rosa", "US")
	res, err := client.Holdings(context.Background(), bankmux.HoldingsRequest{Connection: conn})
	if err != nil {
		log.Fatal(err)
	}
	for _, h := range res.Holdings {
		fmt.Println(h.Quantity, h.Value)
	}
	// Output:
	// 100.5 10175.63 USD
	// 1824.37 1824.37 USD
}

func ExampleClient_InvestmentTransactions() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-rosa", "US")
	req := bankmux.InvestmentTransactionsRequest{Connection: conn}
	for row, err := range client.InvestmentTransactions(context.Background(), req) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(row.Kind, row.Amount)
		break
	}
	// Output: cash 12.40 USD
}

func ExampleClient_InvestmentTransactionPages() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-rosa", "US")
	req := bankmux.InvestmentTransactionsRequest{Connection: conn}
	for page, err := range client.InvestmentTransactionPages(context.Background(), req) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(len(page.Transactions) > 0, page.Next == "")
	}
	// Output: true true
}

func ExampleClient_Institutions() {
	s := openSandbox()
	defer s.close()
	client := must(s.registry.Client("moneykit"))
	req := bankmux.InstitutionsRequest{Country: "US", Name: "north"}
	for bank, err := range client.Institutions(context.Background(), req) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(bank.ID, bank.Name)
	}
	// Output: northwind Northwind Bank
}

func ExampleClient_Institution() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-rosa", "US")
	bank, err := client.Institution(context.Background(), bankmux.InstitutionRequest{ID: conn.Institution.ID})
	fmt.Println(bank.Name, bank.Country, err)
	// Output: Northwind Bank US <nil>
}

// A provider that serves stored data fetches it again from the bank.
func ExampleClient_Refresh() {
	s := openSandbox()
	defer s.close()
	ctx := context.Background()
	client, conn := s.link("user-rosa", "US")
	s.bank.Advance(2 * time.Hour) // MoneyKit allows one refresh an hour
	started, err := client.Refresh(ctx, bankmux.RefreshRequest{
		Connection: conn, Products: []bankmux.Product{bankmux.ProductTransactions},
	})
	if err != nil {
		log.Fatal(err)
	}
	s.bank.Advance(time.Minute) // the bank takes a while
	res, err := client.AwaitRefresh(ctx, started)
	fmt.Println(res.Connection.Status.State, err)

	_, err = client.Refresh(ctx, bankmux.RefreshRequest{
		Connection: conn, Products: []bankmux.Product{bankmux.ProductTransactions},
	})
	fmt.Println(bankmux.KindOf(err))
	// Output:
	// active <nil>
	// rate_limited
}

// The rows of a page and the cursor behind it belong in one transaction of your database.
func ExampleClient_Sync() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-rosa", "US")
	known := map[string]bankmux.Known{} // by Known.Key
	req := bankmux.SyncRequest{
		Connection: conn,
		Known: func(_ context.Context, account string, _, _ bankmux.Date) iter.Seq2[bankmux.Known, error] {
			return func(yield func(bankmux.Known, error) bool) {
				for _, k := range known {
					if k.Account == account && !yield(k, nil) { // extra rows are ignored
						return
					}
				}
			}
		},
	}
	for more := true; more; {
		page, err := client.Sync(context.Background(), req)
		if err != nil {
			log.Fatal(err)
		}
		for _, a := range page.Added {
			known[a.Known.Key] = a.Known
		}
		for _, c := range slices.Concat(page.Modified, page.Replaced) {
			known[c.Known.Key] = c.Known // the key stays the same
		}
		for _, m := range page.Missing {
			known[m.Known.Key] = m.Known
		}
		for _, r := range page.Removed {
			delete(known, r.Known.Key)
		}
		req.Cursor, more = page.Next, page.More
	}
	fmt.Println(len(known) > 500)
	// Output: true
}
