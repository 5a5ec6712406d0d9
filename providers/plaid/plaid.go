// Package plaid is the bankmux adapter for Plaid. Plaid serves banks in the United States, Canada,
// the United Kingdom and Europe.
//
// # Credentials
//
// Plaid's dashboard shows a client id, and one secret per environment. The environment decides the
// address of the API.
//
//	client, err := plaid.New(plaid.Config{
//		ClientID:    os.Getenv("PLAID_CLIENT_ID"),
//		Secret:      bankmux.NewSecret(os.Getenv("PLAID_SECRET")),
//		Environment: bankmux.Production,
//		AppName:     "Example Bookkeeping",
//	})
//
// [New] returns a guarded [bankmux.Client].
//
// # Linking
//
// The front end loads Launch.ScriptURL from Plaid and opens Link with Launch.Token. It posts what
// onSuccess or onExit passes:
//
//	{"public_token": "…", "metadata": {…}}   (onSuccess)
//	{"error": … or null}                     (onExit)
//
// A bank's own login page may return to SessionRequest.RedirectURI. The front end then opens Link
// again with the same token, and with its own address as receivedRedirectUri.
//
// With [SessionOptions.Hosted] the browser goes to Launch.URL instead. The redirect at the end has
// no result. Post an empty object, or use [bankmux.Event.ExchangePayload] of the webhook.
//
// Plaid cannot skip the choice of a bank. A session whose SessionRequest.Institution has no id for
// Plaid is [bankmux.ErrUnsupported], and with an id the user still chooses.
//
// # Capabilities
//
// The client reads status, institutions, accounts, balances, account numbers, identity,
// transactions with enrichment, holdings and investment transactions. It has Sync, Refresh,
// Disconnect, CheckCredentials and webhooks. Plaid serves stored data. Only fresh balances and a
// refresh ask the bank, and Plaid bills them. What is due on a debt comes with the balances, if the
// session asked for the product "liabilities": see [SessionOptions]. Functions of this package,
// such as [ReadLiabilities], do what Plaid alone offers.
//
// A session may ask for several banks in one run, with [SessionOptions.MultiItem]. Each is a
// connection.
//
// # Integrity
//
// Before a token is exchanged, the adapter reads which tokens the session's link token made. A
// token of another session is refused as [bankmux.CodeOtherSession], and nothing is spent. Plaid
// shows the results of sessions without a hosted page only to applications with "Link events": see
// [Config.WithoutLinkEvents].
//
// # Reconnect
//
// Update mode keeps the access token and exchanges nothing. ExchangeToken reads the Item back: the
// reconnect succeeded if a run of Link did and the Item has no error. The webhook of an Item is
// changed by a call of its own, which CreateSession makes if SessionRequest.WebhookURL names
// another one.
package plaid

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/setup"
	"github.com/bankmux/bankmux/adapter/webhook"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/plaid"
)

// Name is the adapter's name, and the key of its ids in a [bankmux.InstitutionRef].
const Name = "plaid"

// The addresses of the API.
const (
	ProductionURL = "https://production.plaid.com"
	SandboxURL    = "https://sandbox.plaid.com"
)

// DefaultScriptURL is Link for web pages. Plaid's documentation forbids to bundle it or to serve it
// from elsewhere.
const DefaultScriptURL = "https://cdn.plaid.com/link/v2/stable/link-initialize.js"

// Config configures one Plaid application. ClientID, Secret and Environment are required.
type Config struct {
	Name        string // registered name, one per application of the process; "" means "plaid"
	ClientID    string
	Secret      bankmux.Secret // of the environment
	Environment bankmux.Environment

	// AppName is shown to the user in Link, in at most 30 characters. "" means "This Application",
	// which Link also shows for a longer name.
	AppName string
	// Countries are those that Plaid has enabled for the application. They are used where a request
	// names no country. nil means all that Plaid serves, and no default for sessions.
	Countries []string
	// WithoutLinkEvents is for an application for which Plaid has not enabled "Link events". Plaid
	// does not show it which tokens a plain session made, that is one without a hosted page and for
	// one bank. Such a session then accepts the token of another one. It also accepts a reconnect
	// that the user did not finish, if the connection works.
	WithoutLinkEvents bool

	BaseURL   string // "" means the address of the environment; https, or http on loopback
	ScriptURL string // "" means [DefaultScriptURL], which Plaid requires outside of tests
	// HTTPClient is copied. Its transport must not repeat requests, and must keep their contexts.
	// nil means a client of the adapter's own, for many concurrent calls.
	HTTPClient *http.Client
	// Resty adds middleware, hooks or debug output to the HTTP client: see [rest.Config].
	Resty     func(*resty.Client)
	BodyLimit int // largest response in bytes after decompression; 0 means 8 MiB
	// Guard may be shared by clients, for one health page and one set of webhook keys. nil means a
	// new one with the defaults.
	Guard *guard.Guard

	// Now is the clock that decides which days are requested; nil means the machine's. Tests set it
	// to the clock of a bank, such as virtualbank's Bank.Now.
	Now func() time.Time

	Webhook WebhookConfig
}

// New checks the configuration and returns the guarded client. It sends nothing. The error is
// [bankmux.ErrInvalid] and names the field.
func New(cfg Config) (*bankmux.Client, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	cfg.Countries = slices.Clone(cfg.Countries)
	a := &adapter{cfg: cfg, api: newAPI(cfg)}
	if err := a.verifyWebhooks(); err != nil {
		return nil, setup.Refuse(Name, "Config.Webhook", err.Error())
	}
	// Fresh balances ask the bank, too, but an operation does not show whether they were requested.
	return setup.Client(Name, a.api.rest, cfg.Name, a, cfg.Guard.Interceptors(setup.OnlyRefreshAsksBank)...)
}

// complete sets the defaults and refuses what cannot be right.
func (cfg *Config) complete() error {
	setup.Complete(Name, &cfg.Name, &cfg.Guard, &cfg.Now)
	addresses := map[bankmux.Environment]string{bankmux.Sandbox: SandboxURL, bankmux.Production: ProductionURL}
	cfg.BaseURL = cmp.Or(cfg.BaseURL, addresses[cfg.Environment])
	cfg.ScriptURL = cmp.Or(cfg.ScriptURL, DefaultScriptURL)
	cfg.AppName = cmp.Or(cfg.AppName, "This Application")
	check := setup.Checks{Provider: Name}
	check.Credential("ClientID", cfg.ClientID)
	check.Credential("Secret", cfg.Secret.Reveal())
	check.Environment(cfg.Environment)
	unserved := normalize.Serves("Countries", "Plaid", model.Countries(), cfg.Countries...)
	check.Rule(unserved == nil, "Countries", "has one that Plaid does not serve")
	check.Rule(cfg.Webhook.Age >= 0, "Webhook.Age", "is negative")
	check.Rule(cfg.BodyLimit >= 0, "BodyLimit", "is negative")
	check.URL("BaseURL", cfg.BaseURL)
	check.URL("ScriptURL", cfg.ScriptURL)
	return check.Err()
}

type adapter struct {
	setup.ReadsOnReconnect

	cfg      Config
	api      *api
	webhooks webhook.Verifier
}

// Describe names the adapter.
func (a *adapter) Describe() bankmux.Description {
	return bankmux.Description{Provider: Name, Environment: a.cfg.Environment, Now: a.cfg.Now}
}

// CheckCredentials reads one institution. Plaid has no call that names the application.
func (a *adapter) CheckCredentials(ctx context.Context, _ bankmux.CheckRequest) (bankmux.CheckResult, error) {
	body := institutionsRequest{Count: 1, Offset: new(int), Countries: a.cfg.Countries}
	if body.Countries == nil {
		body.Countries = []string{"US"}
	}
	_, err := institutionsGet.fetch(ctx, a.api, body)
	return bankmux.CheckResult{}, err
}

// The capabilities of the adapter.
var (
	_ bankmux.Provider          = (*adapter)(nil)
	_ bankmux.Describer         = (*adapter)(nil)
	_ bankmux.EffectDecider     = (*adapter)(nil)
	_ bankmux.ExitDecider       = (*adapter)(nil)
	_ bankmux.StatusReader      = (*adapter)(nil)
	_ bankmux.Disconnector      = (*adapter)(nil)
	_ bankmux.CredentialChecker = (*adapter)(nil)

	_ bankmux.InstitutionLister           = (*adapter)(nil)
	_ bankmux.AccountLister               = (*adapter)(nil)
	_ bankmux.BalanceReader               = (*adapter)(nil)
	_ bankmux.AccountNumberReader         = (*adapter)(nil)
	_ bankmux.IdentityReader              = (*adapter)(nil)
	_ bankmux.TransactionLister           = (*adapter)(nil)
	_ bankmux.EnrichedTransactionLister   = (*adapter)(nil)
	_ bankmux.TransactionSyncer           = (*adapter)(nil)
	_ bankmux.HoldingReader               = (*adapter)(nil)
	_ bankmux.InvestmentTransactionLister = (*adapter)(nil)
	_ bankmux.Refresher                   = (*adapter)(nil)
	_ bankmux.WebhookReader               = (*adapter)(nil)
)
