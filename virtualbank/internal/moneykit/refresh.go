package moneykit

// This file refreshes products.

import (
	"net/http"
	"slices"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// refreshTakes is the duration of a refresh on the bank's clock.
const refreshTakes = 10 * time.Second

// refreshPause returns the minimum time between two refreshes of a product. MoneyKit documents some
// values. Where it does not, the bank's choice is an hour.
func refreshPause(product string) time.Duration {
	if product == "account_numbers" || product == "identity" {
		return 24 * time.Hour
	}
	return time.Hour
}

// fetch ends a refresh. down is set if the institution is down.
func (l *link) fetch(name string, now time.Time, down bool) {
	p := l.products[name]
	p.due = time.Time{}
	if p.unavailable != "" {
		return // nothing is fetched; MoneyKit does not document a webhook for this
	}
	p.attempted = now
	if down {
		p.fault = "institution_error"
		l.announce(
			now,
			eventProductRefresh,
			map[string]any{"product": name, "state": "failed", "error_message": "The institution does not answer"},
		)
		return
	}
	p.refreshed, p.fault = now, ""
	l.announce(now, eventProductRefresh, map[string]any{"product": name, "state": "completed"})
	if name == "transactions" {
		l.history = append(l.history, fetched{at: now, churn: l.churn, ids: l.ids, refresh: len(l.history) + 1})
		l.announce(now, eventTransactions, nil)
	}
}

// fetched is one state of the stored transactions. A refresh or a correction makes a new one.
type fetched struct {
	at      time.Time
	churn   int
	ids     bank.IDs
	refresh int // the number of the refresh; pending rows have other ids after each
}

// settle ends the refreshes that are due.
func (l *link) settle(now time.Time, down bool) {
	for _, name := range l.productNames() {
		p := l.products[name]
		if !p.due.IsZero() && !now.Before(p.due) {
			l.fetch(name, p.due, down)
		}
	}
}

// refreshProducts serves POST /links/{id}/products. It returns 202 while the refresh continues.
func (b *Provider) refreshProducts(c *bank.Call) bank.Reply {
	o, refusal, ok := readObject(c)
	if !ok {
		return refusal
	}
	value, present := o.get("products", true, false)
	list, isList := value.([]any)
	if present && (!isList || len(list) == 0) {
		o.fault("value_error.list.min_items", "ensure this value has at least 1 items", "products")
	}
	var names []string
	for i, v := range list {
		name, _ := v.(string)
		if !slices.Contains(allProducts(), name) {
			o.fault("type_error.enum", "value is not a valid enumeration member", "products", i)
		}
		names = append(names, name)
	}
	if p, bad := o.refusal(); bad {
		return p
	}
	return b.withLink(c, func(l *link) bank.Reply {
		now := b.Now()
		l.settle(now, b.Outages[l.institution.Name])
		if l.state != bank.StateConnected {
			return badLink(l.errorCode)
		}
		for _, name := range names {
			p := l.products[name]
			if p == nil {
				return fail(http.StatusForbidden, codeForbiddenAction, "The user has not permitted "+name)
			}
			if !p.asked.IsZero() && now.Sub(p.asked) < refreshPause(name) {
				return fail(http.StatusTooManyRequests, codeRateLimited, "Rate limit exceeded")
			}
		}
		for _, name := range names {
			l.products[name].asked, l.products[name].due = now, now.Add(refreshTakes)
		}
		return bank.Reply{Status: http.StatusAccepted, Body: l.wire()}
	})
}
