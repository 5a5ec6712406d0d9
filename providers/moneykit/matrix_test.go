package moneykit_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providertest"
)

// matrixHook is the address to which the bank sends deliveries in the matrix.
var matrixHook = "https://app.example.com/hooks"

// operations are MoneyKit's own, for the fault matrix.
func operations() []providertest.Operation {
	return slices.Concat(listOperations(), linkOperations(), rowOperations(), importOperations())
}

// plainOperation returns an operation that needs no preparation.
func plainOperation(
	name string, effect bankmux.Effect, call func(context.Context, *bankmux.Client, bankmux.Connection) error,
) providertest.Operation {
	return providertest.Operation{
		Name:   name,
		Effect: effect,
		Prepare: func(
			_ context.Context, client *bankmux.Client, conn bankmux.Connection,
		) (func(context.Context) error, error) {
			return func(ctx context.Context) error { return call(ctx, client, conn) }, nil
		},
	}
}

func listOperations() []providertest.Operation {
	keys := plainOperation(
		"moneykit.WebhookKeys",
		bankmux.Read,
		func(ctx context.Context, client *bankmux.Client, _ bankmux.Connection) error {
			_, err := moneykit.WebhookKeys(ctx, client)
			return err
		},
	)
	keys.Public = true
	return []providertest.Operation{
		keys,
		plainOperation(
			"moneykit.Links",
			bankmux.Read,
			func(ctx context.Context, client *bankmux.Client, _ bankmux.Connection) error {
				for _, err := range moneykit.Links(ctx, client) {
					return err // the first page is one call
				}
				return errNothing
			},
		),
		plainOperation(
			"moneykit.UserLinks",
			bankmux.Read,
			func(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
				got, err := moneykit.UserLinks(ctx, client, conn.User)
				return orNothing(err, len(got))
			},
		),
		plainOperation(
			"moneykit.UserAccounts",
			bankmux.Read,
			func(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
				got, err := moneykit.UserAccounts(ctx, client, conn.User)
				return orNothing(err, len(got))
			},
		),
		plainOperation(
			"moneykit.UserTransactions",
			bankmux.Read,
			func(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
				for _, err := range moneykit.UserTransactions(ctx, client, conn.User, bankmux.Date{}, bankmux.Date{}) {
					return err
				}
				return errNothing
			},
		),
		plainOperation(
			"moneykit.Adopt",
			bankmux.Read,
			func(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
				_, err := moneykit.Adopt(ctx, client, conn.User, conn.Credential())
				return err
			},
		),
	}
}

func linkOperations() []providertest.Operation {
	return []providertest.Operation{
		plainOperation(
			"moneykit.UpdateLink",
			bankmux.Idempotent,
			func(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
				_, err := moneykit.UpdateLink(ctx, client, conn, moneykit.LinkUpdate{Webhook: &matrixHook})
				return err
			},
		),
		plainOperation(
			"moneykit.ResetLink",
			bankmux.Idempotent,
			func(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
				_, err := moneykit.ResetLink(ctx, client, conn)
				return err
			},
		),
	}
}

func rowOperations() []providertest.Operation {
	var account, transaction string // looked up once
	return []providertest.Operation{
		{
			Name:   "moneykit.ReadAccount",
			Effect: bankmux.Read,
			Prepare: func(
				ctx context.Context, client *bankmux.Client, conn bankmux.Connection,
			) (func(context.Context) error, error) {
				if account == "" {
					list, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
					if err != nil {
						return nil, err
					}
					account = list.Accounts[0].ID
				}
				return func(ctx context.Context) error {
					_, err := moneykit.ReadAccount(ctx, client, conn, account)
					return err
				}, nil
			},
		},
		{
			Name:   "moneykit.CorrectEnrichment",
			Effect: bankmux.Idempotent,
			Prepare: func(
				ctx context.Context, client *bankmux.Client, conn bankmux.Connection,
			) (func(context.Context) error, error) {
				if transaction == "" {
					for row, err := range client.Transactions(ctx,
						bankmux.TransactionsRequest{Connection: conn, PageSize: 1}) {
						if err != nil {
							return nil, err
						}
						transaction = row.ID
						break
					}
				}
				return func(ctx context.Context) error {
					rows, err := moneykit.CorrectEnrichment(
						ctx,
						client,
						conn,
						moneykit.Correction{
							Transaction: transaction, Category: "food_and_drink", Subcategory: "groceries",
						},
					)
					return orNothing(err, len(rows))
				}, nil
			},
		},
	}
}

func importOperations() []providertest.Operation {
	return []providertest.Operation{
		{
			Name:   "moneykit.ImportLink",
			Effect: bankmux.OneShot,
			Prepare: func(
				_ context.Context, client *bankmux.Client, conn bankmux.Connection,
			) (func(context.Context) error, error) {
				return func(ctx context.Context) error {
					_, err := moneykit.ImportLink(ctx, client, imported(conn))
					return err
				}, nil
			},
		},
		{
			Name:   "moneykit.ImportTransactions",
			Effect: bankmux.OneShot,
			Prepare: func(
				ctx context.Context, client *bankmux.Client, conn bankmux.Connection,
			) (func(context.Context) error, error) {
				link, err := moneykit.ImportLink(ctx, client, imported(conn))
				if err != nil {
					return nil, err
				}
				adopted, err := moneykit.Adopt(ctx, client, conn.User, link.ID)
				if err != nil {
					return nil, err
				}
				amount, err := bankmux.NewMoney("-4.20", "USD")
				if err != nil {
					return nil, err
				}
				row := moneykit.ImportTransaction{
					Account:     "mine",
					ID:          "row-" + strconv.FormatInt(time.Now().UnixNano(), 36),
					Amount:      amount,
					Date:        bankmux.DateOf(time.Now()),
					Description: "Coffee",
				}
				return func(ctx context.Context) error {
					_, err := moneykit.ImportTransactions(ctx, client, adopted, []moneykit.ImportTransaction{row})
					return err
				}, nil
			},
		},
		{
			Name:   "moneykit.TestWebhook",
			Effect: bankmux.OneShot,
			Prepare: func(
				ctx context.Context, client *bankmux.Client, conn bankmux.Connection,
			) (func(context.Context) error, error) {
				if _, err := moneykit.UpdateLink(ctx, client, conn, moneykit.LinkUpdate{Webhook: &matrixHook}); err !=
					nil {
					return nil, err
				}
				return func(ctx context.Context) error {
					token, err := moneykit.TestWebhook(ctx, client, conn, "link.state_changed", "key-1")
					return orNothing(err, len(token))
				}, nil
			},
		},
	}
}

func imported(conn bankmux.Connection) moneykit.Import {
	return moneykit.Import{
		User: conn.User, Institution: conn.Institution.ID,
		Accounts: []moneykit.ImportAccount{{ID: "mine", Name: "Checking", Type: "depository.checking", Mask: "1234"}},
	}
}

// errNothing is for an empty result where the bank has data.
var errNothing = errors.New("nothing was returned")

func orNothing(err error, n int) error {
	if err == nil && n == 0 {
		return errNothing
	}
	return err
}
