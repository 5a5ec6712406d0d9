package virtualbank

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// authExpired is the commonest error of a link.
const authExpired = "auth_expired"

// link is a connection between the app and one login at one institution.
type link struct {
	bank        *mkProvider
	id          string
	user        string
	institution coreInstitution
	provider    string
	state       string
	errorCode   string
	created     time.Time
	deleted     time.Time
	synced      time.Time
	webhook     *string
	tags        []string
	products    map[string]*linkProduct
	prefetch    []string
	book        *book
	history     []fetched               // the states of its transactions
	corrections map[string][]correction // of categories, by account and event
	churn       int                     // how often all ids changed
	ids         map[string]string       // events that have the id of another; never changed, only replaced
	twists      []twist                 // situations of the record of changes
	forgot      bool                    // cursors are refused until a sync begins anew
	imported    bool                    // and not reconnected yet
	circles     int                     // pages that go round
	exchanges

	ignoresUntil time.Time // until when its lists ignore the days asked for
}

type linkProduct struct {
	refreshed time.Time
	attempted time.Time
	asked     time.Time // the last refresh by the app
	due       time.Time // when it will be done, zero if none is under way
	fault     string

	unavailable string // why it cannot be refreshed
}

// productNames are in their order, so that what is announced is, too.
func (l *link) productNames() []string { return slices.Sorted(maps.Keys(l.products)) }

// connect is the end of linking: the exchange, or a reconnect.
func (l *link) connect(now time.Time) {
	l.state, l.errorCode, l.synced, l.imported = stateConnected, "", now, false
	l.changed(now)
	for _, name := range l.productNames() {
		p := l.products[name]
		if name == "accounts" || (slices.Contains(l.prefetch, name) && p.refreshed.IsZero()) {
			l.fetch(name, now, false)
		}
	}
}

// grant adds products. Those that the link has keep their settings.
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

func (l *link) wire() linkWire {
	w := linkWire{
		LinkID:      l.id,
		Institution: l.institution.MoneyKitID,
		Name:        l.institution.Name,
		Avatar:      avatarOf(l.institution),
		State:       l.state,
		LastSynced:  mkTime(l.synced),
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
	for _, name := range []string{"accounts", "account_numbers", "identity", "transactions", "investments", "enrichment"} {
		w.Products[name] = nil
		p := l.products[name]
		if p == nil {
			continue
		}
		w.Products[name] = &productWire{Refreshed: mkTime(p.refreshed), Attempted: mkTime(p.attempted)}
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

// mkFindLink finds a link that can be spoken of; the reply is for one that cannot.
func (b *mkProvider) mkFindLink(id string) (*link, reply, bool) {
	l, ok := b.links[id]
	switch {
	case !ok, l.state == stateDeleted && b.Now().Sub(l.deleted) >= deletedLinkLife:
		return nil, mkFail(http.StatusNotFound, mkLinkNotFound, "Link not found"), false
	case l.state == stateDeleted:
		return l, mkFail(http.StatusGone, mkLinkDeleted, "Link has been deleted"), false
	}
	return l, reply{}, true
}

// mkWithLink runs f on the link of the path, under the mutex.
func (b *mkProvider) mkWithLink(c *call, f func(*link) reply) reply {
	b.Lock()
	defer b.Unlock()
	l, p, ok := b.mkFindLink(c.vars["id"])
	if !ok {
		return p
	}
	return f(l)
}

func (b *mkProvider) mkGetLink(c *call) reply {
	b.Lock()
	defer b.Unlock()
	l, p, ok := b.mkFindLink(c.vars["id"])
	if !ok && (l == nil || !b.opts.DeletedReadable) {
		return p
	}
	l.settle(b.Now(), b.outages[l.institution.Name])
	return reply{status: http.StatusOK, body: l.wire()}
}

func (b *mkProvider) mkUpdateLink(c *call) reply {
	o, refusal, ok := mkObject(c)
	if !ok {
		return refusal
	}
	webhook := o.text("webhook", false, true, 1, maxURL)
	_, setWebhook := o.members["webhook"]
	name := "link_tags"
	if _, ok := o.members[name]; !ok {
		name = "tags" // its old name
	}
	tags, _ := o.labels(name)
	_, setTags := o.members[name]
	if p, bad := o.refusal(); bad {
		return p
	}
	return b.mkWithLink(c, func(l *link) reply {
		if setWebhook {
			l.webhook = webhook
		}
		if setTags {
			l.tags = tags
		}
		return reply{status: http.StatusOK, body: l.wire()}
	})
}

func (b *mkProvider) mkDeleteLink(c *call) reply {
	return b.mkWithLink(c, func(l *link) reply {
		l.state, l.errorCode, l.deleted = stateDeleted, "", b.Now()
		l.changed(l.deleted)
		return reply{status: http.StatusNoContent}
	})
}

func (b *mkProvider) mkResetLink(c *call) reply {
	return b.mkWithLink(c, func(l *link) reply {
		l.state, l.errorCode = stateError, authExpired
		l.changed(b.Now())
		return reply{status: http.StatusOK, body: l.wire()}
	})
}

// mkUserLinks serves GET /users/{id}/links: every link of the user that is not deleted,
// whatever its state. A user nobody has heard of has none.
func (b *mkProvider) mkUserLinks(c *call) reply {
	b.Lock()
	defer b.Unlock()
	links := map[string]linkWire{}
	for _, l := range b.order {
		if l.user == c.vars["id"] && l.state != stateDeleted {
			links[l.id] = l.wire()
		}
	}
	return reply{status: http.StatusOK, body: map[string]any{"links": links}}
}

// Links returns all links.
func (b *mkProvider) Links() []coreLink {
	all := make([]coreLink, len(b.order))
	for i, l := range b.order {
		all[i] = l
	}
	return all
}

// Find returns the link with an id.
func (b *mkProvider) Find(id string) (coreLink, bool) {
	l, ok := b.links[id]
	return l, ok
}

// Settle ends the refreshes whose time has come.
func (b *mkProvider) Settle() {
	now := b.Now()
	for _, l := range b.order {
		l.settle(now, b.outages[l.institution.Name])
	}
}

// ID returns the id of the link.
func (l *link) ID() string { return l.id }

// Book returns what the customer has at the institution.
func (l *link) Book() *book { return l.book }

// AccountID is the account's id on this link; another link has another.
func (l *link) AccountID(a *account) string { return l.accountID(a) }

// Day returns the day of a row.
func (*link) Day(r row) day { return r.date }

// Moved does nothing: MoneyKit announces transactions when it has fetched them.
func (*link) Moved() {}

// Lapse ends the user's consent: the link is in state error with auth_expired.
func (l *link) Lapse() bool {
	if _, _, ok := l.bank.mkFindLink(l.id); !ok {
		return false
	}
	l.state, l.errorCode = stateError, authExpired
	l.changed(l.bank.Now())
	return true
}

// State describes the link.
func (l *link) State() coreLinkState {
	return coreLinkState{
		Provider:    mkName,
		ID:          l.id,
		User:        l.user,
		Tags:        slices.Clone(l.tags),
		Institution: l.institution.MoneyKitID,
		State:       l.state,
		Products:    l.productNames(),
		Presented:   l.presented,
		Exchanged:   l.exchanged,
	}
}
