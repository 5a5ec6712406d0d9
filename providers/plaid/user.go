package plaid

// This file creates Plaid's users.

import (
	"context"

	"github.com/bankmux/bankmux"
)

var opCreateUser = bankmux.Op{
	Name: "PlaidCreateUser", Group: bankmux.GroupLink, Effect: endpoints.createUser.effect,
	FindOut: "call CreateUser again: a user that exists is returned or named by the error",
}

// CreateUser makes Plaid's record of a user, POST /user/create, and returns its id for
// [SessionOptions.UserID]. A session that links several banks needs it. Keep the id: Plaid's
// documents do not say what a second call for the same user does.
func CreateUser(ctx context.Context, client *bankmux.Client, user string) (string, error) {
	op := opCreateUser
	op.User = user
	return bankmux.Do(ctx, client, op, func(ctx context.Context, a *adapter) (string, error) {
		if user == "" {
			return "", &bankmux.Error{Kind: bankmux.ErrInvalid, Field: "user", Detail: "is empty", NotSent: true}
		}
		out, err := fetch[userResponse](ctx, a.api, endpoints.createUser, linkUser{ID: ClientUserID(user)})
		return out.UserID, err
	})
}
