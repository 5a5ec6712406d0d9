package pelican

import (
	"context"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
)

// states are Pelican's words. Other words are kept as they are.
var states = map[string]bankmux.State{
	"live": bankmux.StateActive, "lapsed": bankmux.StateReauth, "gone": bankmux.StateGone,
}

func stateOf(word string) bankmux.State {
	if state, ok := states[word]; ok {
		return state
	}
	return bankmux.State(normalize.CleanCode(word))
}

// now is the time of a status, as precise as it is stored.
func now() time.Time { return bankmux.Moment(time.Now()) }

// ConnectionStatus reads the grant: its state, its bank, and what the user granted.
func (a *adapter) ConnectionStatus(ctx context.Context, req bankmux.StatusRequest) (bankmux.StatusResult, error) {
	var out grantAnswer
	res, err := a.send(ctx, rest.Request{Method: http.MethodGet, Path: "/grant"}, &req.Connection, &out)
	switch {
	case err != nil:
		return bankmux.StatusResult{}, err
	case out.Status == "":
		return bankmux.StatusResult{}, res.Lacks("status")
	case out.Bank.ID == "":
		return bankmux.StatusResult{}, res.Lacks("bank.id")
	}
	conn := req.Connection
	conn.Institution = bankmux.Institution{ID: out.Bank.ID, Name: out.Bank.Name, Country: out.Bank.Country}
	conn.Status = bankmux.Status{State: stateOf(out.Status), Code: normalize.CleanCode(out.Status), At: now(), AskedAt: conn.Status.AskedAt}
	conn.Consent.ExpiresAt, _ = normalize.Timestamp(out.Ends) // zero where Pelican does not say
	conn.Products = nil
	for _, word := range out.Products {
		conn.Products = append(conn.Products, bankmux.Product(word))
	}
	return bankmux.StatusResult{Connection: conn}, nil
}

// Disconnect ends the grant. Pelican answers the same where it has ended before.
func (a *adapter) Disconnect(ctx context.Context, req bankmux.DisconnectRequest) (bankmux.DisconnectResult, error) {
	if _, err := a.send(ctx, rest.Request{Method: http.MethodDelete, Path: "/grant"}, &req.Connection, nil); err != nil {
		return bankmux.DisconnectResult{}, err
	}
	conn := req.Connection
	conn.Status = bankmux.Status{State: bankmux.StateGone, At: now()}
	return bankmux.DisconnectResult{Connection: conn}, nil
}
