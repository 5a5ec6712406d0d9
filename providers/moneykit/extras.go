package moneykit

import (
	"context"
	"encoding/json"

	"github.com/bankmux/bankmux"
	model "github.com/bankmux/bankmux/normalize/moneykit"
)

// The operations of this file.
var (
	opAccount    = bankmux.Op{Name: "MoneyKitAccount", Group: bankmux.GroupData, Effect: endpoints.account.effect}
	opUpdateLink = bankmux.Op{Name: "MoneyKitUpdateLink", Group: bankmux.GroupLink, Effect: endpoints.updateLink.effect}
	opResetLink  = bankmux.Op{Name: "MoneyKitResetLink", Group: bankmux.GroupLink, Effect: endpoints.resetLink.effect}
	opImportLink = bankmux.Op{
		Name:    "MoneyKitImportLink",
		Group:   bankmux.GroupLink,
		Effect:  endpoints.importLink.effect,
		FindOut: "call UserLinks: a link that was made is there",
	}
	opImportTransactions = bankmux.Op{
		Name:    "MoneyKitImportTransactions",
		Group:   bankmux.GroupData,
		Effect:  endpoints.importTransactions.effect,
		FindOut: "read the transactions: rows that were added are there, with the ids they were given",
	}
	opCorrect = bankmux.Op{
		Name:   "MoneyKitCorrectEnrichment",
		Group:  bankmux.GroupData,
		Effect: endpoints.correctEnrichment.effect,
	}
	opTestWebhook = bankmux.Op{
		Name:    "MoneyKitTestWebhook",
		Group:   bankmux.GroupLink,
		Effect:  endpoints.testWebhook.effect,
		FindOut: "look for a delivery with this key where webhooks arrive",
	}
	opKeys = bankmux.Op{Name: "MoneyKitWebhookKeys", Group: bankmux.GroupLink, Effect: endpoints.webhookKeys.effect}
)

// ReadAccount reads one account, GET /links/{id}/accounts/{account_id}. An unknown one is
// [bankmux.ErrNotFound] or, where MoneyKit answers as for an unknown link, [bankmux.ErrGone]. It
// may be repeated.
func ReadAccount(
	ctx context.Context,
	client *bankmux.Client,
	conn bankmux.Connection,
	id string,
) (bankmux.Account, error) {
	return bankmux.DoOn(ctx, client, opAccount, &conn, func(ctx context.Context, a *adapter) (bankmux.Account, error) {
		out, err := a.api.account(ctx, conn.Credential().Reveal(), id)
		if err != nil {
			return bankmux.Account{}, err
		}
		return out.Account.Value.account(), alive(out.Link)
	})
}

// change sends a change of a link and returns the link as that client sees it.
func (a *adapter) change(
	ctx context.Context,
	client *bankmux.Client,
	at endpoint,
	link bankmux.Secret,
	body any,
) (Link, error) {
	l, err := a.api.changeLink(ctx, at, link.Reveal(), body)
	return l.public(client), err
}

// LinkUpdate changes a link. A nil field leaves things as they are.
type LinkUpdate struct {
	Webhook *string  // "" takes it away
	Tags    []string // replaces those there are; the session's own tag is kept by a reconnect, not by this
}

// UpdateLink changes webhook and tags of a link without the user, PATCH /links/{id}. It may be
// repeated.
func UpdateLink(ctx context.Context, client *bankmux.Client, conn bankmux.Connection, update LinkUpdate) (Link, error) {
	return bankmux.DoOn(ctx, client, opUpdateLink, &conn, func(ctx context.Context, a *adapter) (Link, error) {
		body := map[string]any{}
		if update.Webhook != nil {
			body["webhook"] = *update.Webhook
			if *update.Webhook == "" {
				body["webhook"] = nil
			}
		}
		if update.Tags != nil {
			body["link_tags"] = update.Tags
		}
		return a.change(ctx, client, endpoints.updateLink, conn.Credential(), body)
	})
}

// ResetLink makes a link need a reconnect, to test just that, POST /links/{id}/reset. It may be
// repeated.
func ResetLink(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) (Link, error) {
	return bankmux.DoOn(ctx, client, opResetLink, &conn, func(ctx context.Context, a *adapter) (Link, error) {
		return a.change(ctx, client, endpoints.resetLink, conn.Credential(), nil)
	})
}

// Import is data that the application brings along from another aggregator. MoneyKit takes about 1
// MB at once.
type Import struct {
	User         string // the application's id of the user
	Provider     string // where the data came from, optional
	Institution  string // MoneyKit's id, or the other aggregator's as in "mx.chase"
	Accounts     []ImportAccount
	Transactions []ImportTransaction
}

// ImportAccount is one account. Its ID comes back as [bankmux.Account.OriginalID].
type ImportAccount struct {
	ID       string `json:"account_id"`
	Name     string `json:"name"`
	Nickname string `json:"nickname,omitempty"`
	// any text; one of MoneyKit's, such as "liability.credit_card", tells a debt
	Type    string        `json:"type"`
	Mask    string        `json:"mask,omitempty"` // last four characters; a reconnect matches by it
	Balance bankmux.Money `json:"-"`              // zero where not known; by the sign rule of [bankmux.Money]
}

// ImportTransaction is one row. Its ID comes back as [bankmux.Transaction.OriginalID].
type ImportTransaction struct {
	Account     string
	ID          string
	Amount      bankmux.Money // by the sign rule of [bankmux.Money], which is MoneyKit's here too
	Date        bankmux.Date
	Description string
}

func (t ImportTransaction) body() map[string]any {
	body := map[string]any{"account_id": t.Account, "amount": t.Amount.Amount(), "date": t.Date.String()}
	if t.ID != "" {
		body["transaction_id"] = t.ID
	}
	if t.Description != "" {
		body["description"] = t.Description
	}
	return body
}

func transactionBodies(list []ImportTransaction) []map[string]any {
	bodies := make([]map[string]any, len(list))
	for i, t := range list {
		bodies[i] = t.body()
	}
	return bodies
}

// ImportLink makes a link of data that the application has, POST /links/import. It can be read at
// once and be reconnected later. It is a one-shot; [UserLinks] tells what became of one whose
// answer was lost. The link is [bankmux.StateReauth] until the user reconnects it; [Adopt] makes a
// connection of it.
func ImportLink(ctx context.Context, client *bankmux.Client, in Import) (Link, error) {
	return bankmux.Do(ctx, client, opImportLink, func(ctx context.Context, a *adapter) (Link, error) {
		accounts := make([]map[string]any, len(in.Accounts))
		for i, acc := range in.Accounts {
			balances := map[string]any{}
			if balance := acc.Balance; !balance.IsZero() {
				if model.AccountKind(acc.Type).Liability() {
					balance = balance.Neg() // MoneyKit writes what is owed as a positive number
				}
				balances["currency"], balances["current"] = balance.Currency(), json.RawMessage(balance.Amount())
			}
			accounts[i] = map[string]any{"account_id": acc.ID, "name": acc.Name, "type": acc.Type, "balances": balances}
			if acc.Nickname != "" {
				accounts[i]["nickname"] = acc.Nickname
			}
			if acc.Mask != "" {
				accounts[i]["mask"] = acc.Mask
			}
		}
		body := map[string]any{
			"customer_user":  customerUser{ID: CustomerID(in.User)},
			"institution_id": in.Institution,
			"accounts":       accounts,
			"transactions":   transactionBodies(in.Transactions),
		}
		if in.Provider != "" {
			body["provider"] = in.Provider
		}
		return a.change(ctx, client, endpoints.importLink, bankmux.Secret{}, body)
	})
}

// Adopt makes a connection of a link that exists at MoneyKit, such as an imported one, for a user
// of the application. Whose link it is the application must know. link is [Link.ID]. Adopt reads
// the link and sends nothing else. It may be repeated: each time makes another connection id.
func Adopt(ctx context.Context, client *bankmux.Client, user string, link bankmux.Secret) (bankmux.Connection, error) {
	op := bankmux.Op{Name: "MoneyKitAdopt", Group: bankmux.GroupLink, Effect: bankmux.Read, User: user}
	return bankmux.Do(ctx, client, op, func(ctx context.Context, a *adapter) (bankmux.Connection, error) {
		l, err := a.api.link(ctx, link.Reveal())
		if err != nil {
			return bankmux.Connection{}, err
		}
		if err := alive(&l); err != nil {
			return bankmux.Connection{}, err
		}
		return connection(bankmux.NewSession(bankmux.SessionRequest{User: user}), l)
	})
}

// ImportTransactions adds rows to an imported link, POST /links/{id}/import/transactions. It is a
// one-shot; after [bankmux.ErrOutcomeUnknown] the transactions tell: rows that were added are
// there.
func ImportTransactions(
	ctx context.Context,
	client *bankmux.Client,
	conn bankmux.Connection,
	list []ImportTransaction,
) (Link, error) {
	return bankmux.DoOn(ctx, client, opImportTransactions, &conn, func(ctx context.Context, a *adapter) (Link, error) {
		body := map[string]any{"transactions": transactionBodies(list)}
		return a.change(ctx, client, endpoints.importTransactions, conn.Credential(), body)
	})
}

// Correction is the right category of a transaction.
type Correction struct {
	Transaction string // its id
	Category    string
	Subcategory string // "" for none
}

// CorrectEnrichment tells MoneyKit the right category of a transaction and returns it with those
// like it, as they are now, POST /links/{id}/transactions/{txn_id}/enrichment. Those that cannot be
// read are in a [*bankmux.PartialError] beside the rest; where MoneyKit has a further page of them,
// the next [bankmux.Client.Sync] tells of its rows. It may be repeated.
func CorrectEnrichment(
	ctx context.Context,
	client *bankmux.Client,
	conn bankmux.Connection,
	right Correction,
) ([]bankmux.Transaction, error) {
	var page *listPage
	rows, err := bankmux.DoOn(
		ctx,
		client,
		opCorrect,
		&conn,
		func(ctx context.Context, a *adapter) ([]bankmux.Transaction, error) {
			var out transactionsResponse
			page = out.page(true)
			if err := a.api.correctEnrichment(ctx, conn.Credential().Reveal(), right, &out); err != nil {
				return nil, err
			}
			return page.Transactions, alive(out.Link)
		},
	)
	if page == nil {
		return nil, err
	}
	return rows, partial(opCorrect, page.Failed, err)
}

// TestWebhook makes MoneyKit send a webhook for a sandbox link, POST /webhooks/test/link/{id}, and
// returns its delivery token. event is one such as "link.state_changed", key what the delivery will
// carry as its idempotency key. A link without webhook is [bankmux.ErrInvalid]. It is a one-shot:
// each call sends one.
func TestWebhook(
	ctx context.Context,
	client *bankmux.Client,
	conn bankmux.Connection,
	event, key string,
) (string, error) {
	return bankmux.DoOn(ctx, client, opTestWebhook, &conn, func(ctx context.Context, a *adapter) (string, error) {
		return a.api.testWebhook(ctx, conn.Credential().Reveal(), event, key)
	})
}

// WebhookKeys reads the public keys of webhook signatures as JSON Web Keys, GET
// /.well-known/jwks.json. It may be repeated, but keep the answer: MoneyKit asks for it.
func WebhookKeys(ctx context.Context, client *bankmux.Client) ([]json.RawMessage, error) {
	return bankmux.Do(
		ctx,
		client,
		opKeys,
		func(ctx context.Context, a *adapter) ([]json.RawMessage, error) { return a.api.webhookKeys(ctx) },
	)
}
