package moneykit

import "github.com/bankmux/bankmux"

// Event returns the kind of a delivery. product.state_changed is the name of link.product_refresh
// at MoneyKit's test endpoint (its API description has both). A link that is now deleted is
// [bankmux.EventConnectionDeleted].
func Event(name, state string) bankmux.EventKind {
	switch name {
	case "link.state_changed":
		if state == "deleted" {
			return bankmux.EventConnectionDeleted
		}
		return bankmux.EventConnectionStateChanged
	case "link.product_refresh", "product.state_changed":
		return bankmux.EventProductRefreshed
	case "transactions.updates_available":
		return bankmux.EventTransactionsAvailable
	}
	return bankmux.EventUnknown
}
