// Command reconnect renews a consent that ended, and one that ends soon.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// app is the back end. Its maps stand for tables, which hold sealed rows in production.
type app struct {
	registry    *bankmux.Registry
	keyring     *bankmux.Keyring
	sessions    map[bankmux.SessionRef][]byte
	connections map[string]bankmux.Connection
}

// check brings the status of a connection up to date.
func (a *app) check(ctx context.Context, conn bankmux.Connection) (bankmux.Connection, error) {
	client, err := a.registry.For(conn) // the client that issued it; only it can serve it
	if err != nil {
		return conn, err
	}
	now, err := client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn})
	if err != nil {
		return conn, err
	}
	a.connections[conn.ID] = now.Connection
	return now.Connection, nil
}

// due returns the connections whose consent ends within two weeks, the most urgent first.
func (a *app) due(now time.Time) []bankmux.Connection {
	return bankmux.ConsentsDue(maps.Values(a.connections), now, now.AddDate(0, 0, 14))
}

// renew makes a session that renews a connection. Its Launch goes to the browser.
func (a *app) renew(ctx context.Context, conn bankmux.Connection) (bankmux.Session, error) {
	session, err := a.registry.CreateSession(ctx, bankmux.SessionRequest{
		User:        conn.User,
		RedirectURI: "https://app.example.com/oauth",
		Reconnect:   &conn,
	})
	if err != nil {
		return session, err
	}
	a.sessions[session.Ref()], err = session.Seal(a.keyring)
	return session, err
}

// finish takes what the browser posts, for new connections and for reconnects.
func (a *app) finish(ctx context.Context, ref bankmux.SessionRef, payload []byte) (bankmux.Connection, error) {
	session, err := bankmux.OpenSession(a.keyring, ref, a.sessions[ref])
	if err != nil {
		return bankmux.Connection{}, err
	}
	req := bankmux.ExchangeRequest{Session: session, User: ref.User, Payload: bankmux.NewSecret(payload)}
	if session.Reconnect != nil { // the row as it is now: it may have changed since
		conn := a.connections[session.ConnectionID]
		req.Connection = &conn
	}
	linked, err := a.registry.ExchangeToken(ctx, req)
	if err != nil {
		return bankmux.Connection{}, err
	}
	for _, conn := range linked.All() {
		a.connections[conn.ID] = conn
	}
	return linked.Connection, nil
}

func main() {
	ctx := context.Background()
	bank, a, err := open()
	if err != nil {
		log.Fatal(err)
	}
	session, err := a.registry.CreateSession(ctx, bankmux.SessionRequest{
		User: "rosa", Country: "US", RedirectURI: "https://app.example.com/oauth",
	})
	if err != nil {
		log.Fatal(err)
	}
	a.sessions[session.Ref()], err = session.Seal(a.keyring)
	if err != nil {
		log.Fatal(err)
	}
	conn, err := a.finish(ctx, session.Ref(), connect(bank, session))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("linked:", conn.Status.State)

	_ = bank.Lapse(conn.Reference()) // the user changed the password at the bank
	lapsed, err := a.check(ctx, conn)
	fmt.Println("later:", lapsed.Status.State, err)

	session, err = a.renew(ctx, lapsed)
	fmt.Println("renewing:", session.Launch.Mode, err)
	renewed, err := a.finish(ctx, session.Ref(), connect(bank, session))
	fmt.Println("renewed:", renewed.Status.State, err)
	fmt.Println("the same id:", renewed.ID == conn.ID)

	// As a provider with dated consents would have it.
	renewed.Consent.ExpiresAt = time.Now().AddDate(0, 0, 10)
	a.connections[renewed.ID] = renewed
	fmt.Println("due within two weeks:", len(a.due(time.Now())))
}

// connect plays the user on the provider's page.
func connect(bank *virtualbank.Bank, session bankmux.Session) json.RawMessage {
	payload, err := bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
	if err != nil {
		log.Fatal(err)
	}
	return payload
}

func open() (*virtualbank.Bank, *app, error) {
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	keys := bank.Credentials().MoneyKit
	client, err := moneykit.New(moneykit.Config{
		ClientID:     keys.ClientID,
		ClientSecret: bankmux.NewSecret(keys.ClientSecret),
		Environment:  bankmux.Sandbox,
		BaseURL:      server.MoneyKitURL,
	})
	if err != nil {
		return nil, nil, err
	}
	registry, err := bankmux.NewRegistry([]*bankmux.Client{client}, []bankmux.Route{{Client: "moneykit"}})
	if err != nil {
		return nil, nil, err
	}
	material := make([]byte, 32)
	rand.Read(material) // in production: from your secret store
	keyring, err := bankmux.NewKeyring(bankmux.Key{ID: "2026-11", Material: bankmux.NewSecret(material)})
	return bank, &app{
		registry: registry, keyring: keyring,
		sessions: map[bankmux.SessionRef][]byte{}, connections: map[string]bankmux.Connection{},
	}, err
}
