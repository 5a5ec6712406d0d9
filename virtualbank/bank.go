package virtualbank

// This file has Bank, its Options and its Credentials.

import (
	"net/http"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
	"github.com/bankmux/bankmux/virtualbank/internal/dapi"
	"github.com/bankmux/bankmux/virtualbank/internal/moneykit"
	"github.com/bankmux/bankmux/virtualbank/internal/plaid"
)

// Options configures a bank. The zero value is a bank without limits that starts now and uses
// seed 1.
type Options struct {
	// Seed decides every credential, id, token and transaction; 0 means 1. Two banks with the same
	// Seed that get the same calls in the same order return the same ids and tokens. Tokens that
	// contain a time differ unless Start is set too.
	Seed uint64

	// Start is the bank's time when [New] returns. The zero value means the machine's time.
	Start time.Time

	// HistoryDays is the number of days before Start that have transactions; 0 means 730.
	HistoryDays int

	// Customers can log in besides [UserGood].
	Customers []Customer

	// LinkQuota limits how many MoneyKit links exist at once; 0 means no limit. Above it the
	// exchange fails with 422 and link_session_error.invalid_token_exchange.
	LinkQuota int

	// RedirectOrigins lists the origins, scheme://host[:port], that MoneyKit sessions may redirect
	// to. MoneyKit's dashboard has the same list. Empty allows all.
	RedirectOrigins []string

	// ForbiddenFeatures lists the MoneyKit connect_features that the application may not use.
	ForbiddenFeatures []string

	// DeletedReadable selects between two behaviours of deleted links that MoneyKit documents. If
	// set, a read returns 200 with state "deleted" for 90 days, as MoneyKit's prose says. Otherwise
	// it returns 410 with link_error.deleted, as MoneyKit's response tables say.
	DeletedReadable bool

	// WebhookIssuer is the issuer of MoneyKit's webhook signatures; "" means [DefaultIssuer].
	WebhookIssuer string

	// Forms selects forms of MoneyKit's responses; see [Bank.SetForms].
	Forms Forms

	// Plaid configures the Plaid API of the bank.
	Plaid PlaidOptions

	// MachineTimeWebhooks signs webhooks with the machine's time. Otherwise the bank's time is
	// used, for receivers whose clock is [Bank.Now] or [RemoteClock]. The two differ after
	// [Bank.Advance], and receivers reject signatures from their future.
	MachineTimeWebhooks bool

	// RemoteWebhooks also delivers webhooks to addresses that are not loopback. Without it those
	// webhooks stay in the outbox.
	RemoteWebhooks bool
}

// Credentials holds what an application copies from the dashboards of the providers.
type Credentials struct {
	MoneyKit MoneyKitCredentials
	Dapi     DapiCredentials
	Plaid    PlaidCredentials
}

// MoneyKitCredentials authenticate a client of the MoneyKit API.
type MoneyKitCredentials struct{ ClientID, ClientSecret string }

// DapiCredentials authenticate a client of the Dapi API. AppKey is public, AppSecret is secret.
type DapiCredentials struct{ AppKey, AppSecret string }

// Bank is one virtual bank with the APIs of all providers. It is safe for concurrent use. It starts
// no goroutines and needs no closing.
type Bank struct {
	core      *bank.Bank
	moneykit  *moneykit.Provider
	dapi      *dapi.Provider
	plaid     *plaid.Provider
	providers []bank.Provider // everything that is not specific to one provider uses this list

	machineTime bool // Options.MachineTimeWebhooks
	remote      bool // Options.RemoteWebhooks

	// The mutex of core guards the fields of this block.
	faults  []*activeFault
	member  string // see AddMember
	journal journal
	outbox

	apis map[string]http.Handler // by provider
}

// New returns a new bank. It opens no sockets; see [Start].
func New(o Options) *Bank {
	if o.Seed == 0 {
		o.Seed = 1
	}
	b := &Bank{machineTime: o.MachineTimeWebhooks, remote: o.RemoteWebhooks, apis: map[string]http.Handler{}}
	customers := make([]bank.Customer, len(o.Customers))
	for i, c := range o.Customers {
		customers[i] = bank.Customer(c)
	}
	b.core = bank.New(
		bank.Settings{Seed: o.Seed, Start: o.Start, HistoryDays: o.HistoryDays, Customers: customers},
		outboxOf{b},
	)
	b.moneykit = moneykit.New(b.core, moneykit.Options{
		LinkQuota:         o.LinkQuota,
		RedirectOrigins:   o.RedirectOrigins,
		ForbiddenFeatures: o.ForbiddenFeatures,
		DeletedReadable:   o.DeletedReadable,
		Issuer:            o.WebhookIssuer,
		Forms:             moneykit.Forms(o.Forms),
	})
	b.dapi = dapi.New(b.core)
	b.moneykit.DrawKeys()
	b.plaid = plaid.New(b.core, o.Seed, plaid.Options(o.Plaid))
	b.providers = []bank.Provider{b.moneykit, b.dapi, b.plaid}
	for _, p := range b.providers {
		b.apis[p.Spec().Name] = b.serve(p)
	}
	return b
}

// Credentials returns what a client of this bank presents. They never change.
func (b *Bank) Credentials() Credentials {
	return Credentials{
		MoneyKit: MoneyKitCredentials(b.moneykit.Credentials()),
		Dapi:     DapiCredentials(b.dapi.Credentials()),
		Plaid:    PlaidCredentials(b.plaid.Credentials()),
	}
}

// MoneyKit returns a handler that serves the MoneyKit API at the root, and the control plane below
// /virtualbank/.
func (b *Bank) MoneyKit() http.Handler { return b.apis[moneykit.Name] }

// Dapi returns a handler that serves the Dapi API below /v2, and the control plane below
// /virtualbank/.
func (b *Bank) Dapi() http.Handler { return b.apis[dapi.Name] }

// Now returns the bank's time: the start, the time that has passed since then, and the sum of all
// [Bank.Advance] calls.
func (b *Bank) Now() time.Time { return b.core.Now() }

// Advance moves the bank's clock forward, so that tokens expire without waiting. A negative d has
// no effect: the bank's time never runs backwards.
func (b *Bank) Advance(d time.Duration) { b.core.Advance(d) }
