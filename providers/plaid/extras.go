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
		Name: "PlaidLiabilities", Group: bankmux.GroupData, Effect: liabilitiesGet.effect,
		Product: string(productLiabilities),
	}
	opCreateUser = userCreate.op("PlaidCreateUser", bankmux.GroupLink,
		"call CreateUser again: a user that exists is returned or named by the error")
	opWebhook = itemWebhookUpdate.op("PlaidUpdateWebhook", bankmux.GroupLink, "")
	opRotate  = accessTokenInvalidate.op("PlaidRotateToken", bankmux.GroupLink,
		"call ConnectionStatus: it fails with INVALID_ACCESS_TOKEN if the token was replaced")
	opReset = sandboxItemResetLogin.op("PlaidResetLogin", bankmux.GroupLink, "")
	opFire  = sandboxItemFireWebhook.op("PlaidFireWebhook", bankmux.GroupLink,
		"look for the delivery where webhooks arrive")
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
		out, err := userCreate.fetch(ctx, a.api, linkUser{ID: ClientUserID(user)})
		return out.UserID, err
	})
}

// UpdateWebhook changes where webhooks of a connection are delivered, POST /item/webhook/update. ""
// removes the address, and Plaid delivers none. A reconnect changes it too, if its request names
// another URL. It may be repeated.
func UpdateWebhook(ctx context.Context, client *bankmux.Client, conn bankmux.Connection, url string) error {
	_, err := bankmux.DoOn(ctx, client, opWebhook, &conn, func(ctx context.Context, a *adapter) (struct{}, error) {
		return struct{}{}, a.updateWebhook(ctx, conn, url)
	})
	return err
}

func (a *adapter) updateWebhook(ctx context.Context, conn bankmux.Connection, url string) error {
	body := webhookRequest{AccessToken: conn.Credential().Reveal()}
	if url != "" {
		body.Webhook = &url
	}
	_, err := itemWebhookUpdate.fetch(ctx, a.api, body)
	return err
}

// RotateToken replaces the access token of a connection, POST /item/access_token/invalidate. Store
// the returned connection at once, since the old token no longer works.
//
// It is a one-shot. If its response is lost, nothing returns the new token, and the user must link
// the bank again. So rotate only a token that may have leaked.
func RotateToken(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) (bankmux.Connection, error) {
	type renewed = bankmux.Connection
	return bankmux.DoOn(ctx, client, opRotate, &conn, func(ctx context.Context, a *adapter) (renewed, error) {
		out, err := accessTokenInvalidate.ofItem(ctx, a.api, &conn)
		if err != nil {
			return bankmux.Connection{}, err
		}
		next := conn.WithCredential(bankmux.NewSecret(out.AccessToken))
		next.UpdatedAt = bankmux.Moment(a.cfg.Now())
		return next, nil
	})
}

// ResetLogin makes a connection of the sandbox need a reconnect, POST /sandbox/item/reset_login. It
// may be repeated.
func ResetLogin(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
	_, err := bankmux.DoOn(ctx, client, opReset, &conn, func(ctx context.Context, a *adapter) (*doneResponse, error) {
		return sandboxItemResetLogin.ofItem(ctx, a.api, &conn)
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
		return sandboxItemFireWebhook.fetch(ctx, a.api, body)
	})
	return err
}
