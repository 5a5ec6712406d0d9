package plaid

// This file has the Items and their consents.

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// Terms of consents and their warnings.
const (
	europeanConsent = 180 * 24 * time.Hour
	americanConsent = 365 * 24 * time.Hour // of institutions with OAuth
	warnedAhead     = 7 * 24 * time.Hour
)

// item is one login of one user at one institution.
type item struct {
	bank        *Provider
	id          string
	token       string // "" before the exchange
	user        string
	institution bank.Institution
	book        *bank.Book
	state       string
	err         code // of the login; its name is "" while all is well
	message     string
	reason      string // error_code_reason
	created     time.Time
	loggedIn    time.Time
	consentEnds time.Time // zero for never
	warned      bool
	webhook     string
	products    []string // that took effect
	consented   []string
	shown       map[string][]string // see linkToken
	chosen      []string            // names of the accounts that the user shares; nil is all
	feed        feed
	connected   time.Time // the exchange
	// since when investment transactions can be read without waiting for the first look
	investedFrom time.Time
	investedAt   time.Time // of the last look at investments and liabilities
	lastWebhook  string
	lastSentAt   time.Time
	bank.Exchanges
}

// newItem makes the Item of a login. It is known to the bank once [item.fits] accepts it.
func (b *Provider) newItem(at bank.Institution, t *linkToken, username string) *item {
	now := b.Now()
	username, _ = bank.OrGood(username, "")
	it := &item{
		bank: b, id: b.draw.Base58(37), user: t.user, institution: at, book: b.Open(at, username),
		state: bank.StateAwaiting, created: now, loggedIn: now, webhook: t.webhook, shown: t.shown,
	}
	it.feed.days = t.days
	it.renewConsent()
	served := productsOf(at)
	for _, name := range slices.Concat(t.products, t.ifSupported, t.optional) {
		if slices.Contains(served, name) {
			it.products = append(it.products, name)
		}
	}
	it.consent(t.asked())
	if username == userDynamic {
		it.openDynamic()
	}
	return it
}

// consent adds products that the user agreed to.
func (it *item) consent(names []string) {
	for _, name := range productsOf(it.institution) {
		if slices.Contains(names, name) && !slices.Contains(it.consented, name) {
			it.consented = append(it.consented, name)
		}
	}
}

// fits makes the Item known, unless no account of it is among those that the session shows.
func (it *item) fits() *bank.Refusal {
	if len(it.accounts()) == 0 {
		return bank.Refuse(http.StatusUnprocessableEntity,
			"%s has no account of the session's types", it.institution.Name)
	}
	it.bank.items[it.id] = it
	it.bank.order = append(it.bank.order, it)
	return nil
}

// renewConsent starts the consent as if new.
func (it *item) renewConsent() {
	it.warned = false
	switch {
	case it.european():
		it.consentEnds = it.bank.Now().Add(europeanConsent)
	case it.institution.OAuth:
		it.consentEnds = it.bank.Now().Add(americanConsent)
	}
}

// european reports whether the rules of Europe hold for the consent.
func (it *item) european() bool {
	return it.institution.Country != "US" && it.institution.Country != "CA"
}

// heal is the end of update mode, or of a repair elsewhere.
func (it *item) heal(now time.Time) {
	it.err, it.message, it.reason, it.loggedIn = code{}, "", "", now
	if it.state == bank.StateError {
		it.state = bank.StateConnected
	}
	it.renewConsent()
}

// breakLogin puts the Item into ITEM_LOGIN_REQUIRED and announces that. reason is its
// error_code_reason.
func (it *item) breakLogin(reason string) {
	it.err, it.message, it.reason = loginRequired, loginMessage, reason
	if it.state == bank.StateConnected {
		it.state = bank.StateError
	}
	it.announce(it.bank.Now(), "ITEM", "ERROR", map[string]any{"error": it.errorInWebhook()})
}

func (it *item) errorInWebhook() map[string]any {
	body := it.err.inWebhook(it.message)
	if it.reason != "" {
		body["error_code_reason"] = it.reason
	}
	return body
}

// settle lets happen what the passing of time brings.
func (it *item) settle(now time.Time) {
	if it.state == bank.StateDeleted {
		return
	}
	if !it.consentEnds.IsZero() && it.err.name == "" {
		switch {
		case !now.Before(it.consentEnds):
			it.breakLogin("OAUTH_CONSENT_EXPIRED")
		case !it.warned && !now.Before(it.consentEnds.Add(-warnedAhead)):
			it.warned = true
			it.announceEnd(now)
		}
	}
	if life := it.bank.opts.ItemLifetime; life > 0 && it.err.name == "" && !now.Before(it.loggedIn.Add(life)) {
		it.breakLogin("")
	}
	it.settleFeed(now)
	it.settleProducts(now)
}

const loginMessage = "the login details of this item have changed (credentials, MFA, or required user action) " +
	"and a user login is required to update this information. " +
	"use Link's update mode to restore the item to a good state"

// announceEnd warns of the end of the consent. In Europe the consent expires, in North America the
// institution disconnects.
func (it *item) announceEnd(now time.Time) {
	if it.european() {
		it.announce(now, "ITEM", "PENDING_EXPIRATION",
			map[string]any{"consent_expiration_time": instant(it.consentEnds)})
		return
	}
	it.announce(now, "ITEM", "PENDING_DISCONNECT", map[string]any{
		"reason": "INSTITUTION_TOKEN_EXPIRATION", "disconnect_time": instant(it.consentEnds),
	})
}

// find returns the Item of an access token; the reply is for one that is not there.
func (b *Provider) find(access string) (*item, bank.Reply, bool) {
	it, known := b.access[access]
	switch {
	case !strings.HasPrefix(access, "access-sandbox-"):
		return nil, refuse(badAccessToken, "provided access token is in an invalid format. "+
			"expected format: access-<environment>-<identifier>"), false
	case !known:
		return nil, refuse(badAccessToken, "could not find matching access token"), false
	case it.state == bank.StateDeleted && it.err.name == revoked.name:
		return it, refuse(revoked, it.message), false
	case it.state == bank.StateDeleted:
		return it, refuse(itemNotFound, "The Item you requested cannot be found. This Item does not exist, "+
			"has been previously removed via /item/remove, or has had access removed by the user."), false
	}
	return it, bank.Reply{}, true
}

// itemOf validates a request that is about an Item and finds it.
func (r request) itemOf(access string) (*item, bank.Reply, bool) {
	if p, bad := r.refusal(); bad {
		return nil, p, false
	}
	it, p, ok := r.bank.find(access)
	if !ok {
		return nil, p, false
	}
	if p, limited := r.limit(it); limited {
		return nil, p, false
	}
	it.settle(r.bank.Now())
	return it, bank.Reply{}, true
}

// dataOf is the Item of a request that reads a product. "" is what any product brings along.
func (r request) dataOf(access, product string) (*item, bank.Reply, bool) {
	it, p, ok := r.itemOf(access)
	if !ok {
		return nil, p, false
	}
	if it.err.name != "" {
		p := refuse(it.err, it.message)
		if body, isMap := p.Body.(map[string]any); isMap && it.reason != "" {
			body["error_code_reason"] = it.reason
		}
		return nil, p, false
	}
	if p, ok := it.permit(product); !ok {
		return nil, p, false
	}
	return it, p, true
}

// permit reports whether a product can be read, and adds one that the user consented to. A product
// that was never asked for is refused in North America for want of consent. That the refusal
// elsewhere is PRODUCT_NOT_ENABLED is the bank's choice.
func (it *item) permit(product string) (bank.Reply, bool) {
	switch {
	case product == "" || slices.Contains(it.products, product):
		return bank.Reply{}, true
	case !slices.Contains(productsOf(it.institution), product):
		return refuse(notSupported,
			"the following products are not supported by this institution: [\""+product+"\"]"), false
	case slices.Contains(it.consented, product):
		it.products = append(it.products, product)
		return bank.Reply{}, true
	case it.european():
		return refuse(notEnabled, "the product "+product+" was not requested when the Item was linked"), false
	}
	return refuse(consentRequired, "client does not have user consent to access the "+
		"PRODUCT_"+strings.ToUpper(product)+" product"), false
}

// body is an Item as answers have it.
func (it *item) body() map[string]any {
	available := slices.DeleteFunc(productsOf(it.institution), func(name string) bool {
		return slices.Contains(it.products, name)
	})
	var trouble any
	if it.err.name != "" {
		body := it.err.envelope(it.message)
		if it.reason != "" {
			body["error_code_reason"] = it.reason
		}
		trouble = body
	}
	return map[string]any{
		"item_id":                 it.id,
		"institution_id":          it.institution.PlaidID,
		"institution_name":        it.institution.Name,
		"webhook":                 bank.Nullable(it.webhook),
		"auth_method":             nil,
		"error":                   trouble,
		"available_products":      append([]string{}, available...),
		"billed_products":         append([]string{}, it.products...),
		"products":                append([]string{}, it.products...),
		"consented_products":      append([]string{}, it.consented...),
		"consent_expiration_time": instant(it.consentEnds),
		"update_type":             "background",
	}
}

// exchange serves the exchange of a public token: once, within 30 minutes.
func (b *Provider) exchange(r request) bank.Reply {
	text := r.text("public_token", true, false)
	if p, bad := r.refusal(); bad {
		return p
	}
	token, known := b.public[text]
	if known {
		token.item.Presented++
	}
	switch {
	case !strings.HasPrefix(text, "public-sandbox-"):
		return refuse(badPublicToken, "provided public token is in an invalid format. "+
			"expected format: public-<environment>-<identifier>")
	case !known:
		return refuse(badPublicToken, "could not find matching public token")
	case !b.Now().Before(token.expires):
		return refuse(badPublicToken, "provided public token is expired. "+
			"Public tokens expire 30 minutes after creation at which point they can no longer be exchanged")
	case token.used && !b.opts.RepeatableExchange:
		return refuse(badPublicToken, "provided public token was exchanged already")
	case r.call.Fault == faultQuota:
		return refuse(quotaReached, "the limit of connections has been reached")
	}
	it := token.item
	if it.state == bank.StateDeleted {
		return refuse(itemNotFound, "The Item of this public token was removed")
	}
	access := b.draw.Hide("access-sandbox-" + b.draw.UUID())
	b.access[access] = it
	it.token = access
	if !token.used {
		token.used = true
		it.Exchanged++
		it.connect(b.Now())
	}
	return ok(map[string]any{"access_token": access, "item_id": it.id})
}

// connect starts the work of an Item. Plaid starts with the login. The bank counts from the
// exchange, so that a first sync finds the Item as it is in the seconds before.
func (it *item) connect(now time.Time) {
	it.state = bank.StateConnected
	if it.err.name != "" {
		it.state = bank.StateError
	}
	it.connected, it.investedAt, it.investedFrom = now, now, now.Add(historicalAfter)
	if slices.Contains(it.products, "transactions") {
		it.startFeed(now)
	}
}

func (b *Provider) serveItem(r request) bank.Reply {
	it, p, found := r.itemOf(r.text("access_token", true, false))
	if !found {
		return p
	}
	item := it.body()
	item["created_at"] = instant(it.created)
	status := map[string]any{"transactions": nil, "investments": nil, "last_webhook": nil}
	if slices.Contains(it.products, "transactions") {
		status["transactions"] = map[string]any{
			"last_successful_update": instant(it.feed.updated), "last_failed_update": instant(it.feed.failed),
		}
	}
	if slices.Contains(it.products, "investments") {
		status["investments"] = map[string]any{
			"last_successful_update": instant(it.investedAt), "last_failed_update": nil,
		}
	}
	if it.lastWebhook != "" {
		status["last_webhook"] = map[string]any{"sent_at": instant(it.lastSentAt), "code_sent": it.lastWebhook}
	}
	return ok(map[string]any{"item": item, "status": status})
}

func (b *Provider) removeItem(r request) bank.Reply {
	access := r.text("access_token", true, false)
	r.oneOf("reason_code", false, true, "FRAUD_FIRST_PARTY", "FRAUD_FALSE_IDENTITY", "FRAUD_ABUSE", "FRAUD_OTHER",
		"CONNECTION_IS_NON_FUNCTIONAL", "OTHER")
	if note := r.text("reason_note", false, true); len(note) > 512 {
		r.invalid("reason_note", "must have at most 512 characters")
	}
	it, p, found := r.itemOf(access)
	if !found {
		return p
	}
	it.state, it.err = bank.StateDeleted, code{}
	return ok(map[string]any{})
}

// updateWebhook changes the address of an Item's webhooks and acknowledges at the new one.
func (b *Provider) updateWebhook(r request) bank.Reply {
	access, address := r.text("access_token", true, false), r.address("webhook", true)
	it, p, found := r.itemOf(access)
	if !found {
		return p
	}
	it.webhook = address
	it.announce(b.Now(), "ITEM", "WEBHOOK_UPDATE_ACKNOWLEDGED", map[string]any{"new_webhook_url": address})
	return ok(map[string]any{"item": it.body()})
}

// rotateToken gives an Item another access token. The old one ends at once.
func (b *Provider) rotateToken(r request) bank.Reply {
	access := r.text("access_token", true, false)
	it, p, found := r.itemOf(access)
	if !found {
		return p
	}
	delete(b.access, access)
	it.token = b.draw.Hide("access-sandbox-" + b.draw.UUID())
	b.access[it.token] = it
	return ok(map[string]any{"new_access_token": it.token})
}
