package plaid

// This file serves the calls that only the sandbox has.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// createPublicToken makes an Item without Link.
func (b *Provider) createPublicToken(r request) bank.Reply {
	id := r.text("institution_id", true, false)
	t := &linkToken{days: defaultDays}
	t.products = r.texts("initial_products", true, false, 1)
	for _, product := range t.products {
		if !slices.Contains(productNames(), product) {
			r.fail(invalidProduct, "client is not authorized to access the following products: ["+product+"]")
		}
	}
	r.know("user_token", "user_id")
	in := ConnectInput{}
	if options, ok := r.object.object("options", false, false); ok {
		options.know("statements", "income_verification")
		t.webhook = options.address("webhook", false)
		in.Username = options.text("override_username", false, true)
		in.Password = options.text("override_password", false, true)
		if rows, ok := options.object("transactions", false, false); ok {
			rows.know("start_date", "end_date")
			t.days = rows.integer("days_requested", false, defaultDays, 1, maxDays)
		}
	}
	if p, bad := r.refusal(); bad {
		return p
	}
	at, known := b.byID(id)
	if !known {
		return refuse(noInstitution, "invalid institution_id provided")
	}
	if name := lacks(at, t.products); name != "" {
		return refuse(invalidProduct, "the institution does not support the following products: ["+name+"]")
	}
	if why, message := b.loginError(at, in.Username, in.Password); why.name != "" {
		return refuse(why, message)
	}
	it := b.newItem(at, t, in.Username)
	if refused := it.fits(); refused != nil {
		return refuse(code{kind: "ITEM_ERROR", name: "NO_ACCOUNTS"}, refused.Reason)
	}
	return ok(map[string]any{"public_token": b.publish(it).token})
}

// resetLogin puts an Item into ITEM_LOGIN_REQUIRED. Only update mode heals it.
func (b *Provider) resetLogin(r request) bank.Reply {
	it, p, found := r.itemOf(r.text("access_token", true, false))
	if !found {
		return p
	}
	it.breakLogin("")
	return ok(map[string]any{"reset_login": true})
}

// fired are the types of the webhooks that the sandbox fires, by code. The first is taken where the
// request names none.
var fired = map[string][]string{
	"DEFAULT_UPDATE": {
		"TRANSACTIONS", "HOLDINGS", "INVESTMENTS_TRANSACTIONS", "LIABILITIES", "AUTH", "IDENTITY",
	},
	"NEW_ACCOUNTS_AVAILABLE":         {"ITEM"},
	"USER_PERMISSION_REVOKED":        {"ITEM"},
	"USER_ACCOUNT_REVOKED":           {"ITEM"},
	"PENDING_DISCONNECT":             {"ITEM"},
	"LOGIN_REPAIRED":                 {"ITEM"},
	"SYNC_UPDATES_AVAILABLE":         {"TRANSACTIONS"},
	"RECURRING_TRANSACTIONS_UPDATE":  {"TRANSACTIONS"},
	"SMS_MICRODEPOSITS_VERIFICATION": {}, "AUTHORIZATION_GRANTED": {}, "PRODUCT_READY": {}, "ERROR": {},
}

// productBehind is the product that a type of webhook is about; "" for Items.
func productBehind(kind string) string {
	switch kind {
	case "TRANSACTIONS", "LIABILITIES", "AUTH", "IDENTITY":
		return strings.ToLower(kind)
	case "HOLDINGS", "INVESTMENTS_TRANSACTIONS":
		return "investments"
	}
	return ""
}

// fireWebhook announces something that did not happen. The bank refuses codes of products that it
// does not have as those of a product that is not enabled.
func (b *Provider) fireWebhook(r request) bank.Reply {
	access := r.text("access_token", true, false)
	name := r.text("webhook_code", true, false)
	kind := r.oneOf("webhook_type", false, false, "AUTH", "HOLDINGS", "INVESTMENTS_TRANSACTIONS", "ITEM", "LIABILITIES",
		"TRANSACTIONS", "ASSETS", "IDENTITY")
	types, known := fired[name]
	if name != "" && !known {
		r.invalid("webhook_code", "is not a code that the sandbox fires")
	}
	it, p, found := r.itemOf(access)
	if !found {
		return p
	}
	if kind == "" && len(types) > 0 {
		kind = types[0]
	}
	product := productBehind(kind)
	switch {
	case it.webhook == "":
		return refuse(sandboxWebhook, "the Item has no webhook")
	case !slices.Contains(types, kind), product != "" && !slices.Contains(it.products, product):
		return refuse(sandboxProduct, "the product of this webhook is not enabled on the Item")
	}
	it.announce(b.Now(), kind, name, nil)
	return ok(map[string]any{"webhook_fired": true})
}

// maxBack is how many days back a row of /sandbox/transactions/create may be.
const (
	maxBack    = 14
	maxCreated = 10
)

// createTransactions adds rows to the first depository account of an Item with dynamic rows.
func (b *Provider) createTransactions(r request) bank.Reply {
	access := r.text("access_token", true, false)
	rows := r.createdRows()
	it, p, found := r.itemOf(access)
	if !found {
		return p
	}
	if it.book.Username != userDynamic || it.feed.started.IsZero() {
		return refuse(sandboxProduct, "only Items of "+userDynamic+" with transactions take transactions")
	}
	a := it.book.Accounts[0]
	for _, spec := range rows {
		it.book.AddTransaction(a, spec)
	}
	it.refresh(b.Now())
	return ok(map[string]any{})
}

// createdRows reads the rows.
func (r request) createdRows() []bank.TransactionSpec {
	value, present := r.get("transactions", true, false)
	if !present {
		return nil
	}
	list, isList := value.([]any)
	if !isList || len(list) == 0 || len(list) > maxCreated {
		r.invalid("transactions", "must be a list of 1 to 10 transactions")
		return nil
	}
	today := bank.DayOf(r.bank.Now())
	specs := make([]bank.TransactionSpec, 0, len(list))
	for i, value := range list {
		o, isObject := r.inner(fmt.Sprintf("transactions[%d]", i), value, true)
		if !isObject {
			continue
		}
		transacted := o.day("date_transacted")
		posted := o.day("date_posted")
		for name, day := range map[string]bank.Day{"date_transacted": transacted, "date_posted": posted} {
			if day != 0 && (day > today || day < today-maxBack) {
				o.invalid(name, "must be today or up to 14 days back")
			}
		}
		specs = append(specs, bank.TransactionSpec{
			Amount: o.number("amount"), Text: o.text("description", true, false), Date: posted.String(),
			Currency: o.text("iso_currency_code", false, true),
		})
	}
	return specs
}

// openDynamic fills the accounts of the dynamic user: fifty rows, of which the last are pending.
func (it *item) openDynamic() {
	const rows, pending = 50, 5
	a := it.book.Accounts[0]
	if a.Kind.Quiet {
		return // they are there already
	}
	for _, a := range it.book.Accounts {
		a.Kind.Quiet = true
	}
	today := bank.DayOf(it.bank.Now())
	for i := range rows {
		it.book.AddTransaction(a, bank.TransactionSpec{
			Amount: fmt.Sprintf("%d.%02d", 5+i*7%90, i*13%100), Text: fmt.Sprintf("Dynamic Shop %d", i+1),
			Date: (today - bank.Day(rows-i)/2).String(), Pending: i >= rows-pending,
		})
	}
}

// moveDynamic is what a refresh does to the dynamic user: pending rows are posted, another is
// pending, and one amount rises by 1.00.
func (it *item) moveDynamic() {
	a := it.book.Accounts[0]
	raised := false
	var rows []bank.TransactionSpec
	for _, r := range it.book.Rows(a, it.bank.Now(), 0) {
		if r.Spec == nil {
			continue
		}
		spec := r.Spec.TransactionSpec
		switch {
		case spec.Pending:
			spec.Pending = false
		case !raised && strings.HasPrefix(spec.Text, "Dynamic Shop"):
			raised = true
			var whole, part int
			_, _ = fmt.Sscanf(spec.Amount, "%d.%d", &whole, &part)
			spec.Amount = fmt.Sprintf("%d.%02d", whole+1, part)
		default:
			continue
		}
		rows = append(rows, spec)
	}
	for _, spec := range rows {
		_ = it.book.ChangeTransaction(a, spec) // it was found above
	}
	n := len(a.Events)
	it.book.AddTransaction(a, bank.TransactionSpec{
		Amount: "12.34", Text: fmt.Sprintf("Dynamic Shop %d", n+1), Pending: true,
		Date: bank.DayOf(it.bank.Now()).String(),
	})
}
