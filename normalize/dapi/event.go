package dapi

import (
	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// Event returns the kind of a delivery. Dapi publishes no names. These are the virtual bank's, and
// a guess.
func Event(name string) bankmux.EventKind {
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

// Status returns the status that a delivery announces, in the virtual bank's words: "connected", or
// "error" with one of Dapi's error types.
func Status(state, errorType string) bankmux.Status {
	switch {
	case state == "connected":
		return bankmux.Status{State: bankmux.StateActive}
	case state != "error":
		return bankmux.Status{State: bankmux.State(state)}
	}
	st := bankmux.Status{State: bankmux.StateDegraded, Code: errorType}
	if state := Error(normalize.Failure{Code: errorType}).Kind.State(); state != "" {
		st.State = state
	}
	return st
}
