package plaid

// This file finds Items and accounts for the bank behind the API.

import (
	"net/http"
	"slices"
	"strings"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// Links returns all Items.
func (b *Provider) Links() []bank.Link {
	all := make([]bank.Link, len(b.order))
	for i, it := range b.order {
		all[i] = it
	}
	return all
}

// Find returns the Item with an id.
func (b *Provider) Find(id string) (bank.Link, bool) {
	it, ok := b.items[id]
	return it, ok
}

// Settle lets happen at all Items what the passing of time brings.
func (b *Provider) Settle() {
	now := b.Now()
	for _, it := range b.order {
		it.settle(now)
	}
}

// ID returns the id of the Item.
func (it *item) ID() string { return it.id }

// Book returns what the customer has at the institution.
func (it *item) Book() *bank.Book { return it.book }

// AccountID is the account's id on this Item; another Item has another.
func (it *item) AccountID(a *bank.Account) string { return it.bank.Name58(37, it.id, a.Key) }

// Day returns the day of a row.
func (*item) Day(r bank.Row) bank.Day { return r.Date }

// Moved does nothing: Plaid asks the institution a few times a day, or on request.
func (*item) Moved() {}

// Lapse ends the user's consent.
func (it *item) Lapse() bool {
	if it.state == bank.StateDeleted {
		return false
	}
	reason := ""
	if it.institution.OAuth {
		reason = "OAUTH_CONSENT_EXPIRED"
	}
	it.breakLogin(reason)
	return true
}

// State describes the Item. Its products have MoneyKit's names, as with every provider.
func (it *item) State() bank.LinkState {
	return bank.LinkState{
		Provider: Name, ID: it.id, User: it.user, Institution: it.institution.PlaidID, State: it.state,
		Products: slices.Clone(it.products), Presented: it.Presented, Exchanged: it.Exchanged,
	}
}

// of returns the Item of an id; the error is a [*bank.Refusal].
func (b *Provider) of(id string) (*item, error) {
	it, ok := b.items[id]
	if !ok || it.state == bank.StateDeleted {
		return nil, bank.Refuse(http.StatusNotFound, "no such Item")
	}
	return it, nil
}

// Refresh lets Plaid look at once for all that an Item has. The error is a [*bank.Refusal].
func (b *Provider) Refresh(id string) error {
	b.Lock()
	defer b.Unlock()
	it, err := b.of(id)
	if err != nil {
		return err
	}
	it.refresh(b.Now())
	return nil
}

// Repair heals an Item elsewhere, as when the user reconnects it in another application, and
// announces that. The error is a [*bank.Refusal].
func (b *Provider) Repair(id string) error {
	b.Lock()
	defer b.Unlock()
	it, err := b.of(id)
	if err != nil {
		return err
	}
	if it.err.name != "" {
		it.heal(b.Now())
		it.announce(b.Now(), "ITEM", "LOGIN_REPAIRED", nil)
	}
	return nil
}

// Revoke lets the user take the permission back at Plaid: the Item is gone. The error is a
// [*bank.Refusal].
func (b *Provider) Revoke(id string) error {
	b.Lock()
	defer b.Unlock()
	it, err := b.of(id)
	if err != nil {
		return err
	}
	it.err, it.message = revoked, "the holder of this account has revoked their permission for your application"
	it.announce(b.Now(), "ITEM", "USER_PERMISSION_REVOKED", map[string]any{"error": it.errorInWebhook()})
	it.state = bank.StateDeleted
	return nil
}

// linkInstitution is an institution as Link hands it to the page.
func linkInstitution(at bank.Institution) map[string]any {
	return map[string]any{"name": at.Name, "institution_id": at.PlaidID}
}

// linkAccounts are the accounts as Link hands them to the page.
func (it *item) linkAccounts() []map[string]any {
	list := []map[string]any{}
	for _, a := range it.accounts() {
		kind, subtype := kindOf(a)
		list = append(list, map[string]any{
			"id": it.AccountID(a), "name": a.Name, "mask": bank.Nullable(a.Mask), "type": kind, "subtype": subtype,
			"verification_status": nil, "class_type": nil,
		})
	}
	return list
}

// kindOf returns type and subtype of an account.
func kindOf(a *bank.Account) (kind, subtype string) {
	kind, subtype, ok := strings.Cut(a.Kind.Plaid, "/")
	if !ok {
		return "other", "other"
	}
	return kind, subtype
}
