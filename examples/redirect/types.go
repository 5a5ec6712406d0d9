package redirect

// This file has the wire format of Osprey. The tag need marks the members that a response must
// have: see [wire.Lacks].

import (
	"cmp"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rotation"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
)

type consentRequest struct {
	Bank        string            `json:"bank"`
	Country     string            `json:"country,omitempty"`
	Redirect    string            `json:"redirect"`
	Webhook     string            `json:"webhook,omitempty"`
	Language    string            `json:"language,omitempty"`
	AccessDays  int               `json:"access_days,omitempty"`
	HistoryDays int               `json:"history_days,omitempty"`
	Products    []bankmux.Product `json:"products,omitempty"`
	User        string            `json:"user"`
	Tag         string            `json:"tag"` // the tag in webhook deliveries
	State       string            `json:"state"`
	Challenge   string            `json:"challenge"`
	Renews      string            `json:"renews,omitempty"` // a grant
}

type openedResponse struct {
	ID  string `json:"id"  need:"value"`
	URL string `json:"url" need:"value"`
}

type consentResponse struct {
	State  string   `json:"state"  need:"value"`
	Grants []string `json:"grants" need:"value"`
}

type grantResponse struct {
	ID        string              `json:"id"`
	Status    string              `json:"status"     need:"value"`
	Bank      bankmux.Institution `json:"bank"` // its members are those of the model
	Products  []bankmux.Product   `json:"products"`
	Ends      string              `json:"ends"`
	RenewFrom string              `json:"renew_from"`
	Tokens    tokens              `json:"tokens"`

	credential bankmux.Secret // made of the tokens
}

type tokens struct {
	Access   string       `json:"access"`
	Refresh  string       `json:"refresh"`
	Lifetime wire.Seconds `json:"lifetime"`
}

func (t tokens) grant() rotation.Grant {
	life := t.Lifetime.Within(0, 24*time.Hour)
	return rotation.Grant{Access: bankmux.NewSecret(t.Access), Refresh: bankmux.NewSecret(t.Refresh), Lifetime: life}
}

// states are Osprey's words for the states of a grant. Others are kept.
var states = map[string]bankmux.State{
	"live": bankmux.StateActive, "lapsed": bankmux.StateReauth, "ended": bankmux.StateGone,
}

func statusOf(word string, at time.Time) bankmux.Status {
	code := normalize.CleanCode(word)
	return bankmux.Status{State: cmp.Or(states[word], bankmux.State(code)), Code: code, At: at}
}

// update returns a connection with the data of the grant. An unreadable day is left out.
func (g *grantResponse) update(conn bankmux.Connection, now time.Time) bankmux.Connection {
	conn.Institution, conn.Products = g.Bank, g.Products
	conn.Consent.ExpiresAt, _ = normalize.Timestamp(g.Ends)
	conn.Consent.RenewFrom, _ = normalize.Timestamp(g.RenewFrom)
	conn.Status = statusOf(g.Status, now)
	return conn
}

type accountRow struct {
	ID       wire.Text `json:"id"`
	Key      wire.Text `json:"key"` // the same in every grant
	Kind     string    `json:"kind"`
	Name     string    `json:"name"`
	Currency string    `json:"currency"`
}

type accountsResponse struct {
	Accounts wire.List[accountRow] `json:"accounts" need:"value"`
}

type balanceRow struct {
	Kind     bankmux.BalanceKind `json:"kind"` // the words of the model
	Amount   wire.Number         `json:"amount"`
	Currency string              `json:"currency"`
}

type balancesResponse struct {
	Balances wire.List[balanceRow] `json:"balances" need:"value"`
}

type movement struct {
	ID           wire.Text             `json:"id"`
	Account      wire.Text             `json:"account"`
	Amount       wire.Number           `json:"amount"` // money in is positive
	Currency     string                `json:"currency"`
	Day          string                `json:"day"`
	ValueDay     string                `json:"value_day"`
	Text         string                `json:"text"`
	Pending      wire.Flag             `json:"pending"`
	PendingID    wire.Text             `json:"pending_id"` // the row that this one replaces
	Counterparty *bankmux.Counterparty `json:"counterparty"`
}

type transactionsResponse struct {
	Transactions wire.List[movement] `json:"transactions" need:"value"`
	Total        wire.Exact[*int]    `json:"total"        need:"value"` // rows on all pages
}

type changesResponse struct {
	Created wire.List[movement] `json:"created" need:"value"`
	Updated wire.List[movement] `json:"updated" need:"value"`
	Removed wire.List[movement] `json:"removed" need:"value"`
	Next    string              `json:"next"    need:"value"`
	More    wire.Exact[bool]    `json:"more"`
}
