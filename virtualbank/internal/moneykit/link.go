package moneykit

// This file has links: their states, their products and the calls that change them.

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// authExpired is the error of a link whose consent ended.
const authExpired = "auth_expired"

// link is one login of one user at one institution.
type link struct {
	bank             *Provider
	id               string
	user             string
	institution      bank.Institution
	provider         string
	state            string
	errorCode        string
	created          time.Time
	deleted          time.Time
	synced           time.Time
	webhook          *string
	tags             []string
	products         map[string]*linkProduct
	prefetch         []string
	book             *bank.Book
	history          []fetched               // the states of the transactions, one per refresh or correction
	corrections      map[string][]correction // of categories, by account and event
	transactionIDs   map[string]string       // by what they follow from
	churn            int                     // how often all ids changed
	ids              bank.IDs                // of days that were renumbered
	recordSituations []recordSituation       // staged situations of the changes
	cursorForgotten  bool                    // cursors are rejected until a sync starts without one
	imported         bool                    // the link was imported and has not been reconnected
	repeatingPages   int                     // how many pages still repeat
	bank.Exchanges

	chosen           []string  // the keys of the accounts that the user shares; nil is all
	daysIgnoredUntil time.Time // until when lists ignore the requested days
}

// linkProduct is the state of one product of a link.
type linkProduct struct {
	refreshed time.Time
	attempted time.Time
	asked     time.Time // when the application asked for the last refresh
	due       time.Time // when the refresh in progress ends; zero if there is none
	fault     string

	unavailable string // why it is not refreshed
}

// productNames returns the products in a fixed order, so that webhooks have one.
func (l *link) productNames() []string { return slices.Sorted(maps.Keys(l.products)) }

// connect ends an exchange or a reconnect.
func (l *link) connect(now time.Time) {
	l.state, l.errorCode, l.synced, l.imported = bank.StateConnected, "", now, false
	l.changed(now)
	for _, name := range l.productNames() {
		p := l.products[name]
		if name == "accounts" || (slices.Contains(l.prefetch, name) && p.refreshed.IsZero()) {
			l.fetch(name, now, false)
		}
	}
}

// grant adds products. Existing products keep their state.
func (l *link) grant(names []string) {
	for _, name := range names {
		if slices.Contains(l.institution.Products, name) && l.products[name] == nil {
			l.products[name] = &linkProduct{}
		}
	}
}

type linkWire struct {
	LinkID      string                  `json:"link_id"`
	Institution string                  `json:"institution_id"`
	Name        string                  `json:"institution_name"`
	Avatar      string                  `json:"institution_avatar"`
	State       string                  `json:"state"`
	ErrorCode   *string                 `json:"error_code"`
	LastSynced  *string                 `json:"last_synced_at"`
	Provider    string                  `json:"provider"`
	LinkTags    []string                `json:"link_tags"`
	Tags        []string                `json:"tags"`
	Webhook     *string                 `json:"webhook"`
	Products    map[string]*productWire `json:"products"`
	Available   []string                `json:"available_products"`
}

type productWire struct {
	Refreshed    *string `json:"refreshed_at"`
	Attempted    *string `json:"last_attempted_at"`
	ErrorCode    *string `json:"error_code"`
	ErrorMessage *string `json:"error_message"`
	Unavailable  *string `json:"unavailable"`
	Settings     *string `json:"settings"`
	HasHistory   *bool   `json:"has_history,omitempty"`
}

// allProducts returns the products that a link can have.
func allProducts() []string {
	return []string{"accounts", "account_numbers", "identity", "transactions", "investments", "enrichment"}
}

// wire returns the link as MoneyKit writes it.
func (l *link) wire() linkWire {
	w := linkWire{
		LinkID:      l.id,
		Institution: l.institution.MoneyKitID,
		Name:        l.institution.Name,
		Avatar:      avatarOf(l.institution),
		State:       l.state,
		LastSynced:  timestamp(l.synced),
		Provider:    l.provider,
		LinkTags:    slices.Clone(l.tags),
		Tags:        slices.Clone(l.tags),
		Webhook:     l.webhook,
		Products:    map[string]*productWire{},
		Available:   []string{},
	}
	if l.errorCode != "" {
		code := l.errorCode
		w.ErrorCode = &code
	}
	for _, name := range allProducts() {
		w.Products[name] = nil
		p := l.products[name]
		if p == nil {
			continue
		}
		w.Products[name] = &productWire{Refreshed: timestamp(p.refreshed), Attempted: timestamp(p.attempted)}
		if p.unavailable != "" {
			w.Products[name].Unavailable = new(p.unavailable)
		}
		if p.fault != "" {
			w.Products[name].ErrorCode, w.Products[name].ErrorMessage = new(p.fault), new("the refresh failed")
		}
		if name == "transactions" {
			w.Products[name].HasHistory = new(true)
		}
	}
	for _, name := range l.institution.Products {
		if l.products[name] == nil {
			w.Available = append(w.Available, name)
		}
	}
	return w
}

// findLink returns a link that was not deleted. Otherwise ok is false, and it returns the refusal.
func (b *Provider) findLink(id string) (*link, bank.Reply, bool) {
	l, ok := b.links[id]
	switch {
	case !ok, l.state == bank.StateDeleted && b.Now().Sub(l.deleted) >= deletedLinkTTL:
		return nil, fail(http.StatusNotFound, codeLinkNotFound, "Link not found"), false
	case l.state == bank.StateDeleted:
		return l, fail(http.StatusGone, codeLinkDeleted, "Link has been deleted"), false
	}
	return l, bank.Reply{}, true
}

// withLink calls f with the link of the path, and holds the mutex meanwhile.
func (b *Provider) withLink(c *bank.Call, f func(*link) bank.Reply) bank.Reply {
	b.Lock()
	defer b.Unlock()
	l, p, ok := b.findLink(c.Vars["id"])
	if !ok {
		return p
	}
	return f(l)
}

// serveLink serves GET /links/{id}.
func (b *Provider) serveLink(c *bank.Call) bank.Reply {
	b.Lock()
	defer b.Unlock()
	l, p, ok := b.findLink(c.Vars["id"])
	if !ok && (l == nil || !b.opts.DeletedReadable) {
		return p
	}
	l.settle(b.Now(), b.Outages[l.institution.Name])
	return bank.Reply{Status: http.StatusOK, Body: l.wire()}
}

// updateLink serves PATCH /links/{id}.
func (b *Provider) updateLink(c *bank.Call) bank.Reply {
	o, refusal, ok := readObject(c)
	if !ok {
		return refusal
	}
	webhook := o.text("webhook", false, true, 1, maxURL)
	_, setWebhook := o.members["webhook"]
	name := "link_tags"
	if _, ok := o.members[name]; !ok {
		name = "tags" // the older name
	}
	tags := o.labels(name)
	_, setTags := o.members[name]
	if p, bad := o.refusal(); bad {
		return p
	}
	return b.withLink(c, func(l *link) bank.Reply {
		if setWebhook {
			l.webhook = webhook
		}
		if setTags {
			l.tags = tags
		}
		return bank.Reply{Status: http.StatusOK, Body: l.wire()}
	})
}

// deleteLink serves DELETE /links/{id}.
func (b *Provider) deleteLink(c *bank.Call) bank.Reply {
	return b.withLink(c, func(l *link) bank.Reply {
		l.state, l.errorCode, l.deleted = bank.StateDeleted, "", b.Now()
		l.changed(l.deleted)
		return bank.Reply{Status: http.StatusNoContent}
	})
}

// resetLink serves POST /links/{id}/reset.
func (b *Provider) resetLink(c *bank.Call) bank.Reply {
	return b.withLink(c, func(l *link) bank.Reply {
		l.state, l.errorCode = bank.StateError, authExpired
		l.changed(b.Now())
		return bank.Reply{Status: http.StatusOK, Body: l.wire()}
	})
}

// serveUserLinks serves GET /users/{id}/links: all links of the user that are not deleted, in any
// state. An unknown user has none.
func (b *Provider) serveUserLinks(c *bank.Call) bank.Reply {
	b.Lock()
	defer b.Unlock()
	links := map[string]linkWire{}
	for _, l := range b.order {
		if l.user == c.Vars["id"] && l.state != bank.StateDeleted {
			links[l.id] = l.wire()
		}
	}
	return bank.Reply{Status: http.StatusOK, Body: map[string]any{"links": links}}
}

// Links returns all links.
func (b *Provider) Links() []bank.Link {
	all := make([]bank.Link, len(b.order))
	for i, l := range b.order {
		all[i] = l
	}
	return all
}

// Find returns the link with an id.
func (b *Provider) Find(id string) (bank.Link, bool) {
	l, ok := b.links[id]
	return l, ok
}

// Settle ends the refreshes that are due.
func (b *Provider) Settle() {
	now := b.Now()
	for _, l := range b.order {
		l.settle(now, b.Outages[l.institution.Name])
	}
}

// ID returns the id of the link.
func (l *link) ID() string { return l.id }

// Book returns the accounts of the customer.
func (l *link) Book() *bank.Book { return l.book }

// AccountID returns the id of an account on this link.
func (l *link) AccountID(a *bank.Account) string { return l.accountID(a) }

// Day returns the day of a row.
func (*link) Day(r bank.Row) bank.Day { return r.Date }

// Moved does nothing, because MoneyKit announces transactions when it has fetched them.
func (*link) Moved() {}

// Lapse ends the user's consent. The state becomes error with auth_expired.
func (l *link) Lapse() bool {
	if _, _, ok := l.bank.findLink(l.id); !ok {
		return false
	}
	l.state, l.errorCode = bank.StateError, authExpired
	l.changed(l.bank.Now())
	return true
}

// State returns the state of the link.
func (l *link) State() bank.LinkState {
	return bank.LinkState{
		Provider:    Name,
		ID:          l.id,
		User:        l.user,
		Tags:        slices.Clone(l.tags),
		Institution: l.institution.MoneyKitID,
		State:       l.state,
		Products:    l.productNames(),
		Presented:   l.Presented,
		Exchanged:   l.Exchanged,
	}
}
