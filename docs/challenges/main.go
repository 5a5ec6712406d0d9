// Command challenges passes on questions of a bank to the user. It does so in one process, and from
// one request to another. It also reads in the background, where no user is asked.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// newClient returns a client of Dapi, whose banks may ask at any read.
func newClient(server *virtualbank.Server, keys virtualbank.DapiCredentials) (*bankmux.Client, error) {
	return dapi.New(dapi.Config{
		AppKey:      keys.AppKey,
		AppSecret:   bankmux.NewSecret(keys.AppSecret),
		Environment: bankmux.Sandbox,
		BaseURL:     server.DapiURL, // leave it out for the real provider
	})
}

// ask shows one question of a bank to the user, and returns the answer.
type ask func(bankmux.Input) string

// readAccounts reads accounts and asks the user whatever the bank wants to know.
func readAccounts(ctx context.Context, client *bankmux.Client, conn bankmux.Connection, ask ask) (int, error) {
	req := bankmux.AccountsRequest{Connection: conn}
	for {
		read, err := client.Accounts(ctx, req)
		e, ok := errors.AsType[*bankmux.Error](err)
		if !ok || e.Challenge == nil {
			return len(read.Accounts), err
		}
		var answers []string
		for _, input := range e.Challenge.Inputs {
			answers = append(answers, ask(input))
		}
		req.Answers = e.Challenge.Answer(answers...) // the same call goes on where it stopped
	}
}

// app answers requests of a browser, several at a time. Its maps stand for tables of your database.
type app struct {
	client     *bankmux.Client
	keyring    *bankmux.Keyring
	conns      map[string]bankmux.Connection // by user: sealed, in your application; requests only read it
	challenges sync.Map                      // by user and id: []byte, encrypted
}

// page is what the browser gets.
type page struct {
	Accounts  int      `json:"accounts,omitempty"`
	Balances  int      `json:"balances,omitempty"`
	Challenge string   `json:"challenge,omitempty"` // its id: post the answers to /answer/{challenge}
	Questions []string `json:"questions,omitempty"`
	Error     string   `json:"error,omitempty"`
}

// attended returns the context of calls that the user of a request waits for.
func attended(r *http.Request) context.Context {
	from, _ := netip.ParseAddrPort(r.RemoteAddr) // behind a proxy: the address that it passes on
	user := bankmux.Presence{IP: from.Addr(), UserAgent: r.UserAgent()}
	return guard.Interactive(bankmux.WithPresence(r.Context(), user))
}

// accounts handles GET /accounts.
func (a *app) accounts(w http.ResponseWriter, r *http.Request) {
	user := userOf(r)
	read, err := a.client.Accounts(attended(r), bankmux.AccountsRequest{Connection: a.conns[user]})
	a.reply(w, user, page{Accounts: len(read.Accounts)}, err)
}

// balances handles GET /balances.
func (a *app) balances(w http.ResponseWriter, r *http.Request) {
	user := userOf(r)
	read, err := a.client.Balances(attended(r), bankmux.BalancesRequest{Connection: a.conns[user]})
	a.reply(w, user, page{Balances: len(read.Balances)}, err)
}

// answer handles POST /answer/{challenge}, whose body is a list of the user's answers.
func (a *app) answer(w http.ResponseWriter, r *http.Request) {
	user, id := userOf(r), r.PathValue("challenge")
	name := user + " " + id
	stored, _ := a.challenges.LoadAndDelete(name) // DELETE … RETURNING
	sealed, _ := stored.([]byte)
	raw, err := a.keyring.Decrypt(sealed, []byte(name))
	if err != nil {
		w.WriteHeader(http.StatusNotFound) // of another user, or answered already
		return
	}
	var challenge bankmux.Challenge
	var texts []string
	if err := errors.Join(json.Unmarshal(raw, &challenge), json.NewDecoder(r.Body).Decode(&texts)); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	res, err := a.client.Resume(attended(r), bankmux.ResumeRequest{
		Connection: a.conns[user],
		Answers:    challenge.Answer(texts...),
	})
	var p page
	switch {
	case res.Accounts != nil:
		p.Accounts = len(res.Accounts.Accounts)
	case res.Balances != nil:
		p.Balances = len(res.Balances.Balances)
	}
	a.reply(w, user, p, err)
}

// reply writes a page, or in its place the questions of the bank or what went wrong.
func (a *app) reply(w http.ResponseWriter, user string, p page, err error) {
	if partial, ok := errors.AsType[*bankmux.PartialError](err); ok {
		log.Print(partial) // some accounts failed; the page has the others
		err = nil
	}
	switch e, _ := errors.AsType[*bankmux.Error](err); {
	case err == nil:
	case e != nil && e.Challenge != nil:
		p = a.store(user, *e.Challenge)
	case errors.Is(err, bankmux.ErrAnswerRejected):
		p.Error = "That was not right. Start again."
	case errors.Is(err, bankmux.ErrChallengeExpired):
		p.Error = "This question is closed. Start again."
	default:
		log.Print(err)
		p.Error = "Try again later."
	}
	_ = json.NewEncoder(w).Encode(p)
}

// store encrypts a challenge for its user, and returns what to show.
func (a *app) store(user string, challenge bankmux.Challenge) page {
	p := page{Challenge: rand.Text()}
	for _, input := range challenge.Inputs {
		p.Questions = append(p.Questions, string(input.Kind)) // and its Query, Image and Options
	}
	name := user + " " + p.Challenge
	raw, err := json.Marshal(challenge)
	if err == nil {
		raw, err = a.keyring.Encrypt(raw, []byte(name))
	}
	if err != nil {
		log.Print(err)
		return page{Error: "Try again later."}
	}
	a.challenges.Store(name, raw)
	return p
}

// userOf returns who is logged in.
func userOf(r *http.Request) string { return r.Header.Get("User") }

// background reads accounts while no user waits, and returns the connection to store.
func background(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) (bankmux.Connection, error) {
	ctx = bankmux.WithoutUser(ctx)
	_, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
	conn.Status = conn.Status.After(err) // remembers that the bank asked
	return conn, err
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// run plays a bank that asks, a user and a browser.
func run(ctx context.Context) error {
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer server.Close()
	client, err := newClient(server, bank.Credentials().Dapi)
	if err != nil {
		return err
	}
	conn, err := link(ctx, bank, client)
	if err != nil {
		return err
	}
	asks := func(kinds ...string) { // at the next call
		if err := bank.RequireInput(conn.Reference(), "", kinds); err != nil {
			log.Fatal(err)
		}
	}

	asks("otp")
	n, err := readAccounts(ctx, client, conn, func(input bankmux.Input) string {
		fmt.Println("the bank asks:", input.Kind)
		return "123456" // what the user types
	})
	fmt.Println("accounts:", n, err)

	if err := browse(client, conn, asks); err != nil {
		return err
	}

	conn, err = background(ctx, client, conn)
	e, _ := errors.AsType[*bankmux.Error](err)
	fmt.Println("in the background:", e.Code, e.NotSent)
	return nil
}

// browse plays a browser. Each of its requests may reach another process.
func browse(client *bankmux.Client, conn bankmux.Connection, asks func(kinds ...string)) error {
	material := make([]byte, 32)
	rand.Read(material) // in production: bankmux.ParseKey(os.Getenv("BANKMUX_KEY"))
	keyring, err := bankmux.NewKeyring(bankmux.Key{ID: "2026-11", Material: bankmux.NewSecret(material)})
	if err != nil {
		return err
	}
	a := &app{
		client: client, keyring: keyring,
		conns: map[string]bankmux.Connection{conn.User: conn},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /accounts", a.accounts)
	mux.HandleFunc("GET /balances", a.balances)
	mux.HandleFunc("POST /answer/{challenge}", a.answer)
	send := func(method, path, body string) (p page) {
		r := httptest.NewRequest(method, path, bytes.NewReader([]byte(body)))
		r.Header.Set("User", conn.User)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		_ = json.Unmarshal(w.Body.Bytes(), &p)
		return p
	}
	asks("pin", "secret_question")
	asked := send("GET", "/accounts", "")
	fmt.Println("the page shows:", asked.Questions)
	fmt.Println("wrong answers:", send("POST", "/answer/"+asked.Challenge, `["0000", "red"]`).Error)
	asks("pin", "secret_question")
	asked = send("GET", "/balances", "")
	fmt.Println("right answers:", send("POST", "/answer/"+asked.Challenge, `["1234", "blue"]`).Balances, "balances")
	return nil
}

// link connects a bank for one user: see the page about linking.
func link(ctx context.Context, bank *virtualbank.Bank, client *bankmux.Client) (bankmux.Connection, error) {
	session, err := client.CreateSession(ctx, bankmux.SessionRequest{User: "user-omar", Country: "AE"})
	if err != nil {
		return bankmux.Connection{}, err
	}
	payload, err := bank.LinkDapi(virtualbank.DapiLink{AppKey: session.Launch.AppKey, Countries: []string{"AE"}})
	if err != nil {
		return bankmux.Connection{}, err
	}
	linked, err := client.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: session.User, Payload: bankmux.NewSecret(payload),
	})
	return linked.Connection, err
}
