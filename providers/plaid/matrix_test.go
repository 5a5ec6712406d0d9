package plaid_test

import (
	"context"
	"net/http"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/providertest"
)

// own is an operation of the package on a connection.
type own func(context.Context, *bankmux.Client, bankmux.Connection) error

// operations are Plaid's own, for the fault matrix. relink makes another connection, for an
// operation that ends the credential of its connection.
func operations(relink func(context.Context, *bankmux.Client) (bankmux.Connection, error)) []providertest.Operation {
	prepared := func(name string, effect bankmux.Effect, call own, before own) providertest.Operation {
		return providertest.Operation{
			Name: "plaid." + name, Effect: effect,
			Prepare: func(
				ctx context.Context, client *bankmux.Client, conn bankmux.Connection,
			) (func(context.Context) error, error) {
				if before != nil {
					if err := before(ctx, client, conn); err != nil {
						return nil, err
					}
				}
				return func(ctx context.Context) error { return call(ctx, client, conn) }, nil
			},
		}
	}
	const hook = "https://app.example.com/hooks"
	setHook := func(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
		return plaid.UpdateWebhook(ctx, client, conn, hook)
	}
	rotate := prepared("RotateToken", bankmux.OneShot, nil, nil)
	rotate.Prepare = func(
		ctx context.Context, client *bankmux.Client, _ bankmux.Connection,
	) (func(context.Context) error, error) {
		conn, err := relink(ctx, client)
		return func(ctx context.Context) error {
			_, err := plaid.RotateToken(ctx, client, conn)
			return err
		}, err
	}
	return []providertest.Operation{
		prepared("CreateUser", bankmux.OneShot,
			func(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
				_, err := plaid.CreateUser(ctx, client, conn.User)
				return err
			}, nil),
		prepared("ReadLiabilities", bankmux.Read,
			func(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
				_, err := plaid.ReadLiabilities(ctx, client, conn)
				return err
			}, nil),
		prepared("UpdateWebhook", bankmux.Idempotent, setHook, nil),
		prepared("ResetLogin", bankmux.Idempotent, plaid.ResetLogin, nil),
		prepared("FireWebhook", bankmux.OneShot,
			func(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
				return plaid.FireWebhook(ctx, client, conn, "TRANSACTIONS", "SYNC_UPDATES_AVAILABLE")
			}, setHook),
		rotate,
	}
}

// readOnly reports the requests that change nothing at Plaid.
func readOnly(r *http.Request) bool { return r.URL.Path == itemPath || r.URL.Path == readPath }
