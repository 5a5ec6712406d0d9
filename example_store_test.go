package bankmux_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/bankmux/bankmux"
)

// A sealed connection opens in its own row only.
func ExampleConnection_Seal() {
	s := openSandbox()
	defer s.close()
	_, conn := s.link("user-omar", "AE")

	row, err := conn.Seal(s.keyring)
	fmt.Println(err)
	_, err = bankmux.Open(s.keyring, conn.Ref(), row)
	fmt.Println(err)
	ref := conn.Ref()
	ref.User = "user-rosa"
	_, err = bankmux.Open(s.keyring, ref, row)
	fmt.Println(errors.Is(err, bankmux.ErrSeal))
	// Output:
	// <nil>
	// <nil>
	// true
}

// A session waits sealed while the user is on the provider's page.
func ExampleSession_Seal() {
	s := openSandbox()
	defer s.close()
	session := must(s.registry.CreateSession(context.Background(), bankmux.SessionRequest{
		User: "user-omar", Country: "AE",
	}))
	row := must(session.Seal(s.keyring))

	// In the request that brings the payload: who is logged in, and the id that was posted.
	ref := bankmux.SessionRef{User: "user-omar", ID: session.ID}
	back, err := bankmux.OpenSession(s.keyring, ref, row)
	fmt.Println(back.Launch.Provider, err)
	// Output: dapi <nil>
}

// To rotate keys, put the new key first. The old one still opens what it sealed.
func ExampleKeyring_NeedsReseal() {
	old := bankmux.Key{ID: "2025", Material: bankmux.NewSecret("an example key, 32 bytes long!!!")}
	latest := bankmux.Key{ID: "2026", Material: bankmux.NewSecret("a newer example key of 32 bytes!")}
	s := openSandbox()
	defer s.close()
	_, conn := s.link("user-omar", "AE")
	row := must(conn.Seal(must(bankmux.NewKeyring(old))))

	keyring := must(bankmux.NewKeyring(latest, old))
	fmt.Println(keyring.NeedsReseal(row))
	conn = must(bankmux.Open(keyring, conn.Ref(), row))
	row = must(conn.Seal(keyring))
	fmt.Println(keyring.NeedsReseal(row))
	// Output:
	// true
	// false
}

// A connection whose consent ended is renewed, and keeps its id.
func ExampleSessionRequest_reconnect() {
	s := openSandbox()
	defer s.close()
	ctx := context.Background()
	client, conn := s.link("user-omar", "AE")
	_ = s.bank.Lapse(conn.Reference())
	now := must(client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn}))
	fmt.Println(now.Connection.Status.State)

	session := must(s.registry.CreateSession(ctx, bankmux.SessionRequest{
		User: conn.User, Reconnect: &now.Connection,
	}))
	linked := must(s.registry.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: conn.User, Payload: s.browser(session.Launch),
	}))
	fmt.Println(linked.Connection.Status.State, linked.Connection.ID == conn.ID)
	// Output:
	// reauth_required
	// active true
}

// Disconnecting may be repeated.
func ExampleClient_Disconnect() {
	s := openSandbox()
	defer s.close()
	client, conn := s.link("user-omar", "AE")
	for range 2 {
		ended, err := client.Disconnect(context.Background(), bankmux.DisconnectRequest{Connection: conn})
		fmt.Println(ended.Connection.Status.State, err)
	}
	// Output:
	// gone <nil>
	// gone <nil>
}

// A page lists the user's banks. The view has no credential.
func ExampleConnection_View() {
	s := openSandbox()
	defer s.close()
	_, conn := s.link("user-rosa", "US")
	view := conn.View()
	fmt.Println(view.Institution.Name, view.Institution.Country, view.State, view.UserMustAct)
	// Output: Northwind Bank US active false
}
