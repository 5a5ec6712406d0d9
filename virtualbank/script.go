package virtualbank

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// AccountState is what an account really holds, for tests to compare with. Amounts are decimal text
// in major units; debts are negative.
type AccountState struct {
	MoneyKitID string `json:"moneykit_id,omitempty"` // the account's id on the link it was asked for
	DapiID     string `json:"dapi_id,omitempty"`
	Name       string `json:"name"`
	Card       bool   `json:"card"` // Dapi lists it as a card
	Debt       bool   `json:"debt"`
	Currency   string `json:"currency"`
	Booked     string `json:"booked"`
	Available  string `json:"available"`
}

// TransactionState is what really happened. Amounts are decimal text, into the account is positive.
type TransactionState struct {
	Event     string `json:"event"` // stays the same whatever ids the providers give it
	AccountID string `json:"account_id"`
	Date      string `json:"date"`
	Amount    string `json:"amount"`
	Pending   bool   `json:"pending"`
	Text      string `json:"text"`
}

// LinkState is a MoneyKit link or a Dapi connection as the bank itself knows it, for tests to
// compare with.
type LinkState struct {
	Provider    string   `json:"provider"`
	ID          string   `json:"id"`
	User        string   `json:"user,omitempty"` // the application's id of its user, where the provider knows it
	Tags        []string `json:"tags,omitempty"`
	Institution string   `json:"institution"`
	Products    []string `json:"products,omitempty"` // that the user granted, by MoneyKit's names; Dapi does not tell
	// "awaiting_token_exchange", "connected", "error" or "deleted", for Dapi as well
	State string `json:"state"`
	// exchanges of its one-time token that were carried out, whatever came of them
	Presented int `json:"presented"`
	Exchanged int `json:"exchanged"` // those of them that succeeded: one at most
}

// exchanges counts what became of a one-time token.
type exchanges struct{ presented, exchanged int }

// AccountSpec is an account to add. Kind is "checking", "savings", "card", "loan" or "investment".
type AccountSpec struct {
	Name     string
	Kind     string
	Currency string // "" is that of the country; no check is made
}

// BalanceSpec are the balances to serve, as decimal text that goes onto the wire as it is. "" is
// null. They are in the provider's own sign: for MoneyKit what is owed on a debt is positive.
type BalanceSpec struct {
	Current, Available, Limit string
	NoCurrency                bool   // the currency is null
	Date                      string // MoneyKit's balance_date, as it is; "" is null
}

// TransactionSpec is a transaction to add, whose texts go onto the wire as they are.
type TransactionSpec struct {
	Amount     string // decimal text: "10450.7500000001", "1e3"; "" is null
	AsNumber   bool   // a JSON number where MoneyKit writes text
	Type       string // "credit", "debit", or anything
	Currency   string // "" is that of the account
	NoCurrency bool   // the currency is empty
	Date       string // "2026-11-20", "2026-11-20T00:00:00", …; "" is today
	Text       string
	Pending    bool

	at time.Time // when it was added
}

// reference is a link or a connection.
type reference struct {
	book *book
	link *link
	conn *connection
}

func (b *Bank) find(id string) (reference, *Refusal) {
	if l, ok := b.mk.links[id]; ok {
		return reference{book: l.book, link: l}, nil
	}
	if c, ok := b.dp.connections[id]; ok {
		return reference{book: c.book, conn: c}, nil
	}
	return reference{}, refuse(http.StatusNotFound, "no such link or connection")
}

func (ref reference) id(a *account) string {
	if ref.link != nil {
		return ref.link.accountID(a)
	}
	return ref.conn.accountID(a)
}

func (ref reference) account(id string) (*account, *Refusal) {
	i := slices.IndexFunc(ref.book.accounts, func(a *account) bool { return ref.id(a) == id })
	if i < 0 {
		return nil, refuse(http.StatusNotFound, "no such account")
	}
	return ref.book.accounts[i], nil
}

// Links tells every link and connection that users made, deleted ones as well, sorted by provider
// and id.
func (b *Bank) Links() []LinkState {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []LinkState
	for _, l := range b.mk.order {
		all = append(all, LinkState{
			Provider:    providerMoneyKit,
			ID:          l.id,
			User:        l.user,
			Tags:        slices.Clone(l.tags),
			Institution: l.institution.MoneyKitID,
			State:       l.state,
			Products:    l.productNames(),
			Presented:   l.presented,
			Exchanged:   l.exchanged,
		})
	}
	for _, c := range b.dp.connections {
		all = append(all, LinkState{
			Provider:    providerDapi,
			ID:          c.id,
			Institution: c.institution.DapiID,
			State:       c.state(),
			Presented:   c.presented,
			Exchanged:   c.exchanged,
		})
	}
	slices.SortFunc(
		all,
		func(x, y LinkState) int { return cmp.Or(cmp.Compare(x.Provider, y.Provider), cmp.Compare(x.ID, y.ID)) },
	)
	return all
}

// state is how a connection stands, in MoneyKit's words.
func (c *connection) state() string {
	switch {
	case c.delinked:
		return stateDeleted
	case c.exchanged == 0:
		return stateAwaiting
	case c.lapsed:
		return stateError
	}
	return stateConnected
}

// Accounts tells what the accounts behind a link or connection hold now. The error is a [*Refusal]
// with status 404 for an unknown one.
func (b *Bank) Accounts(linkOrConnection string) ([]AccountState, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ref, refused := b.find(linkOrConnection)
	if refused != nil {
		return nil, refused
	}
	var all []AccountState
	for _, a := range ref.book.accounts {
		booked, held := ref.book.state(a, b.Now())
		state := AccountState{
			Name:      a.name,
			Card:      a.kind.card,
			Debt:      a.kind.debt,
			Currency:  a.currency,
			Booked:    plain(booked, a.currency),
			Available: plain(booked+held+a.limit, a.currency),
		}
		if ref.link != nil {
			state.MoneyKitID = ref.id(a)
		} else {
			state.DapiID = ref.id(a)
		}
		all = append(all, state)
	}
	return all, nil
}

// Transactions tells what really happened in the accounts behind a link or connection, newest
// first. The error is a [*Refusal] with status 404 for an unknown one.
func (b *Bank) Transactions(linkOrConnection string) ([]TransactionState, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ref, refused := b.find(linkOrConnection)
	if refused != nil {
		return nil, refused
	}
	var all []TransactionState
	for _, a := range ref.book.accounts {
		for _, r := range ref.book.rows(a, b.Now(), 0) {
			t := TransactionState{
				Event:     r.event.id,
				AccountID: ref.id(a),
				Date:      r.date.String(),
				Amount:    plain(r.amount, a.currency),
				Pending:   r.pending,
				Text:      r.event.text,
			}
			if ref.conn != nil {
				t.Date = ref.book.written(r).String()
			}
			if r.spec != nil {
				t.Amount = r.spec.Amount
			}
			all = append(all, t)
		}
	}
	return all, nil
}

// AddAccount adds an account to those behind a link or connection and returns its id there. The
// error is a [*Refusal].
func (b *Bank) AddAccount(linkOrConnection string, spec AccountSpec) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ref, refused := b.find(linkOrConnection)
	if refused != nil {
		return "", refused
	}
	kind, ok := map[string]accountKind{"checking": kindChecking, "savings": kindSavings, "card": kindCard, "loan": kindLoan, "investment": kindInvestment}[spec.Kind]
	if !ok {
		return "", refuse(http.StatusBadRequest, "unknown kind of account %q", spec.Kind)
	}
	kind.quiet = true
	a := &account{
		key:      "added-" + strconv.Itoa(len(ref.book.accounts)),
		kind:     kind,
		name:     spec.Name,
		currency: spec.Currency,
		number:   "990000000000",
		mask:     "0000",
	}
	if a.currency == "" {
		a.currency, _ = currencyOf(ref.book.institution.Country)
	}
	ref.book.accounts = append(ref.book.accounts, a)
	return ref.id(a), nil
}

// SetBalance serves these balances for an account from now on. The error is a [*Refusal].
func (b *Bank) SetBalance(linkOrConnection, accountID string, spec BalanceSpec) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	ref, refused := b.find(linkOrConnection)
	if refused != nil {
		return refused
	}
	a, refused := ref.account(accountID)
	if refused != nil {
		return refused
	}
	a.balances = &spec
	return nil
}

// AddTransaction adds a transaction to an account. On MoneyKit it is seen after the next refresh.
// The error is a [*Refusal].
func (b *Bank) AddTransaction(linkOrConnection, accountID string, spec TransactionSpec) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	ref, refused := b.find(linkOrConnection)
	if refused != nil {
		return refused
	}
	a, refused := ref.account(accountID)
	if refused != nil {
		return refused
	}
	spec.at = b.Now()
	today := dayOf(spec.at)
	ref.book.grow(a, today)
	on := today
	if spec.Date != "" {
		if d, ok := parseDay(spec.Date[:min(10, len(spec.Date))]); ok {
			on = d
		}
	}
	id := b.name58(12, ref.book.institution.Name, ref.book.username, a.key, "added", strconv.Itoa(len(a.events)))
	a.events = append(a.events, event{
		id: id, began: on, posted: on, appears: min(on, today), text: spec.Text, raw: spec.Text, spec: &spec,
	})
	ref.moved(b)
	return nil
}

// Outage takes an institution down or brings it back. MoneyKit's refreshes then end in
// institution_error, Dapi's data calls in UNKNOWN_ERROR. The error is a [*Refusal].
func (b *Bank) Outage(institutionID string, down bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, ok := b.institution(func(in Institution) bool { return in.goesBy(institutionID) })
	if !ok {
		return refuse(http.StatusNotFound, "no institution %q", institutionID)
	}
	b.outages[at.Name] = down
	return nil
}

// ServeDays makes an institution serve that many days of transactions from now on. The error is a
// [*Refusal].
func (b *Bank) ServeDays(institutionID string, days int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, ok := b.institution(func(in Institution) bool { return in.goesBy(institutionID) })
	if !ok || days < 1 {
		return refuse(http.StatusNotFound, "no institution %q, or no days", institutionID)
	}
	b.served[at.Name] = days
	return nil
}

// standardDays is how many days of transactions an institution serves unless [Bank.ServeDays] says
// otherwise.
const standardDays = 90

func (b *Bank) daysServed(at Institution) int {
	if days := b.served[at.Name]; days > 0 {
		return days
	}
	return standardDays
}

// ChurnIDs gives every transaction of a MoneyKit link another id, from its next refresh on. The
// error is a [*Refusal].
func (b *Bank) ChurnIDs(linkID string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.mk.links[linkID]
	if !ok {
		return refuse(http.StatusNotFound, "no such link")
	}
	l.churn++
	return nil
}

// Refresh makes MoneyKit fetch all products of a link at once, whatever its limits. The error is a
// [*Refusal].
func (b *Bank) Refresh(linkID string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.mk.links[linkID]
	if !ok {
		return refuse(http.StatusNotFound, "no such link")
	}
	for _, name := range l.productNames() {
		l.fetch(name, b.Now(), b.outages[l.institution.Name])
	}
	return nil
}

// SetUnavailable keeps a product of a MoneyKit link from being refreshed, for a reason in words
// that the link then carries; "" ends it. What was fetched before stays readable. The error is a
// [*Refusal].
func (b *Bank) SetUnavailable(linkID, product, reason string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.mk.links[linkID]
	if !ok || l.products[product] == nil {
		return refuse(http.StatusNotFound, "no such link, or it has no %s", product)
	}
	l.products[product].unavailable = reason
	return nil
}

// Disable takes away the user's permission for one product of a MoneyKit link. The error is a
// [*Refusal].
func (b *Bank) Disable(linkID, product string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.mk.links[linkID]
	if !ok || l.products[product] == nil {
		return refuse(http.StatusNotFound, "no such link, or it has no %s", product)
	}
	delete(l.products, product)
	return nil
}
