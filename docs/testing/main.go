// Command testing steers a virtual bank over HTTP, as a test in any language does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// connect returns a client of a virtual bank. now is the bank's clock.
func connect(baseURL string, keys virtualbank.MoneyKitCredentials, now func() time.Time) (*bankmux.Client, error) {
	return moneykit.New(moneykit.Config{
		ClientID:     keys.ClientID,
		ClientSecret: bankmux.NewSecret(keys.ClientSecret),
		Environment:  bankmux.Sandbox,
		BaseURL:      baseURL,
		Now:          now,
	})
}

// balances returns the booked balance of each account, by name. It is the code under test.
func balances(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) (map[string]string, error) {
	accounts, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	if err != nil {
		return nil, err
	}
	read, err := client.Balances(ctx, bankmux.BalancesRequest{Connection: conn, Known: accounts.Accounts})
	if _, ok := errors.AsType[*bankmux.PartialError](err); err != nil && !ok {
		return nil, err
	}
	booked := map[string]string{}
	for _, b := range read.Balances {
		for _, a := range accounts.Accounts {
			if m, ok := b.Of(bankmux.BalanceBooked); ok && a.ID == b.Account {
				booked[a.Name] = m.String()
			}
		}
	}
	return booked, nil
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// run tests the application over HTTP alone.
func run(ctx context.Context) error {
	bank := virtualbank.New(virtualbank.Options{Seed: 1}) // or "go run ./cmd/virtualbank" in another process
	servers, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer servers.Close()
	clock, err := virtualbank.RemoteClock(servers.MoneyKitURL)
	if err != nil {
		return err
	}
	client, err := connect(servers.MoneyKitURL, bank.Credentials().MoneyKit, clock)
	if err != nil {
		return err
	}
	steer := control(servers.MoneyKitURL + "/virtualbank/")

	session, err := client.CreateSession(ctx, bankmux.SessionRequest{
		User: "user-rosa", Country: "US", RedirectURI: "https://app.example.com/oauth",
	})
	if err != nil {
		return err
	}
	posted, err := steer.post(ctx, "link", `{"link_session_token": "`+session.Launch.Token.Reveal()+`"}`)
	if err != nil {
		return err
	}
	linked, err := client.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: session.User, Payload: bankmux.NewSecret(posted),
	})
	if err != nil {
		return err
	}
	read, err := balances(ctx, client, linked.Connection)
	fmt.Println("accounts:", len(read), err)

	if _, err = steer.post(ctx, "fault", `{"fault": "server_error"}`); err != nil {
		return err
	}
	_, err = balances(ctx, client, linked.Connection)
	fmt.Println("with a fault:", bankmux.KindOf(err))
	if _, err = steer.send(ctx, http.MethodDelete, "fault", ""); err != nil {
		return err
	}

	before := clock()
	if _, err = steer.post(ctx, "clock", `{"advance": "24h"}`); err != nil {
		return err
	}
	fmt.Println("the bank's next day:", clock().Sub(before) >= 24*time.Hour)

	if _, err = steer.post(ctx, "lapse", `{"link_id": "newest"}`); err != nil {
		return err
	}
	now, err := client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: linked.Connection})
	fmt.Println("after the consent ended:", now.Connection.Status.State, err)
	return nil
}

// control is the address of the control plane, which the server of each provider has.
type control string

// post makes a call with a JSON body and returns the response.
func (c control) post(ctx context.Context, call, body string) ([]byte, error) {
	return c.send(ctx, http.MethodPost, call, body)
}

// send makes any call and returns the response.
func (c control) send(ctx context.Context, method, call, body string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, string(c)+call, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s", method, call, got) // it says what is wrong
	}
	return got, err
}
