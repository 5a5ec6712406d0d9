package pelican

// This file has the exchange, status and disconnect.

import (
	"context"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
)

// states are Pelican's words for states. Other words are kept.
var states = map[string]bankmux.State{
	"live": bankmux.StateActive, "lapsed": bankmux.StateReauth, "gone": bankmux.StateGone,
}

func stateOf(word string) bankmux.State {
	if state, ok := states[word]; ok {
		return state
	}
	return bankmux.State(normalize.CleanCode(word))
}

// now returns the time of a status, as precise as it is stored.
func (a *adapter) now() time.Time { return bankmux.Moment(a.clock()) }

// ExchangeToken redeems the code, and then reads the grant.
func (a *adapter) ExchangeToken(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	var none bankmux.ExchangeResult
	fields, err := req.Fields()
	if err != nil {
		return none, err
	}
	code, err := fields.Text("code")
	if err != nil {
		return none, err
	}
	out, err := redeemCode.fetch(ctx, a, rest.Request{JSON: redeemRequest{code}}, nil)
	switch {
	case err != nil:
		return none, err
	case out.State != req.Session.ID:
		return none, &bankmux.Error{
			Kind: bankmux.ErrInvalid, Code: bankmux.CodeOtherSession,
			Field: "ExchangeRequest.Payload", Detail: "the code is of another session",
		}
	}
	conn := bankmux.NewConnection(req.Session, out.ID, bankmux.NewSecret(out.Grant))
	status, err := a.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn})
	switch {
	case err != nil: // the code is spent, so the connection is kept, and its bank read later
		conn.Status = bankmux.Status{State: bankmux.StateUnverified, At: a.now()}
		return bankmux.ExchangeResult{Connection: conn}, nil
	case status.Connection.Status.State == bankmux.StateReauth:
		return none, &bankmux.Error{Kind: bankmux.ErrReauth, Detail: "the consent ended again"}
	}
	return bankmux.ExchangeResult{Connection: status.Connection}, nil
}

// ConnectionStatus reads the grant: its state, its bank, and what the user granted.
func (a *adapter) ConnectionStatus(ctx context.Context, req bankmux.StatusRequest) (bankmux.StatusResult, error) {
	out, err := getGrant.fetch(ctx, a, rest.Request{}, &req.Connection)
	if err != nil {
		return bankmux.StatusResult{}, err
	}
	conn := req.Connection
	conn.Institution = bankmux.Institution{ID: out.Bank.ID, Name: out.Bank.Name, Country: out.Bank.Country}
	conn.Status = bankmux.Status{State: stateOf(out.Status), Code: normalize.CleanCode(out.Status), At: a.now()}
	conn.Consent.ExpiresAt, _ = normalize.Timestamp(out.Ends) // zero if Pelican does not say
	conn.Products = nil
	for _, word := range out.Products {
		conn.Products = append(conn.Products, bankmux.Product(word))
	}
	return bankmux.StatusResult{Connection: conn}, nil
}

// Disconnect ends the grant. Pelican responds in the same way if the grant has ended before.
func (a *adapter) Disconnect(ctx context.Context, req bankmux.DisconnectRequest) (bankmux.DisconnectResult, error) {
	if _, err := endGrant.fetch(ctx, a, rest.Request{}, &req.Connection); err != nil {
		return bankmux.DisconnectResult{}, err
	}
	conn := req.Connection
	conn.Status = bankmux.Status{State: bankmux.StateGone, At: a.now()}
	return bankmux.DisconnectResult{Connection: conn}, nil
}
