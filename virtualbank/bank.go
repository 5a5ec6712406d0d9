package virtualbank

import (
	"net/http"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
	"github.com/bankmux/bankmux/virtualbank/internal/dapi"
	"github.com/bankmux/bankmux/virtualbank/internal/moneykit"
)

// Options describe a bank. The zero value is a bank without limits that starts
// now and draws everything random from seed 1.
type Options struct {
	// Seed decides every credential, identifier and token. 0 means 1. Two banks with
	// the same seed that get the same calls in the same order hand out the same ones;
	// only tokens that state a time of day differ, unless Start is set too.
	Seed uint64

	// Start is the bank's time at the moment of [New]; zero means the machine's time.
	Start time.Time

	// HistoryDays is how far back the ledger goes at Start; 0 means 730.
	HistoryDays int

	// Customers can log in beside [UserGood].
	Customers []Customer

	// LinkQuota is how many MoneyKit links may be in use at once; 0 is no limit. The
	// exchange of one more is a 422 with link_session_error.invalid_token_exchange.
	LinkQuota int

	// RedirectOrigins are the scheme://host[:port] from which MoneyKit sessions may be
	// redirected to, as listed on the dashboard. Empty allows all.
	RedirectOrigins []string

	// ForbiddenFeatures are the MoneyKit connect_features that this app may not use.
	ForbiddenFeatures []string

	// DeletedReadable makes MoneyKit answer a read of a deleted link with 200 and state
	// "deleted" for 90 days, as its prose says, in place of 410 link_error.deleted,
	// as its response tables say.
	DeletedReadable bool

	// WebhookIssuer signs MoneyKit's webhooks; "" is [DefaultIssuer].
	WebhookIssuer string

	// Forms are the forms of MoneyKit's answers; see [Bank.SetForms].
	Forms Forms

	// MachineTimeWebhooks signs webhooks with the machine's time. Otherwise they are signed with
	// the bank's, for receivers that live on it: [Bank.Now] or [RemoteClock]. It makes a difference
	// once the bank's clock was set or moved, since a receiver refuses what was signed in its
	// future.
	MachineTimeWebhooks bool

	// RemoteWebhooks delivers webhooks also to addresses that are not loopback. Otherwise those are
	// kept, and never sent.
	RemoteWebhooks bool
}

// Credentials are what an application would copy from the providers' dashboards.
type Credentials struct {
	MoneyKit MoneyKitCredentials
	Dapi     DapiCredentials
}

// MoneyKitCredentials open the MoneyKit side of a bank.
type MoneyKitCredentials struct{ ClientID, ClientSecret string }

// DapiCredentials open the Dapi side of a bank. AppKey is public, AppSecret is not.
type DapiCredentials struct{ AppKey, AppSecret string }

// Bank is one virtual bank, seen through both providers. Its methods and handlers may be
// used by any number of goroutines. It starts none itself and holds nothing
// that needs closing.
type Bank struct {
	core      *bank.Bank
	moneykit  *moneykit.Provider
	dapi      *dapi.Provider
	providers []bank.Provider // by which everything goes that is not of one provider alone

	machineTime bool // of webhooks
	remote      bool // webhooks

	// Guarded by the mutex of core.
	faults  []*activeFault
	journal journal
	outbox

	apis map[string]http.Handler // by provider
}

// New opens a bank. It neither listens nor fails; see [Start] for servers.
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
		announcer{b},
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
	b.providers = []bank.Provider{b.moneykit, b.dapi}
	for _, p := range b.providers {
		b.apis[p.Spec().Name] = b.serve(p)
	}
	return b
}

// Credentials returns what a client of this bank has to present. They never change.
func (b *Bank) Credentials() Credentials {
	return Credentials{
		MoneyKit: MoneyKitCredentials(b.moneykit.Credentials()),
		Dapi:     DapiCredentials(b.dapi.Credentials()),
	}
}

// MoneyKit returns the MoneyKit side: the API at the root, the control
// plane under /virtualbank/.
func (b *Bank) MoneyKit() http.Handler { return b.apis[moneykit.Name] }

// Dapi returns the Dapi side: the API under /v2, the control plane under /virtualbank/.
func (b *Bank) Dapi() http.Handler { return b.apis[dapi.Name] }

// Now returns the bank's time: the start, plus what has passed since, plus every
// [Bank.Advance].
func (b *Bank) Now() time.Time { return b.core.Now() }

// Advance moves the bank's clock ahead, so that tokens expire without waiting. A
// negative d is ignored: the bank's time never runs backwards.
func (b *Bank) Advance(d time.Duration) { b.core.Advance(d) }
