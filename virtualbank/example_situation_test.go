package virtualbank_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/banktest"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// over returns a client of HTTP whose requests reach the handler of a bank. An application uses the
// address of a server that it started instead.
func over(api http.Handler) *http.Client {
	return &http.Client{Transport: banktest.InProcess{Handler: api}}
}

// exchanged returns the connection of what a front end posted.
func exchanged(client *bankmux.Client, session bankmux.Session, posted []byte) bankmux.Connection {
	linked, err := client.ExchangeToken(context.Background(), bankmux.ExchangeRequest{
		Session: session, User: session.User, Payload: bankmux.NewSecret(posted),
	})
	if err != nil {
		panic(err)
	}
	return linked.Connection
}

// atPlaid links a user of Plaid.
func atPlaid(bank *virtualbank.Bank) (*bankmux.Client, bankmux.Connection) {
	keys := bank.Credentials().Plaid
	client, err := plaid.New(plaid.Config{
		BaseURL:     "http://127.0.0.1",
		ClientID:    keys.ClientID,
		Secret:      bankmux.NewSecret(keys.Secret),
		Environment: bankmux.Sandbox,
		HTTPClient:  over(bank.Plaid()),
	})
	if err != nil {
		panic(err)
	}
	session, err := client.CreateSession(context.Background(), bankmux.SessionRequest{User: "user-rosa", Country: "US"})
	if err != nil {
		panic(err)
	}
	posted, err := bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: session.Launch.Token.Reveal()})
	if err != nil {
		panic(err)
	}
	return client, exchanged(client, session, posted)
}

// LinkPlaid plays the user in Link. Without a link token, the bank opens a session of its own.
func ExampleBank_LinkPlaid() {
	bank := virtualbank.New(virtualbank.Options{})
	_, err := bank.LinkPlaid(virtualbank.PlaidLink{User: "user-rosa"})
	fmt.Println(err)
	for _, link := range bank.Links() {
		fmt.Println(link.Provider, link.State)
	}
	_, err = bank.LinkPlaid(virtualbank.PlaidLink{User: "user-rosa", Password: "error_ITEM_LOCKED"})
	fmt.Println(errors.As(err, new(*virtualbank.Refusal)))
	// Output:
	// <nil>
	// plaid awaiting_token_exchange
	// true
}

// Repair is a login in another application: the connection works again without a reconnect.
func ExampleBank_Repair() {
	bank := virtualbank.New(virtualbank.Options{})
	client, conn := atPlaid(bank)
	state := func() bankmux.State {
		got, err := client.ConnectionStatus(context.Background(), bankmux.StatusRequest{Connection: conn})
		if err != nil {
			panic(err)
		}
		return got.Connection.Status.State
	}
	if err := bank.Lapse(conn.Reference()); err != nil {
		panic(err)
	}
	fmt.Println(state())
	if err := bank.Repair(conn.Reference()); err != nil {
		panic(err)
	}
	fmt.Println(state())
	// Output:
	// reauth_required
	// active
}

// RequireInput makes a bank ask the user. The answer to a one-time password is 123456.
func ExampleBank_RequireInput() {
	bank := virtualbank.New(virtualbank.Options{})
	keys := bank.Credentials().Dapi
	client, err := dapi.New(dapi.Config{
		BaseURL:     "http://127.0.0.1/v2",
		AppKey:      keys.AppKey,
		AppSecret:   bankmux.NewSecret(keys.AppSecret),
		Environment: bankmux.Sandbox,
		HTTPClient:  over(bank.Dapi()),
	})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	session, err := client.CreateSession(ctx, bankmux.SessionRequest{User: "user-rosa", Country: "AE"})
	if err != nil {
		panic(err)
	}
	posted, err := bank.LinkDapi(virtualbank.DapiLink{AppKey: session.Launch.AppKey})
	if err != nil {
		panic(err)
	}
	conn := exchanged(client, session, posted)
	if err := bank.RequireInput(conn.Reference(), "/data/accounts/get", []string{"otp"}); err != nil {
		panic(err)
	}

	req := bankmux.AccountsRequest{Connection: conn}
	_, err = client.Accounts(ctx, req)
	challenge := bankmux.ErrorOf(err).Challenge
	fmt.Println(bankmux.KindOf(err), challenge.Inputs[0].Kind)
	req.Answers = challenge.Answer("123456")
	list, err := client.Accounts(ctx, req)
	fmt.Println(len(list.Accounts), err)
	// Output:
	// user_action_required otp
	// 2 <nil>
}

// Refresh fetches from the institution at once. Between two refreshes MoneyKit returns what it
// stored.
func ExampleBank_Refresh() {
	bank := virtualbank.New(virtualbank.Options{})
	keys := bank.Credentials().MoneyKit
	client, err := moneykit.New(moneykit.Config{
		BaseURL:      "http://127.0.0.1",
		ClientID:     keys.ClientID,
		ClientSecret: bankmux.NewSecret(keys.ClientSecret),
		Environment:  bankmux.Sandbox,
		HTTPClient:   over(bank.MoneyKit()),
	})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	session, err := client.CreateSession(ctx, bankmux.SessionRequest{
		User: "user-rosa", Country: "US", RedirectURI: "https://app.example.com/oauth",
	})
	if err != nil {
		panic(err)
	}
	posted, err := bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
	if err != nil {
		panic(err)
	}
	conn := exchanged(client, session, posted)
	list, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	if err != nil {
		panic(err)
	}
	account := list.Accounts[0].ID
	spec := virtualbank.TransactionSpec{Text: "Bookshop", Amount: "12.30", Type: "debit"}
	if err := bank.AddTransaction(conn.Reference(), account, spec); err != nil {
		panic(err)
	}
	find := func() (found bool) {
		today := bankmux.DateOf(bank.Now())
		for row, err := range client.Transactions(ctx, bankmux.TransactionsRequest{
			Connection: conn, From: today.AddDays(-7), To: today,
		}) {
			found = found || (err == nil && row.Description == "Bookshop")
		}
		return found
	}
	fmt.Println(find())
	if err := bank.Refresh(conn.Reference()); err != nil {
		panic(err)
	}
	fmt.Println(find())
	// Output:
	// false
	// true
}
