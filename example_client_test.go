package bankmux_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/virtualbank"
)

// The credentials can be checked before the first user comes, where the provider has a call for it.
func ExampleClient_Check() {
	s := openSandbox()
	defer s.close()
	fmt.Println(must(s.registry.Client("moneykit")).Check(context.Background()))
	err := must(s.registry.Client("dapi")).Check(context.Background())
	fmt.Println(errors.Is(err, bankmux.ErrUnsupported))
	// Output:
	// <nil>
	// true
}

func ExampleClient_Has() {
	s := openSandbox()
	defer s.close()
	for _, client := range s.registry.Clients() {
		fmt.Println(client.Name(), client.Has(bankmux.CapCards), client.Has(bankmux.CapRefresh))
	}
	// Output:
	// dapi true false
	// moneykit false true
}

func ExampleClient_Name() {
	s := openSandbox()
	defer s.close()
	for _, client := range s.registry.Clients() {
		fmt.Println(client.Name(), client.Provider(), client.Environment())
	}
	// Output:
	// dapi dapi sandbox
	// moneykit moneykit sandbox
}

func ExampleClient_Environment() {
	s := openSandbox()
	defer s.close()
	client := must(s.registry.Client("moneykit"))
	fmt.Println(client.Environment() == bankmux.Production)
	// Output: false
}

// A client keeps its provider under any name.
func ExampleClient_Provider() {
	s := openSandbox()
	defer s.close()
	fmt.Println(must(s.registry.Client("moneykit")).Provider())
	// Output: moneykit
}

func ExampleClient_CreateSession() {
	s := openSandbox()
	defer s.close()
	client := must(s.registry.Client("moneykit"))
	session, err := client.CreateSession(context.Background(), bankmux.SessionRequest{
		User:        "user-rosa", // your own id of the user who is logged in
		Country:     "US",
		Products:    []bankmux.ProductRequest{{Product: bankmux.ProductTransactions, Prefetch: true}},
		RedirectURI: "https://app.example.com/oauth",
	})
	fmt.Println(session.Launch.Provider, session.Launch.Mode, session.Launch.Token, err)
	// Output: moneykit link [redacted] <nil>
}

// A payload that was exchanged before is found, or refused: it is never exchanged twice.
func ExampleClient_ExchangeToken() {
	s := openSandbox()
	defer s.close()
	ctx := context.Background()
	client := must(s.registry.Client("dapi"))
	session := must(client.CreateSession(ctx, bankmux.SessionRequest{User: "user-omar", Country: "AE"}))
	req := bankmux.ExchangeRequest{Session: session, User: "user-omar", Payload: s.browser(session.Launch)}
	linked, err := client.ExchangeToken(ctx, req)
	fmt.Println(linked.Connection.Status.State, err)
	_, err = client.ExchangeToken(ctx, req)
	fmt.Println(bankmux.KindOf(err))
	// Output:
	// active <nil>
	// token_spent
}

func ExampleClient_ConnectionStatus() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-rosa", "US")
	_ = s.bank.Lapse(conn.Reference()) // the user changed the password at the bank
	now, err := client.ConnectionStatus(context.Background(), bankmux.StatusRequest{Connection: conn})
	fmt.Println(now.Connection.Status.State, now.Connection.View().UserMustAct, err)
	// Output: reauth_required true <nil>
}

// An interceptor sees every call. Package guard has those that an application wants.
func ExampleClient_With() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-omar", "AE")
	client = client.With(func(ctx context.Context, op bankmux.Op, next func(context.Context) error) error {
		err := next(ctx)
		fmt.Println(op.Name, op.Effect, err)
		return err
	})
	_ = must(client.Accounts(context.Background(), bankmux.AccountsRequest{Connection: conn}))
	// Output: Accounts read <nil>
}

// A reference that you kept before you used this library finds its connection.
func ExampleClient_ReferenceKey() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-rosa", "US")
	kept := bankmux.NewSecret(conn.Reference())
	fmt.Println(client.ReferenceKey(kept) == conn.ReferenceKey)
	// Output: true
}

// Package inbox has a handler that does this for all clients, and each delivery once.
func ExampleClient_ReadWebhook() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-rosa", "US")
	header, body := s.bank.Sign(virtualbank.Webhook{
		Provider: "moneykit", Event: "link.state_changed", Reference: conn.Reference(),
	})
	res, err := client.ReadWebhook(context.Background(), bankmux.NewWebhookRequest(header, body))
	if err != nil {
		log.Fatal(err) // ErrSignature: nothing proves that the provider sent it
	}
	for _, event := range res.Events {
		fmt.Println(event.Kind, event.ReferenceKey == conn.ReferenceKey)
	}
	// Output: connection_state_changed true
}

// Where an error says what to do, one switch makes the response to the user.
func ExampleKindOf() {
	answer := func(err error) (int, string) {
		switch bankmux.KindOf(err) {
		case bankmux.ErrReauth, bankmux.ErrConsent:
			return http.StatusConflict, "reconnect"
		case bankmux.ErrRateLimited, bankmux.ErrUnavailable, bankmux.ErrCircuitOpen, bankmux.ErrInstitution:
			return http.StatusServiceUnavailable, "try again later"
		}
		return http.StatusInternalServerError, "something is wrong on our side"
	}
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-omar", "AE")
	_ = s.bank.Lapse(conn.Reference())
	_, err := client.Accounts(context.Background(), bankmux.AccountsRequest{Connection: conn})
	fmt.Println(answer(err))
	// Output: 409 reconnect
}
