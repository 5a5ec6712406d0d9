package normalize

import "github.com/bankmux/bankmux"

// MoneyKitEvent is the kind of a webhook. product.state_changed is the name that MoneyKit's test
// endpoint has for link.product_refresh (its API description has both). A link that is now deleted
// is [bankmux.EventConnectionDeleted].
func MoneyKitEvent(name, state string) bankmux.EventKind {
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

// DapiEvent is the kind of a webhook. Dapi publishes no names; these are the virtual bank's, and a
// guess.
func DapiEvent(name string) bankmux.EventKind {
	switch name {
	case "connection.state_changed":
		return bankmux.EventConnectionStateChanged
	case "connection.deleted":
		return bankmux.EventConnectionDeleted
	case "transactions.available":
		return bankmux.EventTransactionsAvailable
	}
	return bankmux.EventUnknown
}

// DapiStatus is the status a webhook announces, in the virtual bank's words: "connected", or
// "error" with one of Dapi's error types.
func DapiStatus(state, errorType string) bankmux.Status {
	switch {
	case state == "connected":
		return bankmux.Status{State: bankmux.StateActive}
	case state != "error":
		return bankmux.Status{State: bankmux.State(state)}
	}
	st := bankmux.Status{State: bankmux.StateDegraded, Code: errorType}
	switch DapiError(Failure{Code: errorType}).Kind {
	case bankmux.ErrReauth:
		st.State = bankmux.StateReauth
	case bankmux.ErrGone:
		st.State = bankmux.StateGone
	}
	return st
}
