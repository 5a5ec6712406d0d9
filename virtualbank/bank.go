package virtualbank

import (
	"net/http"
	"sync"
	"time"
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
	opts         Options
	clock        *clock
	institutions []Institution
	customers    []Customer

	mu      sync.Mutex // guards all below
	gen     *generator
	mk      moneyKitState
	dp      dapiState
	faults  []*activeFault
	journal journal

	books   map[string]*book
	outages map[string]bool // by the institution's name
	served  map[string]int  // days of transactions, by the institution's name
	unsaid  map[string]int  // the same, and the metadata tells of more

	forms     Forms
	hooks     hooks
	dapiHooks DapiWebhooks

	creds       Credentials // written by New only
	jwtKey      []byte
	macs        sync.Pool // hashes keyed with jwtKey
	moneyKitAPI http.Handler
	dapiAPI     http.Handler
}

// New opens a bank. It neither listens nor fails; see [Start] for servers.
func New(o Options) *Bank {
	if o.Seed == 0 {
		o.Seed = 1
	}
	b := &Bank{
		opts:         o,
		clock:        newClock(o.Start),
		institutions: allInstitutions(),
		customers:    append([]Customer{{Username: UserGood, Password: PassGood}}, o.Customers...),
		gen:          newGenerator(o.Seed),
		mk:           newMoneyKitState(),
		dp:           newDapiState(),
		books:        map[string]*book{},
		outages:      map[string]bool{},
		served:       map[string]int{},
		unsaid:       map[string]int{},
		forms:        o.Forms,
	}
	b.creds = Credentials{
		MoneyKit: MoneyKitCredentials{ClientID: "live_" + b.gen.hex(20), ClientSecret: b.gen.alphanumeric(24)},
		Dapi:     DapiCredentials{AppKey: b.gen.hex(64), AppSecret: b.gen.hex(256)},
	}
	key := b.gen.signingKey()
	b.hooks = newHooks(o.Seed, signingKey{b.gen.urlSafe(40), key})
	b.jwtKey = b.gen.bytes(32)
	b.mk.appID = b.gen.uuid()
	b.moneyKitAPI = b.serve(providerMoneyKit)
	b.dapiAPI = b.serve(providerDapi)
	return b
}

// Credentials returns what a client of this bank has to present. They never change.
func (b *Bank) Credentials() Credentials { return b.creds }

// MoneyKit returns the MoneyKit side: the API at the root, the control
// plane under /virtualbank/.
func (b *Bank) MoneyKit() http.Handler { return b.moneyKitAPI }

// Dapi returns the Dapi side: the API under /v2, the control plane under /virtualbank/.
func (b *Bank) Dapi() http.Handler { return b.dapiAPI }

// Now returns the bank's time: the start, plus what has passed since, plus every
// [Bank.Advance].
func (b *Bank) Now() time.Time { return b.clock.now() }

// Advance moves the bank's clock ahead, so that tokens expire without waiting. A
// negative d is ignored: the bank's time never runs backwards.
func (b *Bank) Advance(d time.Duration) { b.clock.advance(d) }
