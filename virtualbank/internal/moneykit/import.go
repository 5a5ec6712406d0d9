package moneykit

// This file serves imports of links and transactions, and test webhooks.

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// importedAccount is an account that an application imports.
type importedAccount struct {
	id, name, kind string
	nickname, mask *string
	balances       bank.BalanceSpec
	currency       string // "" if none was given
}

// importedRow is a transaction that an application imports. A deposit has a positive amount.
type importedRow struct {
	account, amount, date string
	id, text              *string
}

// importLink serves POST /links/import. The link has data and needs a reconnect.
func (b *Provider) importLink(c *bank.Call) bank.Reply {
	o, refusal, ok := readObject(c)
	if !ok {
		return refusal
	}
	user := readUser(o)
	provider := ""
	if value, ok := o.get("provider", false, false); ok {
		provider, _ = o.enum(value, aggregators(), "provider")
	}
	var at bank.Institution
	if id := o.text("institution_id", true, false, 1, maxURL); id != nil {
		named, known := b.Institution(func(in bank.Institution) bool { return in.MoneyKitGoesBy(*id) })
		at = named
		if !known {
			o.fault("value_error", "unknown institution", "institution_id")
		}
	}
	accounts := readImportedAccounts(o)
	rows := readImportedRows(o, func(id string) bool {
		return slices.ContainsFunc(accounts, func(a importedAccount) bool { return a.id == id })
	})
	if p, bad := o.refusal(); bad {
		return p
	}
	b.Lock()
	defer b.Unlock()
	l := &link{
		id: "mk_" + b.Gen.Base58(22), user: user, institution: at, provider: cmp.Or(provider, at.Providers[0]),
		state: bank.StateError, errorCode: authExpired, imported: true, created: b.Now(),
		products: map[string]*linkProduct{"accounts": {}, "transactions": {}},
		bank:     b,
		book:     &bank.Book{Bank: b.Bank, Institution: at, Username: "imported " + user},
	}
	for _, a := range accounts {
		l.book.Accounts = append(l.book.Accounts, a.account(at))
	}
	b.takeRows(l, rows)
	b.links[l.id] = l
	b.order = append(b.order, l)
	return bank.Reply{Status: http.StatusOK, Body: l.wire()}
}

// readImportedAccounts reads accounts. Their ids must be unique within a request.
func readImportedAccounts(o object) []importedAccount {
	var all []importedAccount
	seen := map[string]bool{}
	for _, item := range o.objects("accounts", true, false) {
		var a importedAccount
		a.nickname, a.mask = item.text("nickname", false, true, 0, maxURL), item.text("mask", false, true, 0, maxURL)
		for name, into := range map[string]*string{"account_id": &a.id, "name": &a.name, "type": &a.kind} {
			if text := item.text(name, true, false, 1, maxURL); text != nil {
				*into = *text
			}
		}
		if seen[a.id] && a.id != "" {
			item.fault("value_error", "another account has this id", "account_id")
		}
		seen[a.id] = true
		if balances, ok := item.object("balances", true, false); ok {
			if currency := balances.text("currency", false, true, 3, 3); currency != nil {
				a.currency = *currency
			}
			a.balances.NoCurrency = a.currency == ""
			a.balances.Available, a.balances.Current = balances.number("available"), balances.number("current")
			a.balances.Limit = balances.number("limit")
			if date := balances.timestamp("balance_date", false, true); date != nil {
				a.balances.Date = *date
			}
		}
		all = append(all, a)
	}
	return all
}

// account returns the account for a book. If it has no currency, its rows have the country's.
func (in importedAccount) account(at bank.Institution) *bank.Account {
	kind := accountType(in.kind)
	debt := strings.HasPrefix(kind, "liability.")
	country, _ := bank.CurrencyOf(at.Country)
	a := &bank.Account{
		Key: in.id, Original: in.id, Name: in.name, Nickname: in.nickname, Number: "000000000000",
		Kind:     bank.Kind{MoneyKit: kind, Quiet: true, Debt: debt},
		Currency: cmp.Or(in.currency, country), Balances: &in.balances,
	}
	if in.mask != nil {
		a.Mask = *in.mask
	}
	return a
}

// accountType returns MoneyKit's account type for any text. Its own types do not change. MoneyKit
// does not publish how it reads other texts; the bank looks for words.
func accountType(text string) string {
	if group, _, ok := strings.Cut(text, "."); ok {
		if slices.Contains([]string{"depository", "investment", "liability", "other"}, group) {
			return text
		}
	}
	lower := strings.ToLower(text)
	for _, known := range []struct{ word, kind string }{
		{"credit", "liability.credit_card"},
		{"mortgage", "liability.mortgage"},
		{"loan", bank.KindLoan.MoneyKit},
		{"checking", bank.KindChecking.MoneyKit},
		{"current", bank.KindChecking.MoneyKit},
		{"saving", bank.KindSavings.MoneyKit},
		{"invest", bank.KindInvestment.MoneyKit},
		{"brokerage", bank.KindInvestment.MoneyKit},
	} {
		if strings.Contains(lower, known.word) {
			return known.kind
		}
	}
	return "unknown"
}

// readImportedRows reads transactions. has reports whether an account exists. The ids of an
// account's rows must be unique within a request.
func readImportedRows(o object, has func(account string) bool) []importedRow {
	var all []importedRow
	seen := map[string]bool{}
	for _, item := range o.objects("transactions", true, false) {
		var r importedRow
		if account := item.text("account_id", true, false, 1, maxURL); account != nil {
			if r.account = *account; !has(r.account) {
				item.fault("value_error", "there is no such account", "account_id")
			}
		}
		r.id = item.text("transaction_id", false, true, 1, maxURL)
		r.text = item.text("description", false, true, 0, maxURL)
		item.text("type", false, true, 0, maxURL)
		r.amount = item.decimal("amount")
		if date := item.timestamp("date", true, false); date != nil {
			r.date = *date
		}
		if r.id != nil {
			if key := r.key(); seen[key] {
				item.fault("value_error", "another transaction of the account has this id", "transaction_id")
			} else {
				seen[key] = true
			}
		}
		all = append(all, r)
	}
	return all
}

// moment returns the timestamp of a row with the offset as given, or nil if its date is a bare day.
// A timestamp without a zone counts as UTC.
func (r importedRow) moment() *string {
	if len(r.date) == len(time.DateOnly) {
		return nil
	}
	text := r.date
	if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
		text += "+00:00"
	}
	return &text
}

// key returns the id of the row within its request.
func (r importedRow) key() string { return r.account + "\x00" + *r.id }

// takeRows adds imported transactions to the book of a link. It ignores rows whose id exists, so
// that a repeated import adds nothing. This is the bank's choice.
func (b *Provider) takeRows(l *link, rows []importedRow) {
	now := b.Now()
	for _, r := range rows {
		a := l.importedAs(r.account)
		id := r.account + "\x00#" + strconv.Itoa(len(a.Events))
		if r.id != nil {
			id = r.key()
			if slices.ContainsFunc(a.Events, func(e bank.Event) bool { return e.ID == id }) {
				continue
			}
		}
		amount, debit := strings.CutPrefix(r.amount, "-")
		spec := &bank.Scripted{At: now}
		spec.Amount, spec.Type, spec.Date = amount, "credit", r.date[:len(time.DateOnly)]
		if debit {
			spec.Type = "debit"
		}
		on, _ := bank.ParseDay(spec.Date) // the date was checked on reading
		on = min(on, bank.DayOf(now))
		e := bank.Event{
			ID:       id,
			Started:  on,
			Posted:   on,
			Appears:  on,
			Spec:     spec,
			Original: r.id,
			NoText:   r.text == nil,
			Moment:   r.moment(),
		}
		if r.text != nil {
			e.Text, e.Raw = *r.text, *r.text
		}
		a.Events = append(a.Events, e)
	}
	for _, name := range []string{"accounts", "transactions"} {
		if l.products[name] != nil {
			l.fetch(name, now, false)
		}
	}
}

// importedAs returns the account with an id of the application, or nil.
func (l *link) importedAs(id string) *bank.Account {
	i := slices.IndexFunc(l.book.Accounts, func(a *bank.Account) bool { return a.Original == id && id != "" })
	if i < 0 {
		return nil
	}
	return l.book.Accounts[i]
}

// importTransactions serves POST /links/{id}/import/transactions.
func (b *Provider) importTransactions(c *bank.Call) bank.Reply {
	o, refusal, ok := readObject(c)
	if !ok {
		return refusal
	}
	return b.withLink(c, func(l *link) bank.Reply {
		rows := readImportedRows(o, func(id string) bool { return l.importedAs(id) != nil })
		if p, bad := o.refusal(); bad {
			return p
		}
		b.takeRows(l, rows)
		return bank.Reply{Status: http.StatusOK, Body: l.wire()}
	})
}

// testWebhook serves POST /webhooks/test/link/{id}. Every attempt of the delivery has the token of
// the response.
func (b *Provider) testWebhook(c *bank.Call) bank.Reply {
	o, refusal, ok := readObject(c)
	if !ok {
		return refusal
	}
	event := ""
	if value, ok := o.get("webhook_event", true, false); ok {
		event, _ = o.enum(value, Events(), "webhook_event")
	}
	key := o.text("webhook_idempotency_key", true, false, 1, 1000)
	if p, bad := o.refusal(); bad {
		return p
	}
	return b.withLink(c, func(l *link) bank.Reply {
		if l.webhook == nil {
			return fail(http.StatusBadRequest, "link_error.bad_config", "The link has no webhook")
		}
		w := bank.Webhook{Provider: Name, Event: event, Reference: l.id, Key: *key, At: b.Now()}
		token := b.Outbox.Announce(*l.webhook, w)
		return bank.Reply{Status: http.StatusOK, Body: map[string]string{"delivery_token": token}}
	})
}
