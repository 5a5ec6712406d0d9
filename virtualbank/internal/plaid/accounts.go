package plaid

// This file serves accounts and balances.

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// balances are those of an account. last_updated_datetime is absent, as at nearly all institutions.
type balances struct {
	Available  json.RawMessage `json:"available"`
	Current    json.RawMessage `json:"current"`
	Limit      json.RawMessage `json:"limit"`
	ISO        *string         `json:"iso_currency_code"`
	Unofficial *string         `json:"unofficial_currency_code"`
	Updated    *string         `json:"last_updated_datetime,omitempty"`
	Margin     json.RawMessage `json:"margin_loan_amount,omitempty"`
}

// accounts are those of the Item that the user shares. Closed ones are not listed.
func (it *item) accounts() []*bank.Account {
	var list []*bank.Account
	for _, a := range it.book.Accounts {
		kind, subtype := kindOf(a)
		subtypes, shown := it.shown[kind]
		if it.chosen != nil && !slices.Contains(it.chosen, a.Name) {
			continue
		}
		if a.Closed || (it.shown != nil && (!shown ||
			!slices.Contains(subtypes, "all") && !slices.Contains(subtypes, subtype))) {
			continue
		}
		list = append(list, a)
	}
	return list
}

// wanted are the accounts of a request, all where it names none. An unknown id is refused.
func (it *item) wanted(ids []string) ([]*bank.Account, bank.Reply, bool) {
	all := it.accounts()
	if len(ids) == 0 {
		return all, bank.Reply{}, true
	}
	var list []*bank.Account
	for _, id := range ids {
		i := slices.IndexFunc(all, func(a *bank.Account) bool { return it.AccountID(a) == id })
		if i < 0 {
			return nil, refuse(invalidAccount, "failed to find requested account ID for this item"), false
		}
		list = append(list, all[i])
	}
	return list, bank.Reply{}, true
}

// balances returns what an account holds. What is owed on a debt is positive.
func (it *item) balances(a *bank.Account, at time.Time) balances {
	booked, held := it.book.State(a, at)
	out := balances{Current: bank.Number(booked, a.Currency), Available: bank.Number(booked+held, a.Currency)}
	out.ISO, out.Unofficial = currencyPair(a.Currency)
	if a.Kind.Debt {
		out.Current, out.Available = bank.Number(-booked, a.Currency), nil
	}
	if a.Limit > 0 {
		out.Limit, out.Available = bank.Number(a.Limit, a.Currency), bank.Number(a.Limit+booked+held, a.Currency)
	}
	kind, _ := kindOf(a)
	if kind == "investment" {
		out.Available = rawNumber(bank.Plain(cashOf(booked, a.Currency), a.Currency))
	}
	if s := a.Balances; s != nil {
		out.Current, out.Available, out.Limit = rawNumber(s.Current), rawNumber(s.Available), rawNumber(s.Limit)
		if s.NoCurrency {
			out.ISO, out.Unofficial = nil, nil
		}
		out.Updated = optional(s.Date)
	}
	return out
}

// accountBody is an account on the wire, with its balances at a moment.
func (it *item) accountBody(a *bank.Account, at time.Time) map[string]any {
	kind, subtype := kindOf(a)
	body := map[string]any{
		"account_id": it.AccountID(a), "balances": it.balances(a, at), "mask": bank.Nullable(a.Mask), "name": a.Name,
		"official_name": it.institution.Name + " " + a.Name, "type": kind, "subtype": subtype,
	}
	if kind == "depository" && it.institution.PlaidID == persistent {
		body["persistent_account_id"] = it.bank.Name58(64, "persistent", persistent, it.book.Username, a.Key)
	}
	return body
}

// persistent is the institution of the sandbox with tokenized numbers.
const persistent = "ins_127287"

// cachedAt is when Plaid looked at the accounts last: with transactions, or when the Item was made.
func (it *item) cachedAt() time.Time {
	if at := it.feed.updated; !at.IsZero() {
		return at
	}
	return it.created
}

// accountBodies are accounts with the balances that Plaid has stored.
func (it *item) accountBodies(list []*bank.Account) []map[string]any {
	out := []map[string]any{}
	for _, a := range list {
		out = append(out, it.accountBody(a, it.cachedAt()))
	}
	return out
}

// selection reads access_token and options.account_ids, which many calls have alike.
func (r request) selection() (access string, ids []string, options object) {
	access = r.text("access_token", true, false)
	options, ok := r.object.object("options", false, false)
	if ok {
		ids = options.texts("account_ids", false, true, 0)
	}
	return access, ids, options
}

// read serves a call that reads a product of some accounts.
func (r request) read(product string, serve func(*item, []*bank.Account) bank.Reply) bank.Reply {
	access, ids, _ := r.selection()
	return r.reading(access, ids, product, serve)
}

func (r request) reading(
	access string, ids []string, product string, serve func(*item, []*bank.Account) bank.Reply,
) bank.Reply {
	it, p, found := r.dataOf(access, product)
	if !found {
		return p
	}
	list, p, found := it.wanted(ids)
	if !found {
		return p
	}
	return serve(it, list)
}

func (b *Provider) serveAccounts(r request) bank.Reply {
	return r.read("", func(it *item, list []*bank.Account) bank.Reply {
		return ok(map[string]any{"accounts": it.accountBodies(list), "item": it.body()})
	})
}

// serveBalances asks the institution, and so fails while that is down.
func (b *Provider) serveBalances(r request) bank.Reply {
	access, ids, options := r.selection()
	options.moment("min_last_updated_datetime")
	return r.reading(access, ids, "", func(it *item, list []*bank.Account) bank.Reply {
		if p, down := it.unreachable(); down {
			return p
		}
		out := []map[string]any{}
		for _, a := range list {
			out = append(out, it.accountBody(a, b.Now()))
		}
		return ok(map[string]any{"accounts": out, "item": it.body()})
	})
}

// debitable reports whether an account has numbers: checking and savings accounts do.
func debitable(a *bank.Account) bool {
	kind, subtype := kindOf(a)
	return kind == "depository" && (subtype == "checking" || subtype == "savings")
}

// serveNumbers serves the numbers of debitable accounts, by the scheme of their country.
func (b *Provider) serveNumbers(r request) bank.Reply {
	return r.read("auth", func(it *item, list []*bank.Account) bank.Reply {
		numbers := map[string][]map[string]any{"ach": {}, "eft": {}, "bacs": {}, "international": {}}
		add := func(scheme string, members map[string]any) { numbers[scheme] = append(numbers[scheme], members) }
		for _, a := range slices.Backward(list) { // in no order
			if !debitable(a) {
				continue
			}
			id := it.AccountID(a)
			switch it.institution.Country {
			case "GB":
				add("bacs", map[string]any{"account_id": id, "account": a.Number[:8], "sort_code": "601613"})
				add("international", international(id, "GB", "NWBK601613"+a.Number[:8], "NWBKGB2L"))
			case "CA":
				add("eft", map[string]any{
					"account_id": id, "account": a.Number, "institution": "021", "branch": "01140",
				})
			case "NL":
				add("international", international(id, "NL", "GRBK"+a.Number[:10], "GRBKNL2A"))
			case "DE":
				add("international", international(id, "DE", "70012345"+a.Number[:10], "ISARDEM1"))
			default:
				add("ach", map[string]any{
					"account_id": id, "account": a.Number, "routing": "011401533", "wire_routing": "021000021",
					"is_tokenized_account_number": it.institution.PlaidID == persistent,
					"can_transfer_in":             true, "can_transfer_out": true,
				})
			}
		}
		if len(numbers["ach"])+len(numbers["eft"])+len(numbers["bacs"])+len(numbers["international"]) == 0 {
			return refuse(noAuthAccounts, "There are no valid checking or savings account(s) associated with this Item")
		}
		return ok(map[string]any{"accounts": it.accountBodies(list), "numbers": numbers, "item": it.body()})
	})
}

// international is the number of an account with an IBAN.
func international(id, country, account, bic string) map[string]any {
	return map[string]any{"account_id": id, "iban": iban(country, account), "bic": bic}
}

// iban writes an IBAN with its check digits.
func iban(country, account string) string {
	sum := 0
	for _, r := range account + country + "00" {
		switch {
		case r >= 'A':
			sum = (sum*100 + int(r-'A') + 10) % 97
		default:
			sum = (sum*10 + int(r-'0')) % 97
		}
	}
	check := 98 - sum
	return country + string(rune('0'+check/10)) + string(rune('0'+check%10)) + account
}

// serveIdentity serves the owner, the same for each account of the login.
func (b *Provider) serveIdentity(r request) bank.Reply {
	return r.read("identity", func(it *item, list []*bank.Account) bank.Reply {
		h := it.book.Holder
		owner := map[string]any{
			"names":         []string{h.Name},
			"phone_numbers": []any{map[string]any{"data": h.Phone, "primary": true, "type": "mobile"}},
			"emails":        []any{map[string]any{"data": h.Email, "primary": true, "type": "primary"}},
			"addresses": []any{map[string]any{"primary": true, "data": map[string]any{
				"street": h.Street, "city": bank.Nullable(h.City), "region": h.Region, "postal_code": h.Postal,
				"country": it.institution.Country,
			}}},
		}
		out := it.accountBodies(list)
		for _, account := range out {
			account["owners"] = []any{owner}
		}
		return ok(map[string]any{"accounts": out, "item": it.body()})
	})
}
