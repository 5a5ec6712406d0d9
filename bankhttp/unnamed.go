package bankhttp

// This file has the handler for accounts that only the user can identify.

import (
	"context"
	"net/http"

	"github.com/bankmux/bankmux"
)

// newcomer is an account without a name of the application's own.
type newcomer struct {
	ID         string              `json:"id"`
	Connection string              `json:"connection"`
	Kind       bankmux.AccountKind `json:"kind"`
	Name       string              `json:"name,omitempty"`
	Mask       string              `json:"mask,omitempty"`
	Currency   bankmux.Currency    `json:"currency,omitempty"`
	MayBe      []string            `json:"may_be,omitempty"` // ids of stored accounts
}

// unnamed returns the accounts that only the user can identify, of some connections or of all.
func (s *Service) unnamed(ctx context.Context, user string, connections []string) ([]newcomer, error) {
	all, err := s.store.Unnamed(ctx, user, connections...)
	var out []newcomer
	for i := range all {
		u := &all[i]
		out = append(out, newcomer{
			ID: u.ID, Connection: u.Connection, Kind: u.Account.Kind, Name: u.Account.Name, Mask: u.Account.Mask,
			Currency: u.Account.Currency, MayBe: u.MayBe,
		})
	}
	return out, err
}

// named is the response of NameAccount.
type named struct {
	Account    string `json:"account"`
	Connection string `json:"connection"`
}

// NameAccount handles POST of what the user decided about an account that only the user can
// identify. The path names it as {unnamed}, with the id that the lists of accounts have. The body
// is {"account": id} for one of may_be, or {"new": true}.
//
// The response has the id of the account. Its first sync is put into the queue. It may be repeated
// with the same decision. Another decision, or an account that is not in may_be, is
// [bankmux.ErrInvalid]. So is one that an active connection has by now.
func (s *Service) NameAccount() http.Handler {
	return s.user(http.MethodPost, "unnamed", func(ctx context.Context, r *request) (any, error) {
		var account string // a stored one, or none for a new one
		var isNew bool
		if err := s.object(ctx, r, members{"account": &account, "new": &isNew}); err != nil {
			return nil, err
		}
		if isNew == (account != "") {
			return nil, refused("account", "is missing, and the account is not a new one, or it is both")
		}
		ctx, cancel := s.lasting(ctx)
		defer cancel()
		id := r.param
		conn, name, err := s.store.IdentifyAccount(ctx, r.user, id, account)
		if err != nil {
			return nil, of(unlessDeleted(err), nil, "account")
		}
		err = s.store.Queue(ctx, bankmux.Event{
			Kind: bankmux.EventTransactionsAvailable, Name: EventNamed, Client: conn.Client, Provider: conn.Provider,
			Key: "named/" + id, ReferenceKey: conn.ReferenceKey,
		})
		return named{name, conn.ID}, err // posting again queues it
	})
}
