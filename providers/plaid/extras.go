package plaid

// This file has operations that only Plaid has.

import (
	"context"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/setup"
	"github.com/bankmux/bankmux/normalize"
)

// The operations that only Plaid has.
var (
	opLiabilities = bankmux.Op{
		Name: "PlaidLiabilities", Group: bankmux.GroupData, Effect: endpoints.liabilities.effect,
		Product: string(productLiabilities),
	}
	opCreateUser = bankmux.Op{
		Name: "PlaidCreateUser", Group: bankmux.GroupLink, Effect: endpoints.createUser.effect,
		FindOut: "call CreateUser again: a user that exists is returned or named by the error",
	}
	opWebhook = bankmux.Op{
		Name: "PlaidUpdateWebhook", Group: bankmux.GroupLink, Effect: endpoints.updateWebhook.effect,
	}
	opRotate = bankmux.Op{
		Name: "PlaidRotateToken", Group: bankmux.GroupLink, Effect: endpoints.rotateToken.effect,
		FindOut: "call ConnectionStatus: it fails with INVALID_ACCESS_TOKEN if the token was replaced",
	}
	opReset = bankmux.Op{
		Name: "PlaidResetLogin", Group: bankmux.GroupLink, Effect: endpoints.sandboxReset.effect,
	}
	opFire = bankmux.Op{
		Name: "PlaidFireWebhook", Group: bankmux.GroupLink, Effect: endpoints.sandboxWebhook.effect,
		FindOut: "look for the delivery where webhooks arrive",
	}
)

// CreateUser makes Plaid's record of a user, POST /user/create, and returns its id for
// [SessionOptions.UserID]. A session that links several banks needs it. Keep the id: Plaid's
// documents do not say what a second call for the same user does.
func CreateUser(ctx context.Context, client *bankmux.Client, user string) (string, error) {
	op := opCreateUser
	op.User = user
	return bankmux.Do(ctx, client, op, func(ctx context.Context, a *adapter) (string, error) {
		if user == "" {
			return "", normalize.Invalid("user", "is empty")
		}
		out, err := fetch[userResponse](ctx, a.api, endpoints.createUser, linkUser{ID: ClientUserID(user)})
		return out.UserID, err
	})
}

// UpdateWebhook changes where webhooks of a connection are delivered, POST /item/webhook/update. ""
// removes the address, and Plaid delivers none. A reconnect changes it too, if its request names
// another URL. It may be repeated.
func UpdateWebhook(ctx context.Context, client *bankmux.Client, conn bankmux.Connection, url string) error {
	_, err := bankmux.DoOn(ctx, client, opWebhook, &conn, func(ctx context.Context, a *adapter) (struct{}, error) {
		return struct{}{}, a.api.updateWebhook(ctx, conn.Credential(), url)
	})
	return err
}

// RotateToken replaces the access token of a connection, POST /item/access_token/invalidate. Store
// the returned connection at once, since the old token no longer works.
//
// It is a one-shot. If its response is lost, nothing returns the new token, and the user must link
// the bank again. So rotate only a token that may have leaked.
func RotateToken(
	ctx context.Context, client *bankmux.Client, conn bankmux.Connection,
) (bankmux.Connection, error) {
	type renewed = bankmux.Connection
	return bankmux.DoOn(ctx, client, opRotate, &conn, func(ctx context.Context, a *adapter) (renewed, error) {
		out, err := readItem[rotatedResponse](ctx, a.api, endpoints.rotateToken, conn.Credential())
		if err != nil {
			return bankmux.Connection{}, err
		}
		next := conn.WithCredential(bankmux.NewSecret(out.AccessToken))
		next.UpdatedAt = bankmux.Moment(a.clock())
		return next, nil
	})
}

// ResetLogin makes a connection of the sandbox need a reconnect, POST /sandbox/item/reset_login. It
// may be repeated.
func ResetLogin(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
	_, err := bankmux.DoOn(ctx, client, opReset, &conn, func(ctx context.Context, a *adapter) (doneResponse, error) {
		return readItem[doneResponse](ctx, a.api, endpoints.sandboxReset, conn.Credential())
	})
	return err
}

// FireWebhook makes the sandbox deliver a webhook, POST /sandbox/item/fire_webhook. kind and code
// are Plaid's webhook_type and webhook_code, such as "ITEM" and "LOGIN_REPAIRED". It is a one-shot:
// each call makes a delivery.
func FireWebhook(ctx context.Context, client *bankmux.Client, conn bankmux.Connection, kind, code string) error {
	if !normalize.Token(kind) || !normalize.Token(code) {
		return setup.Refuse(Name, "FireWebhook", "lacks type or code")
	}
	_, err := bankmux.DoOn(ctx, client, opFire, &conn, func(ctx context.Context, a *adapter) (doneResponse, error) {
		body := itemRequest{AccessToken: conn.Credential().Reveal(), WebhookType: kind, WebhookCode: code}
		return fetch[doneResponse](ctx, a.api, endpoints.sandboxWebhook, body)
	})
	return err
}
