package moneykit

// This file lists what MoneyKit documents and the adapter does not read.

import (
	"sync"

	"github.com/bankmux/bankmux/normalize"
)

// Documented returns the members of MoneyKit's responses and deliveries that the adapter does not
// read, and the values of its enumerations. They are from its SDK models (2025-05) and webhook
// guide.
func Documented() *normalize.Documented { return documented() }

var documented = sync.OnceValue(func() *normalize.Documented {
	return normalize.NewDocumented(
		documentation,
		normalize.Codes{Members: "root, link, links.error_code", Catalogue: linkErrors},
		normalize.Codes{Members: "root.error", Catalogue: linkErrors},
		normalize.Codes{Members: "products.error_code", Catalogue: productErrors},
	)
})

const documentation = `
root: error_code error_message documentation_url link_error_code validation_errors
	last_synced_at provider tags token_type client_name scope disabled_at page size accounts link
	webhook_minor_version has_history state_changed_at
link, links: last_synced_at provider tags
app: app_id id
products: error_message settings has_history
accounts: account_type name nickname account_mask balances original_id closed
	last_synced_at institution_id

root, link, links.state = connecting, awaiting_token_exchange, connected, deleted, error,
	pending, in_progress, completed, failed
root.webhook_event = link.state_changed, link.product_refresh, product.state_changed,
	transactions.updates_available
root.product = accounts, account_numbers, identity, transactions, investments, enrichment
root, link, links.available_products = accounts, account_numbers, identity, transactions, investments,
	enrichment
accounts, account.account_type = depository.*, investment.*, liability.*, other.*, unknown,
	credit_card, loan.*, investment, other
transactions, created, updated.type = credit, debit
phone_numbers.type = home, work, mobile, other
`
