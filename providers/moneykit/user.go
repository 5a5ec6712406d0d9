package moneykit

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/internal/recent"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/moneykit"
)

// Link is a link as MoneyKit lists it. Printing, logging and marshalling it show no credential.
type Link struct {
	// ID is MoneyKit's id of the link, and with the application's keys a credential. [Adopt] takes
	// it.
	ID bankmux.Secret
	// ReferenceKey is the same as [bankmux.Connection.ReferenceKey] of a connection with this link.
	// It may be shown, stored and indexed.
	ReferenceKey string

	Institution bankmux.Institution
	Status      bankmux.Status
	Tags        []string
	Webhook     string
	Products    []bankmux.ProductStatus
	Available   []bankmux.Product // what a reconnect could add
	CreatedAt   time.Time         // where the list tells it
}

// public returns the link as applications see it, for an answer to that client.
func (l linkData) public(client *bankmux.Client) Link {
	id := bankmux.NewSecret(l.LinkID)
	out := Link{
		ID: id, ReferenceKey: client.ReferenceKey(id),
		Institution: bankmux.Institution{ID: l.InstitutionID, Name: l.InstitutionName, LogoURL: l.InstitutionAvatar},
		Status:      model.Status(l.State, l.ErrorCode),
		Tags:        l.LinkTags, Webhook: l.Webhook, Products: productStatuses(l.Products),
	}
	for _, name := range l.AvailableProducts {
		out.Available = append(out.Available, model.ProductOf(name))
	}
	return out
}

// The operations of this file.
var (
	opLinks            = bankmux.Op{Name: "MoneyKitLinks", Group: bankmux.GroupLink, Effect: bankmux.Read}
	opUserLinks        = bankmux.Op{Name: "MoneyKitUserLinks", Group: bankmux.GroupLink, Effect: bankmux.Read}
	opUserAccounts     = bankmux.Op{Name: "MoneyKitUserAccounts", Group: bankmux.GroupData, Effect: bankmux.Read}
	opUserTransactions = bankmux.Op{Name: "MoneyKitUserTransactions", Group: bankmux.GroupData, Effect: bankmux.Read}
)

// linksPage is the smallest page of links MoneyKit serves.
const linksPage = "500"

// Links goes through the application's active links, GET /links, which has the id of each and when
// it was made. The client must be MoneyKit's, else [bankmux.ErrUnsupported]. After an error about
// one link ([bankmux.Failure]) it goes on, after any other it ends. It may be repeated.
func Links(ctx context.Context, client *bankmux.Client) iter.Seq2[Link, error] {
	return func(yield func(Link, error) bool) {
		seen := map[string]bool{}
		for cursor := ""; ; {
			answer, err := bankmux.Do(ctx, client, opLinks, func(ctx context.Context, a *adapter) (linksAnswer, error) {
				query := url.Values{"limit": {linksPage}}
				if cursor != "" {
					query.Set("cursor", cursor)
				}
				var answer linksAnswer
				_, err := a.api.do(ctx, rest.Request{Method: http.MethodGet, Path: "/links", Query: query}, &answer)
				return answer, err
			})
			if err != nil {
				yield(Link{}, err)
				return
			}
			failed := answer.Links.Value.Failures("")
			for i, l := range answer.Links.Value.Rows {
				if l.LinkID == "" {
					failed = append(failed, withoutID("a link without id", answer.Links.Value.Place(i)))
					continue
				}
				at, _ := normalize.Timestamp(l.CreatedAt)
				id := bankmux.NewSecret(l.LinkID)
				if !yield(Link{ID: id, ReferenceKey: client.ReferenceKey(id), CreatedAt: at}, nil) {
					return
				}
			}
			for _, f := range failed {
				if !yield(Link{}, f) {
					return
				}
			}
			if cursor = string(answer.NextCursor.Value); cursor == "" || seen[cursor] {
				return
			}
			seen[cursor] = true
		}
	}
}

// UserLinks returns the links of one of the application's users by [Link.ReferenceKey], GET
// /users/{id}/links. An unknown user has none. The client must be MoneyKit's, else
// [bankmux.ErrUnsupported]. Links that cannot be read are in a [*bankmux.PartialError] beside the
// rest. It may be repeated.
func UserLinks(ctx context.Context, client *bankmux.Client, user string) (map[string]Link, error) {
	var failed []bankmux.Failure
	all, err := bankmux.Do(ctx, client, opUserLinks, func(ctx context.Context, a *adapter) (map[string]Link, error) {
		links, err := a.api.userLinks(ctx, user)
		if err != nil {
			return nil, err
		}
		all := make(map[string]Link, len(links))
		failed = nil
		for i, id := range sortedKeys(links) {
			if l := links[id]; l.LinkID != "" {
				link := l.public(client)
				all[link.ReferenceKey] = link
				continue
			}
			failed = append(failed, withoutID("a link without id", i+1))
		}
		return all, nil
	})
	return all, partial(opUserLinks, failed, err)
}

// UserAccounts returns the accounts of one of the application's users by the [Link.ReferenceKey] of
// their link, GET /users/{id}/accounts. The client must be MoneyKit's, else
// [bankmux.ErrUnsupported]. Accounts that cannot be read are in a [*bankmux.PartialError] beside
// the rest. It may be repeated.
func UserAccounts(ctx context.Context, client *bankmux.Client, user string) (map[string][]bankmux.Account, error) {
	var failed []bankmux.Failure
	all, err := bankmux.Do(
		ctx,
		client,
		opUserAccounts,
		func(ctx context.Context, a *adapter) (map[string][]bankmux.Account, error) {
			var answer userAccountsAnswer
			res, err := a.api.do(
				ctx,
				rest.Request{
					Method:     http.MethodGet,
					Path:       "/users/{id}/accounts",
					PathParams: map[string]string{"id": CustomerID(user)},
				},
				&answer,
			)
			switch {
			case err != nil:
				return nil, err
			case answer.Links == nil:
				return nil, res.Lacks("links")
			}
			all := make(map[string][]bankmux.Account, len(answer.Links))
			failed = nil
			for i, link := range sortedKeys(answer.Links) {
				group := answer.Links[link]
				if !group.Accounts.Present && group.Accounts.Len() == 0 {
					failed = append(failed, withoutID("a link without a list of accounts", i+1))
					continue
				}
				list, odd := named(&group.Accounts.List)
				failed = append(failed, odd...)
				key := client.ReferenceKey(bankmux.NewSecret(link))
				for _, acc := range list {
					all[key] = append(all[key], acc.account())
				}
			}
			return all, nil
		},
	)
	return all, partial(opUserAccounts, failed, err)
}

// partial is the error of a call: err, or what is missing from a good answer, or nil.
func partial(op bankmux.Op, failed []bankmux.Failure, err error) error {
	if err != nil || len(failed) == 0 {
		return err
	}
	return &bankmux.PartialError{Op: op.Name, Failed: failed}
}

// UserTransaction is a transaction and the link it came through.
type UserTransaction struct {
	ReferenceKey string // [Link.ReferenceKey] of the link, "" where MoneyKit does not say
	bankmux.Transaction
}

// UserTransactions goes through what happened in all accounts of one of the application's users
// between two days, both included, GET /users/{id}/transactions. Rows of other days are left out.
// After an error about one row ([bankmux.Failure]) it goes on, after any other it ends. The client
// must be MoneyKit's, else [bankmux.ErrUnsupported]. It may be repeated.
func UserTransactions(
	ctx context.Context,
	client *bankmux.Client,
	user string,
	from, to bankmux.Date,
) iter.Seq2[UserTransaction, error] {
	return func(yield func(UserTransaction, error) bool) {
		var seen recent.Rows
		idle, outside := 0, 0 // pages in a row without a new row, and of other days alone
		for mark := (pageMark{page: 1, total: -1}); ; {
			var page *listPage
			answer, err := bankmux.Do(
				ctx,
				client,
				opUserTransactions,
				func(ctx context.Context, a *adapter) (userTransactionsAnswer, error) {
					var list transactionsAnswer
					page = list.page(true)
					page.first = from
					if !to.IsZero() {
						page.last = to
					}
					answer := userTransactionsAnswer{Transactions: list.Transactions}
					_, err := a.api.do(ctx, rest.Request{
						Method:     http.MethodGet,
						Path:       "/users/{id}/transactions",
						PathParams: map[string]string{"id": CustomerID(user)},
						Query:      window(nil, from, to, pageSize, mark),
					}, &answer)
					return answer, err
				},
			)
			if err != nil {
				yield(UserTransaction{}, err)
				return
			}
			outside++
			if page.Outside == 0 || len(page.Transactions) > 0 {
				idle, outside = idle+1, 0
			}
			links := map[string]string{} // the link of each account, by its key
			for id, acc := range answer.Accounts {
				links[id] = client.ReferenceKey(bankmux.NewSecret(acc.LinkID))
			}
			for _, t := range page.Transactions {
				if !seen.Add(&recent.Row{
					Account: t.Account,
					ID:      t.ID,
					Text:    cmp.Or(t.RawDescription, t.Description),
					Amount:  t.Amount.Decimal(),
					Year:    t.Date.Year,
					Month:   t.Date.Month,
					Day:     t.Date.Day,
					Pending: t.Status == bankmux.StatusPending,
				}) {
					continue // the list grew while it was read
				}
				idle = 0
				if !yield(UserTransaction{links[t.Account], t}, nil) {
					return
				}
			}
			for _, f := range page.Failed {
				if !yield(UserTransaction{ReferenceKey: links[f.Account]}, f) {
					return
				}
			}
			next, err := mark.next(answer.Transactions.N, pageSize, answer.Total)
			if idle > mostStuck || outside > maxOutside {
				err = &bankmux.Error{
					Kind:   bankmux.ErrMalformed,
					Scope:  bankmux.ScopeCall,
					Status: http.StatusOK,
					Detail: "the same rows are on page after page",
				}
			}
			if err != nil {
				yield(UserTransaction{}, err)
			}
			if err != nil || next == "" {
				return
			}
			if mark, err = parseMark(next, "Page"); err != nil {
				return
			}
		}
	}
}

// maxOutside bounds a list whose pages do not end.
const maxOutside = 1000

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
