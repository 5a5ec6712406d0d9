package virtualbank

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// importedAccount is an account that an application brings along.
type importedAccount struct {
	id, name, kind string
	nickname, mask *string
	balances       coreBalanceSpec
	currency       string // "" where none was given
}

// importedRow is a transaction that an application brings along. Its amount is signed: a
// deposit is positive.
type importedRow struct {
	account, amount, date string
	id, text              *string
}

// mkImportLink serves POST /links/import: a link that has its data and needs a reconnect.
func (b *mkProvider) mkImportLink(c *call) reply {
	o, refusal, ok := mkObject(c)
	if !ok {
		return refusal
	}
	user := readUser(o)
	provider := ""
	if value, ok := o.get("provider", false, false); ok {
		provider, _ = o.enum(value, mkProviders(), "provider")
	}
	var at coreInstitution
	if id := o.text("institution_id", true, false, 1, maxURL); id != nil {
		named, known := b.institution(func(in coreInstitution) bool { return in.moneyKitGoesBy(*id) })
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
		id: "mk_" + b.gen.base58(22), user: user, institution: at, provider: cmp.Or(provider, at.Providers[0]),
		state: stateError, errorCode: authExpired, imported: true, created: b.Now(),
		products: map[string]*linkProduct{"accounts": {}, "transactions": {}},
		bank:     b,
		book:     &book{bank: b.core, institution: at, username: "imported " + user},
	}
	for _, a := range accounts {
		l.book.accounts = append(l.book.accounts, a.account(at))
	}
	b.mkTake(l, rows)
	b.links[l.id] = l
	b.order = append(b.order, l)
	return reply{status: http.StatusOK, body: l.wire()}
}

// readImportedAccounts reads accounts. Ids are unique within a request.
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

// account is the imported account in a book. Without a currency of its own its rows have the
// country's.
func (in importedAccount) account(at coreInstitution) *account {
	kind := mkAccountType(in.kind)
	debt := strings.HasPrefix(kind, "liability.")
	country, _ := currencyOf(at.Country)
	a := &account{
		key: in.id, original: in.id, name: in.name, nickname: in.nickname, number: "000000000000",
		kind:     accountKind{moneykit: kind, quiet: true, debt: debt},
		currency: cmp.Or(in.currency, country), balances: &in.balances,
	}
	if in.mask != nil {
		a.mask = *in.mask
	}
	return a
}

// mkAccountType is what MoneyKit makes of the text for an account's type, which may be any. One of
// its own types stays as it is. How it reads others is not published: the bank goes by words.
func mkAccountType(text string) string {
	if group, _, ok := strings.Cut(text, "."); ok {
		if slices.Contains([]string{"depository", "investment", "liability", "other"}, group) {
			return text
		}
	}
	lower := strings.ToLower(text)
	for _, known := range []struct{ word, kind string }{
		{"credit", "liability.credit_card"},
		{"mortgage", "liability.mortgage"},
		{"loan", kindLoan.moneykit},
		{"checking", kindChecking.moneykit},
		{"current", kindChecking.moneykit},
		{"saving", kindSavings.moneykit},
		{"invest", kindInvestment.moneykit},
		{"brokerage", kindInvestment.moneykit},
	} {
		if strings.Contains(lower, known.word) {
			return known.kind
		}
	}
	return "unknown"
}

// readImportedRows reads transactions. has reports whether there is an account of an id; the ids of
// an account's rows are unique within a request.
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

// moment is the row's timestamp, nil where its date is a bare day. The offset stays as given. A
// timestamp without a zone is read as UTC.
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

func (r importedRow) key() string { return r.account + "\x00" + *r.id }

// mkTake puts imported transactions into a link's book. One whose id is there already is passed
// over, which is the bank's choice: an import that is sent again adds nothing.
func (b *mkProvider) mkTake(l *link, rows []importedRow) {
	now := b.Now()
	for _, r := range rows {
		a := l.importedAs(r.account)
		id := r.account + "\x00#" + strconv.Itoa(len(a.events))
		if r.id != nil {
			id = r.key()
			if slices.ContainsFunc(a.events, func(e event) bool { return e.id == id }) {
				continue
			}
		}
		amount, debit := strings.CutPrefix(r.amount, "-")
		spec := &scripted{coreTransactionSpec{Amount: amount, Type: "credit", Date: r.date[:len(time.DateOnly)]}, now}
		if debit {
			spec.Type = "debit"
		}
		on, _ := parseDay(spec.Date) // checked when it was read
		on = min(on, dayOf(now))
		e := event{
			id:       id,
			began:    on,
			posted:   on,
			appears:  on,
			spec:     spec,
			original: r.id,
			untold:   r.text == nil,
			moment:   r.moment(),
		}
		if r.text != nil {
			e.text, e.raw = *r.text, *r.text
		}
		a.events = append(a.events, e)
	}
	for _, name := range []string{"accounts", "transactions"} {
		if l.products[name] != nil {
			l.fetch(name, now, false)
		}
	}
}

// importedAs finds an account by the application's own id of it.
func (l *link) importedAs(id string) *account {
	i := slices.IndexFunc(l.book.accounts, func(a *account) bool { return a.original == id && id != "" })
	if i < 0 {
		return nil
	}
	return l.book.accounts[i]
}

// mkImportTransactions serves POST /links/{id}/import/transactions.
func (b *mkProvider) mkImportTransactions(c *call) reply {
	o, refusal, ok := mkObject(c)
	if !ok {
		return refusal
	}
	return b.mkWithLink(c, func(l *link) reply {
		rows := readImportedRows(o, func(id string) bool { return l.importedAs(id) != nil })
		if p, bad := o.refusal(); bad {
			return p
		}
		b.mkTake(l, rows)
		return reply{status: http.StatusOK, body: l.wire()}
	})
}

// mkTestWebhook serves POST /webhooks/test/link/{id}. The delivery carries the token that is
// answered, in each of its attempts.
func (b *mkProvider) mkTestWebhook(c *call) reply {
	o, refusal, ok := mkObject(c)
	if !ok {
		return refusal
	}
	event := ""
	if value, ok := o.get("webhook_event", true, false); ok {
		event, _ = o.enum(value, mkEvents(), "webhook_event")
	}
	key := o.text("webhook_idempotency_key", true, false, 1, 1000)
	if p, bad := o.refusal(); bad {
		return p
	}
	return b.mkWithLink(c, func(l *link) reply {
		if l.webhook == nil {
			return mkFail(http.StatusBadRequest, "link_error.bad_config", "The link has no webhook")
		}
		w := coreWebhook{Provider: mkName, Event: event, Reference: l.id, Key: *key, At: b.Now()}
		token := b.outbox.Announce(*l.webhook, w)
		return reply{status: http.StatusOK, body: map[string]string{"delivery_token": token}}
	})
}
