package virtualbank

import (
	"encoding/json"
	"net/http"
	"strings"
)

type mkImport struct {
	User struct {
		ID string `json:"id"`
	} `json:"customer_user"`
	Institution string `json:"institution_id"`
	Accounts    []struct {
		ID       string     `json:"account_id"`
		Name     string     `json:"name"`
		Type     string     `json:"type"`
		Mask     string     `json:"mask"`
		Balances mkBalances `json:"balances"`
	} `json:"accounts"`
	Transactions []mkImported `json:"transactions"`
}

type mkImported struct {
	Account string `json:"account_id"`
	ID      string `json:"transaction_id"`
	Amount  string `json:"amount"` // positive is a deposit
	Date    string `json:"date"`
	Text    string `json:"description"`
}

// mkImportLink serves POST /links/import: a link that has its data and needs a reconnect.
func (b *Bank) mkImportLink(c *call) reply {
	o, refusal, ok := mkObject(c)
	if !ok {
		return refusal
	}
	for _, name := range []string{"customer_user", "institution_id", "accounts", "transactions"} {
		o.get(name, true, false)
	}
	var in mkImport
	if json.Unmarshal(c.body, &in) != nil {
		o.fault("type_error", "the body does not have the documented form")
	}
	at, known := b.institution(func(i Institution) bool { return i.moneyKitGoesBy(in.Institution) })
	if !known {
		o.fault("value_error", "unknown institution", "institution_id")
	}
	if p, bad := o.refusal(); bad {
		return p
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.Now()
	l := &link{
		id: "mk_" + b.gen.base58(22), user: in.User.ID, institution: at, provider: at.Providers[0], state: stateError, errorCode: authExpired, imported: true, created: now,
		products: map[string]*linkProduct{"accounts": {}, "transactions": {}},
		book:     &book{bank: b, institution: at, username: "imported " + in.User.ID},
	}
	for _, a := range in.Accounts {
		kind := accountKind{moneykit: a.Type, quiet: true, debt: strings.HasPrefix(a.Type, "liability")}
		acc := &account{key: a.ID, kind: kind, name: a.Name, mask: a.Mask, original: a.ID, number: "000000000000"}
		if a.Balances.Currency != nil {
			acc.currency = *a.Balances.Currency
		}
		acc.balances = &BalanceSpec{Current: string(a.Balances.Current), Available: string(a.Balances.Available), Limit: string(a.Balances.Limit)}
		l.book.accounts = append(l.book.accounts, acc)
	}
	b.mkTake(l, in.Transactions)
	b.mk.links[l.id] = l
	b.mk.order = append(b.mk.order, l)
	return reply{status: http.StatusOK, body: l.wire()}
}

// mkTake puts imported transactions into a link's book.
func (b *Bank) mkTake(l *link, list []mkImported) {
	for _, t := range list {
		a := l.book.account(t.Account)
		if a == nil {
			continue
		}
		amount, debit := strings.CutPrefix(t.Amount, "-")
		spec := &TransactionSpec{Amount: amount, Type: "credit", Date: t.Date, Text: t.Text, at: b.Now()}
		if debit {
			spec.Type = "debit"
		}
		on, _ := parseDay(t.Date[:min(10, len(t.Date))])
		a.events = append(a.events, event{id: t.Account + "/" + t.ID, began: on, posted: on, appears: on, text: t.Text, raw: t.Text, spec: spec})
	}
	for name := range l.products {
		l.fetch(name, b.Now(), false)
	}
}

// mkImportTransactions serves POST /links/{id}/import/transactions.
func (b *Bank) mkImportTransactions(c *call) reply {
	o, refusal, ok := mkObject(c)
	if !ok {
		return refusal
	}
	o.get("transactions", true, false)
	var in mkImport
	if json.Unmarshal(c.body, &in) != nil {
		o.fault("type_error", "the body does not have the documented form")
	}
	if p, bad := o.refusal(); bad {
		return p
	}
	return b.mkWithLink(c, func(l *link) reply {
		b.mkTake(l, in.Transactions)
		return reply{status: http.StatusOK, body: l.wire()}
	})
}

// mkTestWebhook serves POST /webhooks/test/link/{id}.
func (b *Bank) mkTestWebhook(c *call) reply {
	o, refusal, ok := mkObject(c)
	if !ok {
		return refusal
	}
	event, key := o.text("webhook_event", true, false, 1, 100), o.text("webhook_idempotency_key", true, false, 1, 1000)
	if p, bad := o.refusal(); bad {
		return p
	}
	return b.mkWithLink(c, func(l *link) reply {
		if l.webhook == nil {
			return mkFail(http.StatusBadRequest, "link_error.bad_config", "The link has no webhook")
		}
		b.announce(*l.webhook, Webhook{Provider: providerMoneyKit, Event: *event, Reference: l.id, Key: *key, at: b.Now()})
		return reply{status: http.StatusOK, body: map[string]string{"delivery_token": b.gen.uuid()}}
	})
}
