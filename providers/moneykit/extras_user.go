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
	"unicode/utf8"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/internal/recent"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/moneykit"
)

// CustomerID returns the id under which MoneyKit knows a user of the application. MoneyKit accepts
// ids of 4 to 150 characters, so a shorter or longer id is replaced by a digest of it. Every other
// id is used unchanged. One user always has the same result, and two users never share one.
//
// All functions of this package take the application's own id. Use CustomerID to find a user in
// MoneyKit's dashboard, or in MoneyKit's data elsewhere.
func CustomerID(user string) string {
	n := utf8.RuneCountInString(user)
	return normalize.UserID(user, user == "" || n >= minUser && n <= maxUser)
}

// Link is a link as MoneyKit lists it. Printing, logging and marshalling it show no credential.
type Link struct {
	// ID is MoneyKit's id of the link. It is a credential for whoever has the application's keys.
	// [Adopt] takes it.
	ID bankmux.Secret
	// ReferenceKey equals [bankmux.Connection.ReferenceKey] of a connection with this link. It may
	// be shown, stored and indexed.
	ReferenceKey string

	Institution bankmux.Institution
	Status      bankmux.Status
	Tags        []string
	Webhook     string
	Products    []bankmux.ProductStatus
	Available   []bankmux.Product // what a reconnect could add
	CreatedAt   time.Time         `json:",omitzero"` // zero if the list does not say
}

// public returns the link as the client's application sees it.
func (l *linkData) public(client *bankmux.Client) Link {
	id := bankmux.NewSecret(l.LinkID)
	out := Link{
		ID: id, ReferenceKey: client.ReferenceKey(id),
		Institution: l.institution(),
		Status:      l.status(),
		Tags:        l.LinkTags, Webhook: l.Webhook, Products: productStatuses(l.Products),
	}
	for _, name := range l.AvailableProducts {
		out.Available = append(out.Available, model.ProductOf(name))
	}
	return out
}

// The operations of this file.
var (
	opLinks            = getLinks.op("MoneyKitLinks", bankmux.GroupLink, "")
	opUserLinks        = getUserLinks.op("MoneyKitUserLinks", bankmux.GroupLink, "")
	opUserAccounts     = getUserAccounts.op("MoneyKitUserAccounts", bankmux.GroupData, "")
	opUserTransactions = getUserTransactions.op("MoneyKitUserTransactions", bankmux.GroupData, "")
)

// linksPage is the smallest page of links that MoneyKit serves.
const linksPage = "500"

// Links iterates over the application's active links, GET /links. Of each link it returns the id
// and the time at which it was made. If the client is not MoneyKit's, the error is
// [bankmux.ErrUnsupported]. After an error about one link ([bankmux.Failure]) it continues; after
// any other error it ends. It may be repeated.
func Links(ctx context.Context, client *bankmux.Client) iter.Seq2[Link, error] {
	return func(yield func(Link, error) bool) {
		seen := map[string]bool{}
		for cursor := ""; ; {
			page, err := bankmux.Do(ctx, client, opLinks, func(ctx context.Context, a *adapter) (linksResponse, error) {
				query := url.Values{"limit": {linksPage}}
				if cursor != "" {
					query.Set("cursor", cursor)
				}
				return getLinks.fetch(ctx, a.api, &rest.Request{Query: query})
			})
			if err != nil {
				yield(Link{}, err)
				return
			}
			if !page.each(client, yield) {
				return
			}
			if cursor = string(page.NextCursor.Value); cursor == "" || seen[cursor] {
				return
			}
			seen[cursor] = true
		}
	}
}

// each yields the links of a page, then those that cannot be read. It reports whether to continue.
func (r *linksResponse) each(client *bankmux.Client, yield func(Link, error) bool) bool {
	failed := r.Links.Value.Failures("")
	for i, l := range r.Links.Value.Rows {
		if l.LinkID == "" {
			failed = append(failed, r.Links.Value.Failure(i, "", "", normalize.Unreadable("a link without id")))
			continue
		}
		at, _ := normalize.Timestamp(l.CreatedAt)
		id := bankmux.NewSecret(l.LinkID)
		if !yield(Link{ID: id, ReferenceKey: client.ReferenceKey(id), CreatedAt: at}, nil) {
			return false
		}
	}
	for _, f := range failed {
		if !yield(Link{}, f) {
			return false
		}
	}
	return true
}

// UserLinks returns the links of one user of the application, GET /users/{id}/links. The keys of
// the map are the [Link.ReferenceKey]. An unknown user has no links. If the client is not
// MoneyKit's, the error is [bankmux.ErrUnsupported]. If some links cannot be read, it returns the
// others and a [*bankmux.PartialError]. It may be repeated.
func UserLinks(ctx context.Context, client *bankmux.Client, user string) (map[string]Link, error) {
	var failed []bankmux.Failure
	all, err := bankmux.Do(ctx, client, opUserLinks, func(ctx context.Context, a *adapter) (map[string]Link, error) {
		got, err := getUserLinks.fetch(ctx, a.api, ofUser(user))
		if err != nil {
			return nil, err
		}
		links := got.Links
		all := make(map[string]Link, len(links))
		failed = nil
		for i, id := range sortedKeys(links) {
			if l := links[id]; l.LinkID != "" {
				link := l.public(client)
				all[link.ReferenceKey] = link
				continue
			}
			failed = append(failed, unreadableLink(i, "a link without id"))
		}
		return all, nil
	})
	return all, normalize.Partial(opUserLinks, failed, err)
}

// UserAccounts returns the accounts of one user of the application, GET /users/{id}/accounts. The
// keys of the map are the [Link.ReferenceKey] of their links. If the client is not MoneyKit's, the
// error is [bankmux.ErrUnsupported]. If some accounts cannot be read, it returns the others and a
// [*bankmux.PartialError]. It may be repeated.
func UserAccounts(ctx context.Context, client *bankmux.Client, user string) (map[string][]bankmux.Account, error) {
	var failed []bankmux.Failure
	type accounts = map[string][]bankmux.Account
	all, err := bankmux.Do(ctx, client, opUserAccounts, func(ctx context.Context, a *adapter) (accounts, error) {
		out, err := getUserAccounts.fetch(ctx, a.api, ofUser(user))
		if err != nil {
			return nil, err
		}
		all := make(accounts, len(out.Links))
		failed = nil
		for i, link := range sortedKeys(out.Links) {
			group := out.Links[link]
			if !group.Accounts.Present && group.Accounts.Len() == 0 {
				failed = append(failed, unreadableLink(i, "a link without a list of accounts"))
				continue
			}
			_, res := choose(&group.Accounts.List, nil)
			failed = append(failed, res.Failed...)
			if len(res.Accounts) > 0 {
				all[client.ReferenceKey(bankmux.NewSecret(link))] = res.Accounts
			}
		}
		return all, nil
	})
	return all, normalize.Partial(opUserAccounts, failed, err)
}

// UserTransaction is a transaction and its link.
type UserTransaction struct {
	ReferenceKey string // [Link.ReferenceKey] of the link, "" if MoneyKit does not say
	bankmux.Transaction
}

// UserTransactions iterates over the transactions in all accounts of one user of the application,
// GET /users/{id}/transactions. Both days are included, and rows of other days are left out. After
// an error about one row ([bankmux.Failure]) it continues; after any other error it ends. If the
// client is not MoneyKit's, the error is [bankmux.ErrUnsupported]. It may be repeated.
func UserTransactions(
	ctx context.Context,
	client *bankmux.Client,
	user string,
	from, to bankmux.Date,
) iter.Seq2[UserTransaction, error] {
	return func(yield func(UserTransaction, error) bool) {
		r := userReading{client: client, user: user, from: from, to: to, mark: pageMark{page: 1, total: -1}}
		for more := true; more; {
			more = r.step(ctx, yield)
		}
	}
}

// userReading reads the transactions of a user page by page.
type userReading struct {
	client   *bankmux.Client
	user     string
	from, to bankmux.Date

	mark    pageMark
	seen    recent.Rows
	idle    int // pages in a row without a new row
	outside int // pages in a row of other days alone
}

// userPage is the rows of one page, and the rest of its response.
type userPage struct {
	rows *listPage
	said userTransactionsResponse
}

// step reads a page and yields its rows. It reports whether there may be another page.
func (r *userReading) step(ctx context.Context, yield func(UserTransaction, error) bool) bool {
	page, err := r.read(ctx)
	if err != nil {
		yield(UserTransaction{}, err)
		return false
	}
	if !r.each(&page, yield) {
		return false
	}
	next, err := r.mark.next(page.said.Transactions.N, pageSize, page.said.Total)
	if r.idle > maxStuck || r.outside > maxOutside {
		err = &bankmux.Error{
			Kind:   bankmux.ErrMalformed,
			Scope:  bankmux.ScopeCall,
			Status: http.StatusOK,
			Detail: "page after page has the same rows",
		}
	}
	if err != nil {
		yield(UserTransaction{}, err)
	}
	if err != nil || next == "" {
		return false
	}
	r.mark, err = parseMark(next, "Page")
	return err == nil
}

// read reads the page at the mark.
func (r *userReading) read(ctx context.Context) (userPage, error) {
	return bankmux.Do(ctx, r.client, opUserTransactions, func(ctx context.Context, a *adapter) (userPage, error) {
		var out userTransactionsResponse
		page := pageOf(&out.Transactions, true)
		page.first = r.from
		if !r.to.IsZero() {
			page.last = r.to
		}
		req := ofUser(r.user)
		req.Query = window(nil, r.from, r.to, pageSize, r.mark)
		if err := getUserTransactions.into(ctx, a.api, req, &out); err != nil {
			return userPage{}, err
		}
		return userPage{page, out}, nil
	})
}

// each yields the new rows of a page, then those that cannot be read. It reports whether to
// continue.
func (r *userReading) each(page *userPage, yield func(UserTransaction, error) bool) bool {
	rows := page.rows.Transactions
	r.outside++
	if page.rows.Outside == 0 || len(rows) > 0 {
		r.idle, r.outside = r.idle+1, 0
	}
	links := map[string]string{} // the link of each account, by its key
	for id, acc := range page.said.Accounts {
		links[id] = r.client.ReferenceKey(bankmux.NewSecret(acc.LinkID))
	}
	for _, t := range rows {
		if !r.isNew(&t) {
			continue // the list grew during the reading
		}
		r.idle = 0
		if !yield(UserTransaction{links[t.Account], t}, nil) {
			return false
		}
	}
	for _, f := range page.rows.Failed {
		if !yield(UserTransaction{ReferenceKey: links[f.Account]}, f) {
			return false
		}
	}
	return true
}

// isNew reports whether a row was not yielded before.
func (r *userReading) isNew(t *bankmux.Transaction) bool {
	return r.seen.Add(&recent.Row{
		Account: t.Account,
		ID:      t.ID,
		Text:    cmp.Or(t.RawDescription, t.Description),
		Amount:  t.Amount.Decimal(),
		Year:    t.Date.Year,
		Month:   t.Date.Month,
		Day:     t.Date.Day,
		Pending: t.Status == bankmux.StatusPending,
	})
}

// maxOutside bounds a list whose pages do not end.
const maxOutside = 1000

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// unreadableLink is the failure of link i of an object, counted from 0 in the order of the keys.
func unreadableLink(i int, what string) bankmux.Failure {
	return bankmux.Failure{Transaction: wire.RowName("", i+1), Err: normalize.Unreadable(what)}
}
