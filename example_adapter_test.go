package bankmux_test

import (
	"context"
	"fmt"
	"log"

	"github.com/bankmux/bankmux"
)

// acme is an adapter. It has the two steps of linking, and one optional interface.
type acme struct{}

func (acme) Describe() bankmux.Description {
	return bankmux.Description{Provider: "acme", Environment: bankmux.Sandbox}
}

func (acme) CreateSession(_ context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	s := bankmux.NewSession(req)
	s.Launch.URL = bankmux.NewLaunchToken("https://link.acme.example/start")
	return s, nil
}

func (acme) ExchangeToken(_ context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	payload, err := req.Fields()
	if err != nil {
		return bankmux.ExchangeResult{}, err
	}
	code, err := payload.Text("code") // sent to the provider, which returns a token
	if err != nil {
		return bankmux.ExchangeResult{}, err
	}
	conn := bankmux.NewConnection(req.Session, "login-1", bankmux.NewSecret("token for "+code))
	conn.Status.State = bankmux.StateActive
	return bankmux.ExchangeResult{Connection: conn}, nil
}

func (acme) Accounts(context.Context, bankmux.AccountsRequest) (bankmux.AccountsResult, error) {
	return bankmux.AccountsResult{Accounts: []bankmux.Account{
		{ID: "1", Kind: bankmux.AccountChecking, ProviderKind: "giro", Name: "Main", Currency: "EUR"},
	}}, nil
}

// Rates is an operation that only this provider has.
func (acme) Rates(context.Context) (map[string]string, error) {
	return map[string]string{"EURUSD": "1.08"}, nil
}

// rater is what Rates of the adapter's package needs of a client's adapter.
type rater interface {
	Rates(ctx context.Context) (map[string]string, error)
}

// A small adapter, and a client of it. Package providertest checks an adapter.
func ExampleProvider() {
	ctx := context.Background()
	client := bankmux.NewClient("acme", acme{})
	session, err := client.CreateSession(ctx, bankmux.SessionRequest{User: "user-1"})
	if err != nil {
		log.Fatal(err)
	}
	linked, err := client.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: "user-1", Payload: bankmux.NewSecret(`{"code":"abc"}`),
	})
	if err != nil {
		log.Fatal(err)
	}
	accounts, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: linked.Connection})
	fmt.Println(accounts.Accounts[0].Name, err)
	_, err = client.Cards(ctx, bankmux.CardsRequest{Connection: linked.Connection})
	fmt.Println(bankmux.KindOf(err), client.Capabilities())
	// Output:
	// Main <nil>
	// unsupported [accounts]
}

// An adapter's package offers an operation of its own as a function with a client.
func ExampleDo() {
	rates := func(ctx context.Context, c *bankmux.Client) (map[string]string, error) {
		op := bankmux.Op{Name: "AcmeRates", Group: bankmux.GroupData, Effect: bankmux.Read}
		return bankmux.Do(ctx, c, op, func(ctx context.Context, p rater) (map[string]string, error) {
			return p.Rates(ctx)
		})
	}
	got, err := rates(context.Background(), bankmux.NewClient("acme", acme{}))
	fmt.Println(got["EURUSD"], err)
	_, err = rates(context.Background(), bankmux.NewClient("other", &fake{provider: "other"}))
	fmt.Println(err)
	// Output:
	// 1.08 <nil>
	// other: AcmeRates: unsupported: other has no AcmeRates; choose another provider for this
}

// nickname is what Rename of the adapter's package needs of a client's adapter.
type nickname interface {
	Rename(ctx context.Context, conn bankmux.Connection, name string) (string, error)
}

// Rename is an operation on a connection that only this provider has.
func (acme) Rename(_ context.Context, conn bankmux.Connection, name string) (string, error) {
	return conn.User + " calls it " + name, nil
}

// DoOn checks that the client made the connection.
func ExampleDoOn() {
	rename := func(c *bankmux.Client, conn bankmux.Connection, name string) (string, error) {
		op := bankmux.Op{Name: "AcmeRename", Group: bankmux.GroupData, Effect: bankmux.Idempotent}
		return bankmux.DoOn(context.Background(), c, op, &conn,
			func(ctx context.Context, p nickname) (string, error) { return p.Rename(ctx, conn, name) })
	}
	conn := bankmux.NewConnection(
		bankmux.NewSession(bankmux.SessionRequest{User: "user-1"}), "login-1", bankmux.NewSecret("token"),
	)
	_, err := rename(bankmux.NewClient("acme", acme{}), conn, "Savings")
	fmt.Println(bankmux.KindOf(err))
	// Output: invalid_request
}
