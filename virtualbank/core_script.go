package virtualbank

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// coreAccountSpec is an account to add.
type coreAccountSpec struct {
	Name     string
	Kind     string
	Currency string
}

// coreBalanceSpec are the balances to serve, as decimal text that goes onto the wire as it is. "" is
// null. They are in the provider's own sign.
type coreBalanceSpec struct {
	Current, Available, Limit string
	NoCurrency                bool   // the currency is null
	Date                      string // MoneyKit's balance_date, as it is; "" is null
}

// coreTransactionSpec is a transaction whose texts go onto the wire as they are.
type coreTransactionSpec struct {
	Amount     string
	AsNumber   bool
	Type       string
	Currency   string
	NoCurrency bool
	Date       string
	Text       string
	Pending    bool
}

// written is a transaction of a script and when it came to be.
type scripted struct {
	coreTransactionSpec
	at time.Time
}

// addAccount adds an account.
func (bk *book) addAccount(spec coreAccountSpec) (*account, error) {
	kind, ok := map[string]accountKind{"checking": kindChecking, "savings": kindSavings, "card": kindCard, "loan": kindLoan, "investment": kindInvestment}[spec.Kind]
	if !ok {
		return nil, refuse(http.StatusBadRequest, "unknown kind of account %q", spec.Kind)
	}
	kind.quiet = true
	a := &account{
		key:      "added-" + strconv.Itoa(len(bk.accounts)),
		kind:     kind,
		name:     spec.Name,
		currency: spec.Currency,
		number:   "990000000000",
		mask:     "0000",
	}
	if a.currency == "" {
		a.currency, _ = currencyOf(bk.institution.Country)
	}
	bk.accounts = append(bk.accounts, a)
	return a, nil
}

// setBalance serves these balances for the account from now on.
func (a *account) setBalance(spec coreBalanceSpec) { a.balances = &spec }

// addTransaction adds a transaction to an account.
func (bk *book) addTransaction(a *account, spec coreTransactionSpec) {
	s := &scripted{spec, bk.bank.Now()}
	today := dayOf(s.at)
	bk.grow(a, today)
	on := today
	if spec.Date != "" {
		if d, ok := parseDay(spec.Date[:min(10, len(spec.Date))]); ok {
			on = d
		}
	}
	id := bk.bank.name58(12, bk.institution.Name, bk.username, a.key, "added", strconv.Itoa(len(a.events)))
	a.events = append(a.events, event{
		id: id, began: on, posted: on, appears: min(on, today), text: spec.Text, raw: spec.Text, spec: s,
	})
}

// changeTransaction corrects the transaction that was added with the same text.
func (bk *book) changeTransaction(a *account, spec coreTransactionSpec) error {
	e, err := a.added(spec.Text)
	if err != nil {
		return err
	}
	e.changes = append(e.changes, &scripted{spec, bk.bank.Now()})
	return nil
}

// removeTransaction takes back the transaction that was added with a text.
func (bk *book) removeTransaction(a *account, text string) error {
	e, err := a.added(text)
	if err != nil {
		return err
	}
	e.until = bk.bank.Now()
	return nil
}

// added finds the transaction that was added with a text and is still there.
func (a *account) added(text string) (*event, error) {
	i := slices.IndexFunc(a.events, func(e event) bool { return e.spec != nil && e.text == text && e.until.IsZero() })
	if i < 0 {
		return nil, refuse(http.StatusNotFound, "no transaction with that text was added")
	}
	return &a.events[i], nil
}

// standardDays is how many days of transactions an institution serves unless a script says
// otherwise.
const standardDays = 90

func (b *core) daysServed(at coreInstitution) int {
	if days := b.served[at.Name]; days > 0 {
		return days
	}
	return standardDays
}

// outage takes an institution down or brings it back.
func (b *core) outage(institutionID string, down bool) error {
	at, ok := b.institution(func(in coreInstitution) bool { return in.goesBy(institutionID) })
	if !ok {
		return refuse(http.StatusNotFound, "no institution %q", institutionID)
	}
	b.outages[at.Name] = down
	return nil
}

// serveDays makes an institution serve that many days of transactions from now on.
func (b *core) serveDays(institutionID string, days int) error {
	at, ok := b.institution(func(in coreInstitution) bool { return in.goesBy(institutionID) })
	if !ok || days < 1 {
		return refuse(http.StatusNotFound, "no institution %q, or no days", institutionID)
	}
	b.served[at.Name] = days
	return nil
}
