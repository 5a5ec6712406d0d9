package redirect

import (
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
	Tag         string            `json:"tag"` // comes back in webhooks
	State       string            `json:"state"`
	Challenge   string            `json:"challenge"`
	Renews      string            `json:"renews,omitempty"` // a grant
}

type consentAnswer struct {
	ID     string   `json:"id"`
	URL    string   `json:"url"`
	Status string   `json:"status"`
	State  string   `json:"state"`
	Grants []string `json:"grants"`
}

type grantAnswer struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Bank   struct {
		ID      string `json:"id"`
		Name    string `json:"name"`
		Country string `json:"country"`
	} `json:"bank"`
	Products  []bankmux.Product `json:"products"`
	Ends      string            `json:"ends"`
	RenewFrom string            `json:"renew_from"`
	Tokens    tokens            `json:"tokens"`
}

type tokens struct {
	Access   string       `json:"access"`
	Refresh  string       `json:"refresh"`
	Lifetime wire.Seconds `json:"lifetime"`
}

// grant is the tokens as package rotation keeps them.
func (t tokens) grant() rotation.Grant {
	return rotation.Grant{
		Access: bankmux.NewSecret(t.Access), Refresh: bankmux.NewSecret(t.Refresh), Lifetime: t.Lifetime.Within(0, 24*time.Hour),
	}
}

// states are the words for a grant. Others are kept as they are.
var states = map[string]bankmux.State{"live": bankmux.StateActive, "lapsed": bankmux.StateReauth, "ended": bankmux.StateGone}

func stateOf(word string) bankmux.State {
	if state, ok := states[word]; ok {
		return state
	}
	return bankmux.State(normalize.CleanCode(word))
}

// update brings a connection up to date.
func (g *grantAnswer) update(conn *bankmux.Connection) {
	conn.Institution = bankmux.Institution{ID: g.Bank.ID, Name: g.Bank.Name, Country: g.Bank.Country}
	conn.Products = g.Products
	conn.Consent = bankmux.Consent{}
	conn.Consent.ExpiresAt, _ = normalize.Timestamp(g.Ends) // what cannot be read was not told
	conn.Consent.RenewFrom, _ = normalize.Timestamp(g.RenewFrom)
	code := normalize.CleanCode(g.Status)
	if state := stateOf(g.Status); state != conn.Status.State || code != conn.Status.Code {
		conn.Status = bankmux.Status{State: state, Code: code, At: time.Now().UTC().Truncate(time.Millisecond)}
	}
}

type accountRow struct {
	ID       wire.Text `json:"id"`
	Key      wire.Text `json:"key"` // the same in every grant
	Kind     string    `json:"kind"`
	Name     string    `json:"name"`
	Currency string    `json:"currency"`
}

type balanceRow struct {
	Kind     bankmux.BalanceKind `json:"kind"` // the words are those of the model
	Amount   wire.Number         `json:"amount"`
	Currency string              `json:"currency"`
}

type movement struct {
	ID           wire.Text   `json:"id"`
	Account      wire.Text   `json:"account"`
	Amount       wire.Number `json:"amount"` // with the account's sign: what comes in is positive
	Currency     string      `json:"currency"`
	Day          string      `json:"day"`
	ValueDay     string      `json:"value_day"`
	Text         string      `json:"text"`
	Pending      wire.Flag   `json:"pending"`
	PendingID    wire.Text   `json:"pending_id"` // of the row that this one replaces
	Counterparty string      `json:"counterparty"`
	IBAN         string      `json:"iban"`
}

type removal struct {
	ID      wire.Text `json:"id"`
	Account wire.Text `json:"account"`
}

type changesAnswer struct {
	Created wire.List[movement] `json:"created"`
	Updated wire.List[movement] `json:"updated"`
	Removed wire.List[removal]  `json:"removed"`
	Next    string              `json:"next"`
	More    wire.Exact[bool]    `json:"more"`
}
