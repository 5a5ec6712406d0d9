// Package moneykit is the bankmux adapter for MoneyKit. MoneyKit serves banks in the United States,
// the United Kingdom and Canada, itself and through other aggregators.
//
// # Credentials
//
// An application has a client id and a client secret. One base URL serves sandbox and live, and the
// credentials decide which of them a call reaches. MoneyKit does not say which it is, so set
// Environment.
//
//	client, err := moneykit.New(moneykit.Config{
//		ClientID:     os.Getenv("MONEYKIT_CLIENT_ID"),
//		ClientSecret: bankmux.NewSecret(os.Getenv("MONEYKIT_CLIENT_SECRET")),
//		Environment:  bankmux.Production,
//	})
//
// [New] returns a guarded [bankmux.Client].
//
// # Linking
//
// The front end runs MoneyKit's Connect, the npm package that Launch.Package names, with
// Launch.Token: link for [bankmux.ModeLink], relink for [bankmux.ModeRelink]. It posts one of
// these:
//
//	{"exchangeable_token": "…", "institution": {…}}   (no token after relink)
//	{"error": … or null}                              (the user did not finish)
//
// # Capabilities
//
// The client reads status, institutions, accounts, balances, account numbers, identity,
// transactions with enrichment, holdings and investment transactions. It has Sync, Refresh,
// Disconnect, CheckCredentials and webhooks. MoneyKit serves stored data, so a read never asks the
// bank: Refresh does. MoneyKit does not keep cards apart from accounts. Functions of this package,
// such as [UserLinks], do what only MoneyKit offers.
//
// # Integrity
//
// The session's id is a tag of the link. A link without the tag of its session is refused as
// [bankmux.CodeOtherSession], so a token of another user or session is worthless. By the tag the
// adapter also finds a link whose exchange had no response, or whose token was posted with another
// session.
//
// # Reconnect
//
// MoneyKit erases the webhook and tags that a reconnect leaves out. So CreateSession reads the
// webhook and tags of the link and sends them again. A reconnect has no token to exchange:
// ExchangeToken reads the link and checks that the user finished.
package moneykit

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/setup"
	"github.com/bankmux/bankmux/adapter/webhook"
	"github.com/bankmux/bankmux/guard"
)

// Name is the adapter's name, and the key of its ids in a [bankmux.InstitutionRef].
const Name = "moneykit"

// DefaultBaseURL serves sandbox and live; the credentials choose (MoneyKit's SDKs and integration
// guide).
const DefaultBaseURL = "https://api.moneykit.com"

// Auth says how requests are authenticated.
type Auth string

// The ways to authenticate.
const (
	// AuthBearer fetches and caches an access token. It is the default, as in MoneyKit's SDKs.
	AuthBearer Auth = ""
	// AuthHeaders sends X-Client-Id and X-Client-Secret with each call, as in MoneyKit's newer
	// documentation.
	AuthHeaders Auth = "headers"
)

// Config configures one MoneyKit application. ClientID, ClientSecret and Environment are required.
type Config struct {
	Name         string // registered name, one per application of the process; "" means "moneykit"
	ClientID     string
	ClientSecret bankmux.Secret
	Environment  bankmux.Environment // what the credentials reach; MoneyKit does not say

	BaseURL string // "" means [DefaultBaseURL]; https, or http on loopback
	// ScriptURL is an ES module in place of MoneyKit's npm package, for tests in a browser. ""
	// means none, because MoneyKit publishes no script.
	ScriptURL string
	Auth      Auth
	Scope     string // space-separated actions of the access token; "" means all that the application has
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
	setup.Complete(Name, &cfg.Name, &cfg.Guard, &cfg.Now)
	cfg.BaseURL = cmp.Or(cfg.BaseURL, DefaultBaseURL)
	check := setup.Checks{Provider: Name}
	check.Credential("ClientID", cfg.ClientID)
	check.Rule(!cfg.ClientSecret.IsZero(), "ClientSecret", "is empty")
	if cfg.Auth == AuthHeaders {
		check.Credential("ClientSecret", cfg.ClientSecret.Reveal())
	}
	check.Environment(cfg.Environment)
	check.Rule(cfg.Auth == AuthBearer || cfg.Auth == AuthHeaders, "Auth", "is neither AuthBearer nor AuthHeaders")
	check.Rule(cfg.Webhook.Age >= 0, "Webhook.Age", "is negative")
	check.Rule(cfg.BodyLimit >= 0, "BodyLimit", "is negative")
	check.URL("BaseURL", cfg.BaseURL)
	if cfg.ScriptURL != "" {
		check.URL("ScriptURL", cfg.ScriptURL)
	}
	if err := check.Err(); err != nil {
		return nil, err
	}
	api := newAPI(cfg)
	webhooks, err := newWebhooks(cfg, api)
	if err != nil {
		return nil, setup.Refuse(Name, "Config.Webhook", err.Error())
	}
	a := &adapter{env: cfg.Environment, api: api, webhooks: webhooks, clock: cfg.Now, scriptURL: cfg.ScriptURL}
	return setup.Client(Name, api.rest, cfg.Name, a, cfg.Guard.Interceptors(setup.OnlyRefreshAsksBank)...)
}

type adapter struct {
	setup.ReadsOnReconnect

	env      bankmux.Environment
	api      *api
	webhooks webhook.Verifier
	clock    func() time.Time

	scriptURL string // of the session's Launch
}

// Describe names the adapter.
func (a *adapter) Describe() bankmux.Description {
	return bankmux.Description{Provider: Name, Environment: a.env, Now: a.clock}
}

// CheckCredentials reads which application the credentials belong to.
func (a *adapter) CheckCredentials(ctx context.Context, _ bankmux.CheckRequest) (bankmux.CheckResult, error) {
	out, err := authIntrospect.fetch(ctx, a.api, &rest.Request{})
	return bankmux.CheckResult{App: cmp.Or(out.App.Name, out.App.AppName)}, err
}

// The capabilities of the adapter.
var (
	_ bankmux.Provider          = (*adapter)(nil)
	_ bankmux.Describer         = (*adapter)(nil)
	_ bankmux.EffectDecider     = (*adapter)(nil)
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
	_ bankmux.WebhookReader               = (*adapter)(nil)
	_ bankmux.Refresher                   = (*adapter)(nil)
)
