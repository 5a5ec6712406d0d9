// Command link lets two users connect a bank, each through the provider of their country.
package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"sync"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// app is the back end. The three maps stand for tables of your database.
type app struct {
	registry    *bankmux.Registry
	keyring     *bankmux.Keyring
	sessions    sync.Map // bankmux.SessionRef -> sealed session
	connections sync.Map // connection id -> sealed connection
	results     sync.Map // result -> bankmux.Ref
}

// newApp makes the clients, the routes and the keyring.
func newApp(server *virtualbank.Server, keys virtualbank.Credentials) (*app, error) {
	mk, err := moneykit.New(moneykit.Config{
		ClientID:     keys.MoneyKit.ClientID,
		ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
		Environment:  bankmux.Sandbox,
		BaseURL:      server.MoneyKitURL,
	})
	if err != nil {
		return nil, err // names the field that is wrong
	}
	dp, err := dapi.New(dapi.Config{
		AppKey:      keys.Dapi.AppKey,
		AppSecret:   bankmux.NewSecret(keys.Dapi.AppSecret),
		Environment: bankmux.Sandbox,
		BaseURL:     server.DapiURL,
	})
	if err != nil {
		return nil, err
	}
	registry, err := bankmux.NewRegistry([]*bankmux.Client{mk, dp}, []bankmux.Route{
		{Client: "moneykit", Countries: []string{"US", "GB", "CA"}},
		{Client: "dapi", Countries: []string{"AE", "SA", "KW", "BH"}},
		{Client: "dapi", Countries: []string{"US"}, Priority: 1}, // if MoneyKit is down
	})
	if err != nil {
		return nil, err
	}
	material := make([]byte, 32)
	rand.Read(material) // for this program; see below
	keyring, err := bankmux.NewKeyring(bankmux.Key{ID: "2026-11", Material: bankmux.NewSecret(material)})
	return &app{registry: registry, keyring: keyring}, err
}

// start makes a session, stores it and sends the browser what it needs.
func (a *app) start(w http.ResponseWriter, r *http.Request) {
	session, err := a.registry.CreateSession(r.Context(), bankmux.SessionRequest{
		User:        loggedIn(r),
		Country:     r.FormValue("country"),
		Products:    []bankmux.ProductRequest{{Product: bankmux.ProductTransactions, Required: true, Prefetch: true}},
		RedirectURI: "https://app.example.com/oauth",
		WebhookURL:  "https://app.example.com/hooks/{client}",
	})
	if err == nil {
		err = a.keep(session)
	}
	reply(w, map[string]any{"session": session.ID, "launch": session.Launch}, err)
}

// keep stores a session before the user leaves.
func (a *app) keep(session bankmux.Session) error {
	sealed, err := session.Seal(a.keyring)
	if err != nil {
		return err
	}
	a.sessions.Store(session.Ref(), sealed)
	return nil
}

// loggedIn returns the id of the user. Here a header stands for your login session.
func loggedIn(r *http.Request) string { return r.Header.Get("User") }

// result names what was posted: a session and a hash of the payload.
type result struct {
	session bankmux.SessionRef
	payload [sha256.Size]byte
}

// finish takes what the browser posts to /link/{session}.
func (a *app) finish(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, "the body is too large", http.StatusRequestEntityTooLarge)
		return
	}
	ref := bankmux.SessionRef{User: loggedIn(r), ID: r.PathValue("session")}
	conn, err := a.exchange(r.Context(), ref, payload)
	reply(w, conn.View(), err)
}

// exchange makes a connection of a payload, once.
func (a *app) exchange(ctx context.Context, ref bankmux.SessionRef, payload []byte) (bankmux.Connection, error) {
	posted := result{ref, sha256.Sum256(payload)}
	if made, ok := a.results.Load(posted); ok {
		return a.load(made.(bankmux.Ref)) // the form was posted before
	}
	row, _ := a.sessions.Load(ref)
	sealed, _ := row.([]byte)
	session, err := bankmux.OpenSession(a.keyring, ref, sealed)
	if err != nil {
		return bankmux.Connection{}, err
	}
	linked, err := a.registry.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: ref.User, Payload: bankmux.NewSecret(payload),
	})
	if err != nil {
		return bankmux.Connection{}, err
	}
	for _, conn := range linked.All() { // some providers link several banks in one run
		if err := a.save(conn); err != nil {
			return bankmux.Connection{}, err
		}
	}
	if len(linked.Failed) > 0 { // another bank of the run: post the payload again to get it
		return linked.Connection, linked.Failed[0]
	}
	a.results.Store(posted, linked.Connection.Ref()) // in one transaction with the connections
	return linked.Connection, nil
}

// save upserts by the connection's id, which the library makes.
func (a *app) save(conn bankmux.Connection) error {
	sealed, err := conn.Seal(a.keyring)
	if err != nil {
		return err
	}
	a.connections.Store(conn.ID, sealed)
	return nil
}

// load opens a stored connection for its user.
func (a *app) load(ref bankmux.Ref) (bankmux.Connection, error) {
	row, _ := a.connections.Load(ref.ID)
	sealed, _ := row.([]byte)
	return bankmux.Open(a.keyring, ref, sealed)
}

// reply writes a value as JSON, or says in a sentence what the user can do.
func reply(w http.ResponseWriter, value any, err error) {
	if err != nil {
		log.Print(err) // one line, without secrets and personal data
		status, text := explain(err)
		w.WriteHeader(status)
		value = map[string]string{"error": text}
	}
	_ = json.NewEncoder(w).Encode(value)
}

// explain returns what the user reads.
func explain(err error) (status int, text string) {
	e, ok := errors.AsType[*bankmux.Error](err)
	if !ok {
		e = &bankmux.Error{Kind: bankmux.ErrUnknown} // of your own database
	}
	switch e.Kind {
	case bankmux.ErrUserAction:
		return http.StatusOK, "You left before the end. Start again whenever you like."
	case bankmux.ErrTokenSpent:
		return http.StatusConflict, "This attempt has ended. Start again."
	case bankmux.ErrOutcomeUnknown:
		return http.StatusAccepted, "Send the same form again."
	case bankmux.ErrSeal, bankmux.ErrInvalid:
		return http.StatusBadRequest, "This form does not belong here."
	case bankmux.ErrRateLimited, bankmux.ErrCircuitOpen, bankmux.ErrUnavailable, bankmux.ErrInstitution:
		return http.StatusServiceUnavailable, fmt.Sprintf("Try again in %.0f s.", max(e.RetryAfter.Seconds(), 5))
	}
	return http.StatusInternalServerError, "Something is wrong on our side."
}
