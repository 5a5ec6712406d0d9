package virtualbank

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// mkForbidden403 is the code for a product that the user did not permit.
const mkForbiddenAction = "link_error.forbidden_action"

type mkBalances struct {
	Currency  *string         `json:"currency"`
	Available json.RawMessage `json:"available"`
	Current   json.RawMessage `json:"current"`
	Limit     json.RawMessage `json:"limit"`
	Date      *string         `json:"balance_date"`
}

type mkAccount struct {
	ID       string     `json:"account_id"`
	Type     string     `json:"account_type"`
	Name     string     `json:"name"`
	Nickname *string    `json:"nickname"`
	Mask     *string    `json:"account_mask"`
	Balances mkBalances `json:"balances"`
	Original *string    `json:"original_id"`
	Closed   bool       `json:"closed"`
}

// accountID is the account's id on this link; another link has another.
func (l *link) accountID(a *account) string {
	return "acc_" + l.bank.name58(22, l.id, a.key)
}

// account is an account as it was when accounts were fetched last. For a debt a positive current is
// what is owed.
func (l *link) account(a *account, at time.Time) mkAccount {
	booked, held := l.book.state(a, at)
	out := mkAccount{ID: l.accountID(a), Type: a.kind.moneykit, Name: a.name, Nickname: a.nickname, Closed: a.closed}
	if a.mask != "" {
		out.Mask = &a.mask
	}
	if a.original != "" {
		out.Original = &a.original
	}
	out.Balances = mkBalances{
		Currency:  &a.currency,
		Current:   number(booked, a.currency),
		Available: number(booked+held, a.currency),
		Date:      mkTime(at),
	}
	if a.kind.debt {
		out.Balances.Current = number(-booked, a.currency)
		out.Balances.Available = nil
	}
	if a.limit > 0 {
		out.Balances.Available = number(a.limit+booked+held, a.currency)
		out.Balances.Limit = number(a.limit, a.currency)
	}
	if s := a.balances; s != nil {
		out.Balances = mkBalances{
			Currency:  &a.currency,
			Current:   maybe(s.Current),
			Available: maybe(s.Available),
			Limit:     maybe(s.Limit),
		}
		if s.NoCurrency {
			out.Balances.Currency = nil
		}
		if s.Date != "" {
			out.Balances.Date = &s.Date
		}
	}
	return out
}

// mkWithData runs f on the link of the path if its data can be read. product is what the user must
// have permitted.
func (b *mkProvider) mkWithData(c *call, product string, f func(*link) reply) reply {
	return b.mkWithLink(c, func(l *link) reply {
		l.settle(b.Now(), b.outages[l.institution.Name])
		switch {
		case l.state == stateAwaiting:
			return mkBadLink("incomplete")
		case l.state != stateConnected && !l.imported: // what was imported can be read before its first reconnect
			return mkBadLink(l.errorCode)
		case l.products[product] == nil:
			return mkFail(http.StatusForbidden, mkForbiddenAction, "The user has not permitted "+product)
		}
		return f(l)
	})
}

// wanted are the accounts of the query, all where it names none. Unknown ids are passed over, which
// is the bank's choice.
func (l *link) wanted(c *call) []*account {
	ids := c.r.URL.Query()["account_ids"]
	var list []*account
	for _, a := range l.book.accounts {
		if len(ids) == 0 || slices.Contains(ids, l.accountID(a)) {
			list = append(list, a)
		}
	}
	return list
}

func (l *link) accountList(list []*account) []mkAccount {
	out := []mkAccount{}
	p := l.products["accounts"]
	if p == nil || p.refreshed.IsZero() {
		return out
	}
	for _, a := range list {
		out = append(out, l.account(a, p.refreshed))
	}
	return out
}

func (b *mkProvider) mkAccountsOf(c *call) reply {
	return b.mkWithData(c, "accounts", func(l *link) reply {
		return reply{
			status: http.StatusOK,
			body:   map[string]any{"accounts": l.accountList(l.wanted(c)), "link": l.wire()},
		}
	})
}

func (b *mkProvider) mkAccountOf(c *call) reply {
	return b.mkWithData(c, "accounts", func(l *link) reply {
		for _, a := range l.accountList(l.book.accounts) {
			if a.ID == c.vars["account_id"] {
				return reply{status: http.StatusOK, body: map[string]any{"account": a, "link": l.wire()}}
			}
		}
		return mkFail(http.StatusNotFound, mkLinkNotFound, "Account not found")
	})
}

type mkNumbers struct {
	ACH           []map[string]any `json:"ach"`
	EFT           []map[string]any `json:"eft"`
	BACS          []map[string]any `json:"bacs"`
	International []map[string]any `json:"international"`
}

type mkAccountWithNumbers struct {
	mkAccount
	Numbers mkNumbers `json:"numbers"`
}

// mkNumbersOf serves the numbers of accounts that have any; cards and loans are left out.
func (b *mkProvider) mkNumbersOf(c *call) reply {
	return b.mkWithData(c, "account_numbers", func(l *link) reply {
		out := []mkAccountWithNumbers{}
		at := l.products["account_numbers"].refreshed
		for _, a := range l.book.accounts {
			if at.IsZero() || a.kind.debt || strings.HasPrefix(a.kind.moneykit, "investment") {
				continue
			}
			n := mkNumbers{
				ACH:           []map[string]any{},
				EFT:           []map[string]any{},
				BACS:          []map[string]any{},
				International: []map[string]any{},
			}
			switch l.institution.Country {
			case "GB":
				n.BACS = append(n.BACS, map[string]any{"account_number": a.number[:8], "sort_code": "200000"})
				n.International = append(
					n.International,
					map[string]any{"iban": "GB29NWBK200000" + a.number[:8], "bic": "NWBKGB2L"},
				)
			case "CA":
				n.EFT = append(
					n.EFT,
					map[string]any{"account_number": a.number, "institution_number": "021", "branch_number": "01140"},
				)
			default:
				n.ACH = append(
					n.ACH,
					map[string]any{
						"account_number":      a.number,
						"routing_number":      cmp.Or(a.routing, "123456780"),
						"wire_routing_number": nil,
					},
				)
			}
			out = append(out, mkAccountWithNumbers{l.account(a, at), n})
		}
		return reply{status: http.StatusOK, body: map[string]any{"accounts": out, "link": l.wire()}}
	})
}

type mkAccountWithOwners struct {
	mkAccount
	Owners []any `json:"owners"`
}

func (b *mkProvider) mkIdentityOf(c *call) reply {
	return b.mkWithData(c, "identity", func(l *link) reply {
		out := []mkAccountWithOwners{}
		at := l.products["identity"].refreshed
		h := l.book.holder
		owner := map[string]any{
			"names": []string{h.name},
			"addresses": []map[string]any{
				{
					"street":      h.street,
					"city":        nullable(h.city),
					"region":      h.region,
					"postal_code": h.postal,
					"country":     l.institution.Country,
					"primary":     true,
				},
			},
			"phone_numbers": []map[string]any{{"number": h.phone, "type": "mobile", "primary": true}},
			"emails":        []map[string]any{{"address": h.email, "primary": nil}},
		}
		owners := []any{owner}
		if l.book.owners != nil {
			owners = l.book.owners
		}
		for _, a := range l.wanted(c) {
			if !at.IsZero() {
				out = append(out, mkAccountWithOwners{l.account(a, at), owners})
			}
		}
		return reply{status: http.StatusOK, body: map[string]any{"accounts": out, "link": l.wire()}}
	})
}

// mkUserAccounts serves the accounts of all of a user's links, by link.
func (b *mkProvider) mkUserAccounts(c *call) reply {
	b.Lock()
	defer b.Unlock()
	groups := map[string]any{}
	for _, l := range b.mkConnected(c.vars["id"]) {
		list := l.accountList(l.wanted(c))
		if len(list) > 0 {
			groups[l.id] = map[string]any{"accounts": list, "last_synced_at": mkTime(l.synced)}
		}
	}
	return reply{status: http.StatusOK, body: map[string]any{"links": groups}}
}

func (b *mkProvider) mkConnected(user string) []*link {
	var list []*link
	for _, l := range b.order {
		if l.user == user && l.state == stateConnected {
			l.settle(b.Now(), b.outages[l.institution.Name])
			list = append(list, l)
		}
	}
	return list
}
