// Package dapi is the bankmux adapter for Dapi. Dapi serves banks in the United Arab Emirates,
// Saudi Arabia, other countries of that region and the United States.
//
// # Credentials
//
// Dapi's dashboard shows an app key and an app secret per application. The app key is public. One
// base URL serves both environments, so set Environment. A production client refuses a sandbox
// bank.
//
//	client, err := dapi.New(dapi.Config{
//		AppKey:      os.Getenv("DAPI_APP_KEY"),
//		AppSecret:   bankmux.NewSecret(os.Getenv("DAPI_APP_SECRET")),
//		Environment: bankmux.Production,
//	})
//
// [New] returns a guarded [bankmux.Client].
//
// # Linking
//
// The front end opens Dapi's Connect with the values of Launch. It posts the argument of onSuccess
// unchanged, or {"error": …} with the argument of onFailure, which may be null.
//
// # Capabilities
//
// The client reads status, accounts, balances, account numbers, identity, cards and transactions,
// with enrichment for accounts. It has Sync, Disconnect and webhooks. Balances and transactions are
// read per account or card. Dapi has no call that checks the application's credentials alone, no
// list of institutions and no refresh. Functions of this package, such as [BankMetadata], do what
// only Dapi offers.
//
// # Integrity
//
// Dapi has no server-side session, so a payload of Connect does not name one. The payload proves a
// login at a bank, but not whose login it is. The application must bind it to its logged-in user,
// as [bankmux.ExchangeRequest] requires.
//
// The adapter does not trust what the payload says about the bank. After the exchange it asks Dapi.
// It refuses a sandbox bank on a production client. On a reconnect it refuses a bank whose id,
// SWIFT code and name all differ from those of the connection. The adapter delinks a refused login.
//
// A user may link two banks from one session. Each connection has its own id.
//
// # An exchange whose bank cannot be read
//
// An outage after the exchange may keep the adapter from reading the bank. ExchangeToken then
// returns the connection as [bankmux.StateUnverified], because an error would lose the one-time
// token. Every call refuses the connection until ConnectionStatus has read and checked the bank. If
// it refuses the bank, the connection becomes [bankmux.StateReauth].
//
// # Signs and running balances
//
// The type of a transaction decides its direction. A minus sign before the amount has no effect,
// with one exception. If the running balances of a row move against its type, a negative amount is
// a refund and has the direction of the balances. A row with a positive amount is in Failed then.
// Each row is judged alone, so its sign never depends on other rows. For cards the type always
// decides, because the balance of a card may be what is owed.
//
// [bankmux.Transaction.BalanceAfter] is in the account's currency, as [bankmux.Client.Accounts]
// listed it. If the account was not listed, BalanceAfter is absent, unless the two running balances
// differ by the amount.
//
// # One call at a time
//
// Dapi fails every call on an access token that two calls use at once. So calls on one connection
// queue.
package dapi

import (
	"cmp"
	"net/http"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/setup"
	"github.com/bankmux/bankmux/guard"
)

// Name is the adapter's name, and the key of its ids in a [bankmux.InstitutionRef].
const Name = "dapi"

// DefaultBaseURL serves sandbox and production (Dapi's documentation).
const DefaultBaseURL = "https://api.dapi.com/v2"

// DefaultScriptURL is Dapi's Connect for web pages (Dapi's documentation).
const DefaultScriptURL = "https://cdn.dapi.com/connect/v3/connector.js"

// Dapi works at the bank while a call is open. It gives up after 120 s, or after 240 s for a
// payment (its documentation). A shorter deadline would miss the response.
const (
	callDeadline = 125 * time.Second
	payDeadline  = 245 * time.Second
)

// providerLimit is the longest time for which Dapi works on a call (its documentation).
const providerLimit = 240 * time.Second

// Config configures one Dapi application. AppKey, AppSecret and Environment are required.
type Config struct {
	Name        string // registered name, one per application of the process; "" means "dapi"
	AppKey      string // public
	AppSecret   bankmux.Secret
	Environment bankmux.Environment // chosen when Connect opens, and kept by the connection

	BaseURL   string // "" means [DefaultBaseURL]; https, or http on loopback
	ScriptURL string // "" means [DefaultScriptURL]
	// HTTPClient is copied. Its transport must not repeat requests, and must keep their contexts.
	// nil means a client of the adapter's own, for many concurrent calls.
	HTTPClient *http.Client
	// Resty adds middleware, hooks or debug output to the HTTP client: see [rest.Config].
	Resty     func(*resty.Client)
	BodyLimit int          // largest response in bytes after decompression; 0 means 8 MiB
	Guard     *guard.Guard // clients may share one for one health page; nil means a new one with the defaults

	// Now is the clock that decides which days are requested; nil means the machine's. Tests set it
	// to the clock of a bank, such as virtualbank's Bank.Now.
	Now func() time.Time

	Webhook WebhookConfig
}

// New checks the configuration and returns the guarded client. It sends nothing. The error is
// [bankmux.ErrInvalid] and names the field.
func New(cfg Config) (*bankmux.Client, error) {
	setup.Complete(Name, &cfg.Name, &cfg.Guard, &cfg.Now)
	cfg.BaseURL = cmp.Or(cfg.BaseURL, DefaultBaseURL)
	cfg.ScriptURL = cmp.Or(cfg.ScriptURL, DefaultScriptURL)
	check := setup.Checks{Provider: Name}
	check.Rule(cfg.AppKey != "", "AppKey", "is empty")
	check.Rule(!cfg.AppSecret.IsZero(), "AppSecret", "is empty")
	check.Environment(cfg.Environment)
	check.Rule(cfg.BodyLimit >= 0, "BodyLimit", "is negative")
	check.URL("BaseURL", cfg.BaseURL)
	check.URL("ScriptURL", cfg.ScriptURL)
	if err := check.Err(); err != nil {
		return nil, err
	}
	webhooks, err := newWebhooks(cfg.Webhook, cfg.Now)
	if err != nil {
		return nil, err
	}
	a := &adapter{
		env:       cfg.Environment,
		appKey:    cfg.AppKey,
		scriptURL: cfg.ScriptURL,
		api:       newAPI(cfg),
		webhooks:  webhooks,
		clock:     cfg.Now,
	}
	return setup.Client(Name, a.api.rest, cfg.Name, a, cfg.Guard.Interceptors(guardDefaults)...)
}

// guardDefaults sets the guard options that the application left unset.
func guardDefaults(o *guard.Options) {
	o.OnePerConnection, o.Hold = true, true
	if o.ProviderLimit == 0 {
		o.ProviderLimit = providerLimit
	}
	if o.AtInstitution == nil {
		o.AtInstitution = atBank
	}
	for _, d := range []*time.Duration{&o.Deadline.Link, &o.Deadline.Data} {
		if *d == 0 {
			*d = callDeadline
		}
	}
	if o.Deadline.Pay == 0 {
		o.Deadline.Pay = payDeadline
	}
}

// atBank reports whether the bank answers a call while it is open. All reads of data do, except
// those about the bank or an operation.
func atBank(op bankmux.Op) bool {
	return op.Group == bankmux.GroupData && op.Name != opBank.Name && op.Name != opOperation.Name
}

type adapter struct {
	env       bankmux.Environment
	appKey    string
	scriptURL string
	api       *api
	webhooks  webhooks
	clock     func() time.Time
	ranges    ranges

	currencies currencies
}

// Describe names the adapter.
func (a *adapter) Describe() bankmux.Description {
	return bankmux.Description{Provider: Name, Environment: a.env, PerAccount: true, Now: a.clock}
}

// Effect says that creating a session sends nothing.
func (a *adapter) Effect(op bankmux.Op) bankmux.Effect {
	if op.Name == bankmux.OpCreateSession {
		return bankmux.Local
	}
	return op.Effect
}

// now is the time of the clock as the model stores it.
func (a *adapter) now() time.Time { return bankmux.Moment(a.clock()) }

// The capabilities of the adapter. It does not implement CredentialChecker, because Dapi has no
// call that checks an application's credentials alone.
var (
	_ bankmux.Provider      = (*adapter)(nil)
	_ bankmux.Describer     = (*adapter)(nil)
	_ bankmux.EffectDecider = (*adapter)(nil)
	_ bankmux.StatusReader  = (*adapter)(nil)
	_ bankmux.Disconnector  = (*adapter)(nil)

	_ bankmux.AccountLister             = (*adapter)(nil)
	_ bankmux.BalanceReader             = (*adapter)(nil)
	_ bankmux.AccountNumberReader       = (*adapter)(nil)
	_ bankmux.IdentityReader            = (*adapter)(nil)
	_ bankmux.CardLister                = (*adapter)(nil)
	_ bankmux.TransactionLister         = (*adapter)(nil)
	_ bankmux.EnrichedTransactionLister = (*adapter)(nil)
	_ bankmux.TransactionSyncer         = (*adapter)(nil)
	_ bankmux.WebhookReader             = (*adapter)(nil)
)
