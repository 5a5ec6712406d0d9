package moneykit

// This file has operations that only MoneyKit has.

import (
	"context"
	"encoding/json"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/moneykit"
)

// The operations of this file.
var (
	opAccount    = getAccount.op("MoneyKitAccount", bankmux.GroupData, "")
	opUpdateLink = updateLink.op("MoneyKitUpdateLink", bankmux.GroupLink, "")
	opResetLink  = resetLink.op("MoneyKitResetLink", bankmux.GroupLink, "")
	opImportLink = importLink.op("MoneyKitImportLink", bankmux.GroupLink,
		"call UserLinks: a link that was made is there")
	opImportTransactions = importTransactions.op("MoneyKitImportTransactions", bankmux.GroupData,
		"read the transactions: rows that were added are there, with the ids they were given")
	opCorrect     = correctEnrichment.op("MoneyKitCorrectEnrichment", bankmux.GroupData, "")
	opTestWebhook = testWebhook.op("MoneyKitTestWebhook", bankmux.GroupLink,
		"look for a delivery with this key where webhooks arrive")
	opKeys = jwks.op("MoneyKitWebhookKeys", bankmux.GroupLink, "")
)

// ReadAccount reads one account, GET /links/{id}/accounts/{account_id}. For an unknown account, the
// error is [bankmux.ErrNotFound]. It is [bankmux.ErrGone] if MoneyKit responds as for an unknown
// link. It may be repeated.
func ReadAccount(
	ctx context.Context,
	client *bankmux.Client,
	conn bankmux.Connection,
	id string,
) (bankmux.Account, error) {
	return bankmux.DoOn(ctx, client, opAccount, &conn, func(ctx context.Context, a *adapter) (bankmux.Account, error) {
		req := ofLink(&conn, nil)
		req.PathParams["account"] = id
		out, err := getAccount.fetch(ctx, a.api, req)
		if err != nil {
			return bankmux.Account{}, err
		}
		if err := alive(out.Link); err != nil {
			return bankmux.Account{}, err
		}
		return out.Account.Value.account(), nil
	})
}

// change sends a change of a link and returns the link as the client's application sees it.
func (a *adapter) change(
	ctx context.Context,
	client *bankmux.Client,
	at endpoint[changedLink],
	link bankmux.Secret,
	body any,
) (Link, error) {
	l, err := at.fetch(ctx, a.api, &rest.Request{PathParams: byID(link.Reveal()), JSON: body})
	if err != nil {
		return Link{}, err
	}
	return l.public(client), nil
}

// LinkUpdate changes a link. A nil field changes nothing.
type LinkUpdate struct {
	Webhook *string // "" removes it
	// Tags replace all tags of the link. That removes the tag of its session, too, which a
	// reconnect would keep.
	Tags []string
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
		return a.change(ctx, client, updateLink, conn.Credential(), body)
	})
}

// ResetLink makes MoneyKit require a reconnect of a link, POST /links/{id}/reset. It is for tests
// of a reconnect. It may be repeated.
func ResetLink(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) (Link, error) {
	return bankmux.DoOn(ctx, client, opResetLink, &conn, func(ctx context.Context, a *adapter) (Link, error) {
		return a.change(ctx, client, resetLink, conn.Credential(), nil)
	})
}

// Import is data of another aggregator that the application brings. MoneyKit accepts about 1 MB at
// once.
type Import struct {
	User         string // the application's id of the user
	Provider     string // the source of the data, optional
	Institution  string // MoneyKit's id, or the other aggregator's, such as "mx.chase"
	Accounts     []ImportAccount
	Transactions []ImportTransaction
}

// ImportAccount is one account. Its ID is [bankmux.Account.OriginalID] when it is read.
type ImportAccount struct {
	ID       string `json:"account_id"`
	Name     string `json:"name"`
	Nickname string `json:"nickname,omitempty"`
	// Type is any text. One of MoneyKit's types, such as "liability.credit_card", marks a debt.
	Type    string        `json:"type"`
	Mask    string        `json:"mask,omitempty"` // last four characters; a reconnect matches by it
	Balance bankmux.Money `json:"-"`              // zero if not known; its sign follows [bankmux.Money]
}

// ImportTransaction is one row. Its ID is [bankmux.Transaction.OriginalID] when it is read.
type ImportTransaction struct {
	Account     string
	ID          string
	Amount      bankmux.Money // its sign follows [bankmux.Money], as MoneyKit's does here
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

// ImportLink makes a link from data of the application, POST /links/import. The link can be read at
// once. It is [bankmux.StateReauth] until the user reconnects it. [Adopt] makes a connection from
// it. It is a one-shot: if its response is lost, [UserLinks] shows whether the link exists.
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
		return a.change(ctx, client, importLink, bankmux.Secret{}, body)
	})
}

// Adopt makes a connection of a link that exists at MoneyKit, such as an imported one. The
// application must know that the link belongs to the user. link is [Link.ID]. Adopt reads the link
// and sends nothing else. It may be repeated: each call makes another connection id.
func Adopt(ctx context.Context, client *bankmux.Client, user string, link bankmux.Secret) (bankmux.Connection, error) {
	op := bankmux.Op{Name: "MoneyKitAdopt", Group: bankmux.GroupLink, Effect: bankmux.Read, User: user}
	return bankmux.Do(ctx, client, op, func(ctx context.Context, a *adapter) (bankmux.Connection, error) {
		l, err := getLink.fetch(ctx, a.api, &rest.Request{PathParams: byID(link.Reveal())})
		if err != nil {
			return bankmux.Connection{}, err
		}
		if err := alive(&l); err != nil {
			return bankmux.Connection{}, err
		}
		s := bankmux.NewSession(bankmux.SessionRequest{User: user})
		return connection(&s, &l)
	})
}

// ImportTransactions adds rows to an imported link, POST /links/{id}/import/transactions. It is a
// one-shot: after [bankmux.ErrOutcomeUnknown], the transactions show whether the rows were added.
func ImportTransactions(
	ctx context.Context,
	client *bankmux.Client,
	conn bankmux.Connection,
	list []ImportTransaction,
) (Link, error) {
	return bankmux.DoOn(ctx, client, opImportTransactions, &conn, func(ctx context.Context, a *adapter) (Link, error) {
		body := map[string]any{"transactions": transactionBodies(list)}
		return a.change(ctx, client, importTransactions, conn.Credential(), body)
	})
}

// Correction is the right category of a transaction.
type Correction struct {
	Transaction string // the transaction's id
	Category    string
	Subcategory string // "" for none
}

// CorrectEnrichment sends MoneyKit the right category of a transaction, POST
// /links/{id}/transactions/{txn_id}/enrichment. It returns that transaction and similar ones with
// their present categories. If some cannot be read, it returns the others and a
// [*bankmux.PartialError]. If MoneyKit has a further page of them, the next [bankmux.Client.Sync]
// reports the rows of that page. It may be repeated.
func CorrectEnrichment(
	ctx context.Context,
	client *bankmux.Client,
	conn bankmux.Connection,
	right Correction,
) ([]bankmux.Transaction, error) {
	var page *listPage
	type rows = []bankmux.Transaction
	all, err := bankmux.DoOn(ctx, client, opCorrect, &conn, func(ctx context.Context, a *adapter) (rows, error) {
		var out transactionsResponse
		page = pageOf(&out.Transactions, true)
		req := ofLink(&conn, nil)
		req.PathParams["transaction"], req.JSON = right.Transaction, correctionBody{right.Category, right.Subcategory}
		if err := correctEnrichment.into(ctx, a.api, req, &out); err != nil {
			return nil, err
		}
		return page.Transactions, alive(out.Link)
	})
	if page == nil {
		return nil, err
	}
	return all, normalize.Partial(opCorrect, page.Failed, err)
}

// TestWebhook makes MoneyKit send a delivery for a sandbox link, POST /webhooks/test/link/{id}. It
// returns the delivery token. event is a name such as "link.state_changed", and key is the
// idempotency key of the delivery. For a link without webhook, the error is [bankmux.ErrInvalid].
// It is a one-shot: each call sends a delivery.
func TestWebhook(
	ctx context.Context,
	client *bankmux.Client,
	conn bankmux.Connection,
	event, key string,
) (string, error) {
	return bankmux.DoOn(ctx, client, opTestWebhook, &conn, func(ctx context.Context, a *adapter) (string, error) {
		req := ofLink(&conn, nil)
		req.JSON = webhookTestBody{event, key}
		out, err := testWebhook.fetch(ctx, a.api, req)
		return out.DeliveryToken, err
	})
}

// WebhookKeys reads the public keys of webhook signatures as JSON Web Keys, GET
// /.well-known/jwks.json. It may be repeated, but MoneyKit asks callers to keep the result.
func WebhookKeys(ctx context.Context, client *bankmux.Client) ([]json.RawMessage, error) {
	return bankmux.Do(ctx, client, opKeys, func(ctx context.Context, a *adapter) ([]json.RawMessage, error) {
		return a.api.webhookKeys(ctx)
	})
}
