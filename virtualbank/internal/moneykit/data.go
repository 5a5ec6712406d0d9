package moneykit

// This file serves accounts, account numbers and owners.

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// codeForbiddenAction is the code for a product that the user has not permitted.
const codeForbiddenAction = "link_error.forbidden_action"

type balances struct {
	Currency  *string         `json:"currency"`
	Available json.RawMessage `json:"available"`
	Current   json.RawMessage `json:"current"`
	Limit     json.RawMessage `json:"limit"`
	Date      *string         `json:"balance_date"`
}

type account struct {
	ID       string   `json:"account_id"`
	Type     string   `json:"account_type"`
	Name     string   `json:"name"`
	Nickname *string  `json:"nickname"`
	Mask     *string  `json:"account_mask"`
	Balances balances `json:"balances"`
	Original *string  `json:"original_id"`
	Closed   bool     `json:"closed"`
}

// accountID returns the id of an account on this link. Every link has other ids.
func (l *link) accountID(a *bank.Account) string {
	return "acc_" + l.bank.Name58(22, l.id, a.Key)
}

// account returns an account at the time at which it was fetched. The current balance of a debt is
// what is owed, as a positive amount.
func (l *link) account(a *bank.Account, at time.Time) account {
	booked, held := l.book.State(a, at)
	out := account{ID: l.accountID(a), Type: a.Kind.MoneyKit, Name: a.Name, Nickname: a.Nickname, Closed: a.Closed}
	if a.Mask != "" {
		out.Mask = &a.Mask
	}
	if a.Original != "" {
		out.Original = &a.Original
	}
	out.Balances = balances{
		Currency:  &a.Currency,
		Current:   bank.Number(booked, a.Currency),
		Available: bank.Number(booked+held, a.Currency),
		Date:      timestamp(at),
	}
	if a.Kind.Debt {
		out.Balances.Current = bank.Number(-booked, a.Currency)
		out.Balances.Available = nil
	}
	if a.Limit > 0 {
		out.Balances.Available = bank.Number(a.Limit+booked+held, a.Currency)
		out.Balances.Limit = bank.Number(a.Limit, a.Currency)
	}
	if s := a.Balances; s != nil {
		out.Balances = balances{
			Currency:  &a.Currency,
			Current:   bank.RawOrNull(s.Current),
			Available: bank.RawOrNull(s.Available),
			Limit:     bank.RawOrNull(s.Limit),
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

// withData calls f with the link of the path if the data of a product can be read.
func (b *Provider) withData(c *bank.Call, product string, f func(*link) bank.Reply) bank.Reply {
	return b.withLink(c, func(l *link) bank.Reply {
		l.settle(b.Now(), b.Outages[l.institution.Name])
		switch {
		case l.state == bank.StateAwaiting:
			return badLink("incomplete")
		case l.state != bank.StateConnected && !l.imported: // imported data can be read before the first reconnect
			return badLink(l.errorCode)
		case l.products[product] == nil:
			return fail(http.StatusForbidden, codeForbiddenAction, "The user has not permitted "+product)
		}
		return f(l)
	})
}

// wanted returns the accounts that the query names, or all. Unknown ids are ignored, which is the
// bank's choice.
func (l *link) wanted(c *bank.Call) []*bank.Account {
	ids := c.Request.URL.Query()["account_ids"]
	var list []*bank.Account
	for _, a := range l.accounts() {
		if len(ids) == 0 || slices.Contains(ids, l.accountID(a)) {
			list = append(list, a)
		}
	}
	return list
}

// accountList returns accounts as they were when they were fetched last.
func (l *link) accountList(list []*bank.Account) []account {
	out := []account{}
	p := l.products["accounts"]
	if p == nil || p.refreshed.IsZero() {
		return out
	}
	for _, a := range list {
		out = append(out, l.account(a, p.refreshed))
	}
	return out
}

// serveAccounts serves GET /links/{id}/accounts.
func (b *Provider) serveAccounts(c *bank.Call) bank.Reply {
	return b.withData(c, "accounts", func(l *link) bank.Reply {
		return bank.Reply{
			Status: http.StatusOK,
			Body:   map[string]any{"accounts": l.accountList(l.wanted(c)), "link": l.wire()},
		}
	})
}

// serveAccount serves GET /links/{id}/accounts/{account_id}.
func (b *Provider) serveAccount(c *bank.Call) bank.Reply {
	return b.withData(c, "accounts", func(l *link) bank.Reply {
		for _, a := range l.accountList(l.accounts()) {
			if a.ID == c.Vars["account_id"] {
				return bank.Reply{Status: http.StatusOK, Body: map[string]any{"account": a, "link": l.wire()}}
			}
		}
		return fail(http.StatusNotFound, codeLinkNotFound, "Account not found")
	})
}

type numbers struct {
	ACH           []map[string]any `json:"ach"`
	EFT           []map[string]any `json:"eft"`
	BACS          []map[string]any `json:"bacs"`
	International []map[string]any `json:"international"`
}

type accountWithNumbers struct {
	account
	Numbers numbers `json:"numbers"`
}

// serveNumbers serves the account numbers. Cards, loans and investments have none.
func (b *Provider) serveNumbers(c *bank.Call) bank.Reply {
	return b.withData(c, "account_numbers", func(l *link) bank.Reply {
		out := []accountWithNumbers{}
		at := l.products["account_numbers"].refreshed
		for _, a := range l.accounts() {
			if at.IsZero() || a.Kind.Debt || strings.HasPrefix(a.Kind.MoneyKit, "investment") {
				continue
			}
			n := numbers{
				ACH:           []map[string]any{},
				EFT:           []map[string]any{},
				BACS:          []map[string]any{},
				International: []map[string]any{},
			}
			switch l.institution.Country {
			case "GB":
				n.BACS = append(n.BACS, map[string]any{"account_number": a.Number[:8], "sort_code": "200000"})
				n.International = append(
					n.International,
					map[string]any{"iban": "GB29NWBK200000" + a.Number[:8], "bic": "NWBKGB2L"},
				)
			case "CA":
				n.EFT = append(
					n.EFT,
					map[string]any{"account_number": a.Number, "institution_number": "021", "branch_number": "01140"},
				)
			default:
				n.ACH = append(
					n.ACH,
					map[string]any{
						"account_number":      a.Number,
						"routing_number":      cmp.Or(a.Routing, "123456780"),
						"wire_routing_number": nil,
					},
				)
			}
			out = append(out, accountWithNumbers{l.account(a, at), n})
		}
		return bank.Reply{Status: http.StatusOK, Body: map[string]any{"accounts": out, "link": l.wire()}}
	})
}

type accountWithOwners struct {
	account
	Owners []any `json:"owners"`
}

// serveIdentity serves the owners of the accounts.
func (b *Provider) serveIdentity(c *bank.Call) bank.Reply {
	return b.withData(c, "identity", func(l *link) bank.Reply {
		out := []accountWithOwners{}
		at := l.products["identity"].refreshed
		h := l.book.Holder
		owner := map[string]any{
			"names": []string{h.Name},
			"addresses": []map[string]any{
				{
					"street":      h.Street,
					"city":        bank.Nullable(h.City),
					"region":      h.Region,
					"postal_code": h.Postal,
					"country":     l.institution.Country,
					"primary":     true,
				},
			},
			"phone_numbers": []map[string]any{{"number": h.Phone, "type": "mobile", "primary": true}},
			"emails":        []map[string]any{{"address": h.Email, "primary": nil}},
		}
		owners := []any{owner}
		if l.book.Owners != nil {
			owners = l.book.Owners
		}
		for _, a := range l.wanted(c) {
			if !at.IsZero() {
				out = append(out, accountWithOwners{l.account(a, at), owners})
			}
		}
		return bank.Reply{Status: http.StatusOK, Body: map[string]any{"accounts": out, "link": l.wire()}}
	})
}

// serveUserAccounts serves the accounts of all connected links of a user, by link.
func (b *Provider) serveUserAccounts(c *bank.Call) bank.Reply {
	b.Lock()
	defer b.Unlock()
	groups := map[string]any{}
	for _, l := range b.connectedLinks(c.Vars["id"]) {
		list := l.accountList(l.wanted(c))
		if len(list) > 0 {
			groups[l.id] = map[string]any{"accounts": list, "last_synced_at": timestamp(l.synced)}
		}
	}
	return bank.Reply{Status: http.StatusOK, Body: map[string]any{"links": groups}}
}

// connectedLinks returns the connected links of a user.
func (b *Provider) connectedLinks(user string) []*link {
	var list []*link
	for _, l := range b.order {
		if l.user == user && l.state == bank.StateConnected {
			l.settle(b.Now(), b.Outages[l.institution.Name])
			list = append(list, l)
		}
	}
	return list
}
