// Command store keeps a connection sealed, rotates the key and ends the access.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// row is a row of the table: what you look for, in columns, and the rest sealed.
type row struct {
	ref          bankmux.Ref // provider, environment, user and id
	client       string
	referenceKey string
	sealed       []byte
}

// store stands for the table.
type store struct {
	rows    map[string]row // by the connection's id
	keyring *bankmux.Keyring
}

// save upserts by the connection's id: a form that is posted twice makes one row.
func (s *store) save(conn bankmux.Connection) error {
	sealed, err := conn.Seal(s.keyring)
	if err != nil {
		return err
	}
	s.rows[conn.ID] = row{conn.Ref(), conn.Client, conn.ReferenceKey, sealed}
	return nil
}

// load opens a row for the user who is logged in.
func (s *store) load(user, id string) (bankmux.Connection, error) {
	r := s.rows[id]
	ref := r.ref
	ref.User = user // what you know yourself, not what the row says
	conn, err := bankmux.Open(s.keyring, ref, r.sealed)
	if err == nil && s.keyring.NeedsReseal(r.sealed) { // under an old key: move it to the new one
		err = s.save(conn)
	}
	return conn, err
}

// find returns the connection that a webhook names, by the event's Client and ReferenceKey.
func (s *store) find(client, referenceKey string) (bankmux.Connection, bool) {
	for id, r := range s.rows { // SELECT … WHERE client = ? AND reference_key = ?
		if r.client == client && r.referenceKey == referenceKey {
			conn, err := s.load(r.ref.User, id)
			return conn, err == nil
		}
	}
	return bankmux.Connection{}, false
}

// newKey makes a key of 32 random bytes for this program.
func newKey(id string) bankmux.Key {
	material := make([]byte, 32)
	rand.Read(material)
	return bankmux.Key{ID: id, Material: bankmux.NewSecret(material)}
}

// forget ends the access at the provider, then here.
func (s *store) forget(ctx context.Context, registry *bankmux.Registry, conn bankmux.Connection) error {
	client, err := registry.For(conn) // the client that issued it
	if err != nil {
		return err
	}
	if _, err := client.Disconnect(ctx, bankmux.DisconnectRequest{Connection: conn}); err != nil {
		return err // repeat it later: the row is still there
	}
	delete(s.rows, conn.ID)
	return nil
}

func main() {
	ctx := context.Background()
	old := newKey("2025")
	keyring, err := bankmux.NewKeyring(old)
	if err != nil {
		log.Fatal(err)
	}
	s := &store{map[string]row{}, keyring}
	registry, conn, err := link(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("saved:", s.save(conn))
	found, ok := s.find(conn.Client, conn.ReferenceKey)
	fmt.Println("found for a webhook:", ok, found.ID == conn.ID)
	_, err = s.load("rosa", conn.ID)
	fmt.Println("for another user:", errors.Is(err, bankmux.ErrSeal))
	text, _ := json.Marshal(conn)
	fmt.Println("JSON has the credential:", strings.Contains(string(text), conn.Credential().Reveal()))

	s.keyring, err = bankmux.NewKeyring(newKey("2026"), old)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("under the old key:", s.keyring.NeedsReseal(s.rows[conn.ID].sealed))
	_, err = s.load("omar", conn.ID)
	fmt.Println("loaded:", err)
	fmt.Println("under the old key:", s.keyring.NeedsReseal(s.rows[conn.ID].sealed))

	fmt.Println("ended:", s.forget(ctx, registry, conn))
	fmt.Println("once more:", s.forget(ctx, registry, conn))
	fmt.Println("rows:", len(s.rows))
}

// link makes a connection: see the page on linking.
func link(ctx context.Context) (*bankmux.Registry, bankmux.Connection, error) {
	none := bankmux.Connection{}
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return nil, none, err
	}
	keys := bank.Credentials().Dapi
	client, err := dapi.New(dapi.Config{
		AppKey:      keys.AppKey,
		AppSecret:   bankmux.NewSecret(keys.AppSecret),
		Environment: bankmux.Sandbox,
		BaseURL:     server.DapiURL,
	})
	if err != nil {
		return nil, none, err
	}
	registry, err := bankmux.NewRegistry([]*bankmux.Client{client}, []bankmux.Route{{Client: "dapi"}})
	if err != nil {
		return nil, none, err
	}
	session, err := registry.CreateSession(ctx, bankmux.SessionRequest{User: "omar", Country: "AE"})
	if err != nil {
		return nil, none, err
	}
	payload, err := bank.LinkDapi(virtualbank.DapiLink{AppKey: session.Launch.AppKey})
	if err != nil {
		return nil, none, err
	}
	linked, err := registry.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: "omar", Payload: bankmux.NewSecret(payload),
	})
	return registry, linked.Connection, err
}
