package bankhttp_test

// This file has a provider whose responses a test sets. It puts a planted text into every field
// that a browser must not see.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
)

// planted must not occur in any response.
const planted = "PLANTED-TEXT"

// afterAnswer stands for the operation that takes an answer, in the failures of a harbor.
const afterAnswer = "after an answer"

// harbor is the provider.
type harbor struct {
	hosted bool // its page is a hosted one
	plain  bool // its accounts have nothing that identifies them
	free   bool // its exchange spends nothing and needs no payload
	twin   bool // a run links a second login at the same bank

	mu        sync.Mutex
	links     int                        // exchanges that made a connection
	spent     map[string]bool            // codes
	calls     map[string]int             // by operation
	fail      map[string]error           // by operation
	inputs    map[string][]bankmux.Input // what the bank asks at the next call of an operation
	given     []string                   // the user's answers
	ended     map[string]bool            // connections that were disconnected, by reference
	presences []bankmux.Presence
	lost      []bankmux.Failure // logins of a run that could not be exchanged
	others    int               // logins of a run whose tokens were spent before
	unread    []bankmux.Failure // accounts that a sync cannot read
	sentTo    string            // the address of the last webhook delivery
	wait      chan struct{}     // Sync waits for it after the first page
	change    func(*bankmux.Delta)
	during    func(ctx context.Context, op string) error
}

func newHarbor() *harbor {
	return &harbor{
		spent: map[string]bool{}, calls: map[string]int{}, fail: map[string]error{},
		inputs: map[string][]bankmux.Input{}, ended: map[string]bool{},
	}
}

// newHarborApp makes an application with this provider alone.
func newHarborApp(t *testing.T, p *harbor, configure ...func(*bankhttp.Config)) *app {
	t.Helper()
	client := bankmux.NewClient("harbor", p)
	registry, err := bankmux.NewRegistry([]*bankmux.Client{client}, []bankmux.Route{{Client: "harbor"}})
	require.NoError(t, err)
	return newApp(t, append([]func(*bankhttp.Config){func(c *bankhttp.Config) {
		c.Registry, c.Session.Products = registry, nil
	}}, configure...)...)
}

// failing makes every call of an operation fail with an error that is full of planted texts.
func (p *harbor) failing(op string, kind bankmux.Kind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.fail, op)
	if kind != "" {
		p.fail[op] = plantedError(kind)
	}
}

func plantedError(kind bankmux.Kind) *bankmux.Error {
	return &bankmux.Error{
		Kind: kind, Field: planted, Detail: planted, Code: planted, Docs: planted, RequestID: planted,
		FindOut: planted, Err: errors.New(planted),
	}
}

// ask makes the bank ask at the next call of an operation.
func (p *harbor) ask(op string, inputs ...bankmux.Input) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inputs[op] = inputs
}

// count returns how often an operation was called.
func (p *harbor) count(op string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[op]
}

// enter counts a call, and returns its error.
func (p *harbor) enter(ctx context.Context, op string, answers *bankmux.Answers) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[op]++
	presence, _ := bankmux.PresenceOf(ctx)
	p.presences = append(p.presences, presence)
	if p.during != nil {
		if err := p.during(ctx, op); err != nil {
			return err
		}
	}
	if err := p.fail[op]; err != nil {
		return err
	}
	if answers != nil {
		if err := p.fail[afterAnswer]; err != nil {
			return err
		}
		for _, a := range answers.Inputs {
			p.given = append(p.given, a.Text.Reveal())
			if a.Text.Reveal() == "wrong" {
				return plantedError(bankmux.ErrAnswerRejected)
			}
		}
	}
	if inputs := p.inputs[op]; inputs != nil {
		delete(p.inputs, op)
		return &bankmux.Error{Kind: bankmux.ErrUserAction, Detail: planted, Challenge: &bankmux.Challenge{
			ID: planted + fmt.Sprint(len(p.given)), Inputs: inputs, State: json.RawMessage(`{"x":"` + planted + `"}`),
		}}
	}
	return nil
}

func (p *harbor) Describe() bankmux.Description {
	return bankmux.Description{Provider: "harbor", Environment: bankmux.Sandbox}
}

func (p *harbor) Effect(op bankmux.Op) bankmux.Effect {
	if p.free && op.Name == bankmux.OpExchangeToken {
		return bankmux.Read
	}
	return op.Effect
}

func (p *harbor) CreateSession(ctx context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	if err := p.enter(ctx, bankmux.OpCreateSession, nil); err != nil {
		return bankmux.Session{}, err
	}
	s := bankmux.NewSession(req)
	s.State = bankmux.NewSecret(planted)
	s.Launch.Provider, s.Launch.Token = "harbor", bankmux.NewLaunchToken("launch-token")
	if p.hosted {
		s.Launch.URL = bankmux.NewLaunchToken("https://harbor.example/login?session=" + s.ID)
	}
	return s, nil
}

// ExchangeToken takes {"session": id, "code": text}. A code can be exchanged once.
func (p *harbor) ExchangeToken(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	if err := p.enter(ctx, bankmux.OpExchangeToken, nil); err != nil {
		return bankmux.ExchangeResult{}, err
	}
	code := "free"
	if !p.free {
		fields, err := req.Fields()
		if err != nil {
			return bankmux.ExchangeResult{}, err
		}
		session, err := fields.Text("session")
		if err != nil {
			return bankmux.ExchangeResult{}, err
		}
		if session != req.Session.ID {
			e := plantedError(bankmux.ErrInvalid)
			e.Code = bankmux.CodeOtherSession
			return bankmux.ExchangeResult{}, e
		}
		if code, err = fields.Text("code"); err != nil {
			return bankmux.ExchangeResult{}, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.spent[code] && !p.free {
		return bankmux.ExchangeResult{}, plantedError(bankmux.ErrTokenSpent)
	}
	p.spent[code] = true
	p.links++
	conn := bankmux.NewConnection(req.Session, planted+"-ref-"+code, bankmux.NewSecret(planted+"-credential"))
	conn.Institution = bankmux.Institution{ID: planted, Name: "Harbor Bank", Country: "US", BIC: planted}
	conn.Status = bankmux.Status{State: bankmux.StateActive, Code: planted, At: conn.LinkedAt}
	res := bankmux.ExchangeResult{Connection: conn, Failed: p.lost, Spent: p.others}
	if p.twin {
		more := bankmux.NewFurtherConnection(req.Session, planted+"-twin-"+code, conn.Credential())
		more.Institution, more.Status = conn.Institution, conn.Status
		res.More = []bankmux.Connection{more}
	}
	return res, nil
}

func (p *harbor) ConnectionStatus(ctx context.Context, req bankmux.StatusRequest) (bankmux.StatusResult, error) {
	if err := p.enter(ctx, bankmux.OpConnectionStatus, req.Answers); err != nil {
		return bankmux.StatusResult{}, err
	}
	return bankmux.StatusResult{Connection: req.Connection}, nil
}

func (p *harbor) Disconnect(ctx context.Context, req bankmux.DisconnectRequest) (bankmux.DisconnectResult, error) {
	if err := p.enter(ctx, bankmux.OpDisconnect, nil); err != nil {
		return bankmux.DisconnectResult{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended[req.Connection.Reference()] = true
	return bankmux.DisconnectResult(req), nil
}

// endings returns how many connections were disconnected.
func (p *harbor) endings() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.ended)
}

func (p *harbor) Accounts(ctx context.Context, req bankmux.AccountsRequest) (bankmux.AccountsResult, error) {
	if err := p.enter(ctx, bankmux.OpAccounts, req.Answers); err != nil {
		return bankmux.AccountsResult{}, err
	}
	var res bankmux.AccountsResult
	for _, n := range []string{"1", "2"} {
		res.Accounts = append(res.Accounts, bankmux.Account{
			ID: planted + n, Kind: bankmux.AccountChecking, ProviderKind: planted, Name: "Account " + n,
			Mask:   "000" + n,
			Number: planted, IBAN: planted + n, PersistentID: planted + n, OriginalID: planted, Currency: "USD",
		})
		if a := &res.Accounts[len(res.Accounts)-1]; p.plain {
			a.Number, a.IBAN, a.PersistentID = "", "", ""
		}
	}
	return res, nil
}

func (p *harbor) Balances(ctx context.Context, req bankmux.BalancesRequest) (bankmux.BalancesResult, error) {
	if err := p.enter(ctx, bankmux.OpBalances, req.Answers); err != nil {
		return bankmux.BalancesResult{}, err
	}
	ten, err := bankmux.NewMoney("10.00", "USD")
	if err != nil {
		return bankmux.BalancesResult{}, err
	}
	booked := []bankmux.Balance{{Kind: bankmux.BalanceBooked, Money: ten}}
	return bankmux.BalancesResult{
		Balances: []bankmux.AccountBalances{{Account: planted + "1", Balances: booked}},
		Failed:   []bankmux.Failure{{Account: planted + "2", Err: plantedError(bankmux.ErrInstitution)}},
	}, nil
}

func (p *harbor) Sync(ctx context.Context, req bankmux.SyncRequest) (bankmux.Delta, error) {
	if err := p.enter(ctx, bankmux.OpSync, req.Answers); err != nil {
		return bankmux.Delta{}, err
	}
	p.mu.Lock()
	wait := p.wait
	p.mu.Unlock()
	if req.Cursor == "1" && wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return bankmux.Delta{}, ctx.Err()
		}
	}
	page := bankmux.Delta{Next: "1", More: req.Cursor == "", Failed: p.unread}
	if req.Cursor == "1" {
		page.Next = "2"
	}
	if req.Cursor == "2" {
		page.Next = "2"
		if p.change != nil {
			p.change(&page)
		}
		return page, nil
	}
	row := &bankmux.Transaction{
		ID: planted + page.Next, Account: planted + "1", Status: bankmux.StatusBooked,
		Date: bankmux.NewDate(2026, time.November, 20+len(page.Next)), Description: "Coffee " + page.Next,
		RawDescription: planted, Details: planted, Reference: planted, OriginalID: planted,
		Counterparty: &bankmux.Counterparty{Name: "Cafe", IBAN: planted},
		Enrichment: &bankmux.Enrichment{
			Merchant: bankmux.Merchant{ID: planted, Name: "Cafe"}, Category: bankmux.Category{Name: "food"},
		},
	}
	var err error
	if row.Amount, err = bankmux.NewMoney("-3.20", "USD"); err != nil {
		return page, err
	}
	page.Added = []bankmux.Added{{Row: row, Known: bankmux.Known{
		Key: "key" + page.Next, Account: req.AccountName(row.Account), Date: row.Date, Amount: row.Amount,
		Aliases: []string{row.ID}, Text: row.Description,
	}}}
	return page, nil
}

// ReadWebhook takes {"kind": …, "reference": …, "session": …, "payload": …} as genuine.
func (p *harbor) ReadWebhook(_ context.Context, req bankmux.WebhookRequest) (bankmux.WebhookResult, error) {
	var in struct{ Kind, Reference, Session, Payload string }
	if err := json.Unmarshal(req.Body(), &in); err != nil || req.Header()["Genuine"] == nil {
		return bankmux.WebhookResult{}, plantedError(bankmux.ErrSignature)
	}
	p.sentTo = req.URL()
	event := bankmux.Event{Kind: bankmux.EventKind(in.Kind), Name: "x", Session: in.Session}.WithReference(in.Reference)
	if in.Payload != "" {
		event = event.WithExchangePayload(bankmux.NewSecret(in.Payload))
	}
	return bankmux.WebhookResult{Events: []bankmux.Event{event}}, nil
}

// harborStart starts a session.
func (a *app) harborStart(t *testing.T, user string) string {
	t.Helper()
	return object[started](t, a.send(t, user, "POST", "/sessions", ""), 200).Session
}

// harborLink links a bank and returns the id of the connection.
func (a *app) harborLink(t *testing.T, user string) string {
	t.Helper()
	session := a.harborStart(t, user)
	posted := a.send(t, user, "POST", "/sessions/"+session, codeOf(session, ""))
	return object[linked](t, posted, 200).Connections[0].ID
}

// codeOf returns what the page of a session posts.
func codeOf(session, code string) string {
	return `{"session":"` + session + `","code":"` + cmp.Or(code, "code-of-"+strings.ToLower(session)) + `"}`
}
