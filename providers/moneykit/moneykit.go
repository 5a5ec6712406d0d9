// Package moneykit is the bankmux adapter for MoneyKit (United States, United
// Kingdom, Canada).
//
// [New] returns a guarded [bankmux.Client]. The front end runs MoneyKit's Connect with
// Launch.Token: link for [bankmux.ModeLink], relink for [bankmux.ModeRelink], and posts
//
//	{"exchangeable_token": "…", "institution": {…}}   (no token after relink)
//	{"error": … or null}                              (the user did not finish)
//
// # Integrity
//
// The session's id travels as a link tag. A link without the tag of its session is refused as
// [bankmux.CodeOtherSession], so a token of another user or session is worth nothing. A link whose
// exchange answer was lost, or whose token was posted with another session, is found again by it.
//
// # Reconnect
//
// MoneyKit erases the webhook and tags that a reconnect leaves out, so
// CreateSession reads the link and sends them again. Nothing is exchanged afterwards:
// ExchangeToken reads the link back and checks that the user finished.
package moneykit

import (
	"context"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/webhook"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/normalize"
)

// Name is the adapter's name, the key of its ids in a [bankmux.InstitutionRef].
const Name = "moneykit"

// DefaultBaseURL serves sandbox and live alike; the credentials choose (MoneyKit's SDKs and
// integration guide).
const DefaultBaseURL = "https://api.moneykit.com"

// Auth says how requests prove who sends them.
type Auth string

// The ways to authenticate.
const (
	// AuthBearer fetches and caches an access token; the default, as in MoneyKit's SDKs.
	AuthBearer Auth = ""
	// AuthHeaders sends X-Client-Id and X-Client-Secret on each call, as
	// MoneyKit's newer documentation shows.
	AuthHeaders Auth = "headers"
)

// Config configures one MoneyKit application. ClientID, ClientSecret and Environment are required.
type Config struct {
	Name         string // registered name; "" means "moneykit". Two applications in one process need two names
	ClientID     string
	ClientSecret bankmux.Secret
	Environment  bankmux.Environment // what the credentials reach; MoneyKit does not say itself

	BaseURL string // "" means [DefaultBaseURL]; https, or http on loopback
	Auth    Auth
	Scope   string // space-separated actions for the access token; "" means all the application may do
	// copied; its transport repeats nothing and keeps contexts; nil means its own, for many callers
	HTTPClient *http.Client
	BodyLimit  int // most bytes of an answer after decompression; 0 means 8 MiB
	// shared by clients for one health page and one set of webhook keys; nil means one of its own with the defaults
	Guard *guard.Guard

	// Now is the day and time by which days are asked for; nil means the machine's. It is for tests
	// against a bank whose clock is set: virtualbank's Bank.Now.
	Now func() time.Time

	Webhook WebhookConfig
}

// New checks the configuration, sends nothing, and returns the guarded client.
// The error is [bankmux.ErrInvalid] and names the field.
func New(cfg Config) (*bankmux.Client, error) {
	if cfg.Name == "" {
		cfg.Name = Name
	}
	if cfg.BaseURL == "" {
		cfg.BaseURL = DefaultBaseURL
	}
	if cfg.Guard == nil {
		cfg.Guard = guard.New(guard.Options{})
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	urlFault := rest.CheckURL(cfg.BaseURL)
	switch {
	case cfg.ClientID == "":
		return nil, refuse("Config.ClientID", "is empty")
	case cfg.ClientSecret.IsZero():
		return nil, refuse("Config.ClientSecret", "is empty")
	case !normalize.Token(cfg.ClientID):
		return nil, refuse("Config.ClientID", "cannot be sent in a header")
	case cfg.Auth == AuthHeaders && !normalize.Token(cfg.ClientSecret.Reveal()):
		return nil, refuse("Config.ClientSecret", "cannot be sent in a header")
	case cfg.Environment != bankmux.Sandbox && cfg.Environment != bankmux.Production:
		return nil, refuse("Config.Environment", "is neither sandbox nor production")
	case cfg.Auth != AuthBearer && cfg.Auth != AuthHeaders:
		return nil, refuse("Config.Auth", "is neither AuthBearer nor AuthHeaders")
	case cfg.Webhook.Age < 0:
		return nil, refuse("Config.Webhook.Age", "is negative")
	case cfg.BodyLimit < 0:
		return nil, refuse("Config.BodyLimit", "is negative")
	case urlFault != "":
		return nil, refuse("Config.BaseURL", urlFault)
	}
	api := newAPI(cfg)
	webhooks, err := newWebhooks(cfg, api)
	if err != nil {
		return nil, refuse("Config.Webhook", err.Error())
	}
	a := &adapter{env: cfg.Environment, api: api, webhooks: webhooks, clock: cfg.Now}
	return bankmux.NewClient(cfg.Name, a, cfg.Guard.Interceptors(guardDefaults)...), nil
}

// guardDefaults sets what the application left open: of all calls only a refresh goes to the bank,
// and its end tells how that went.
func guardDefaults(o *guard.Options) {
	if o.AtInstitution == nil {
		o.AtInstitution = func(op bankmux.Op) bool { return op.Name == bankmux.OpRefresh || op.Name == bankmux.OpAwaitRefresh }
	}
}

func refuse(field, detail string) *bankmux.Error {
	return &bankmux.Error{
		Kind:     bankmux.ErrInvalid,
		Provider: Name,
		Field:    Name + "." + field,
		Detail:   detail,
		NotSent:  true,
	}
}

type adapter struct {
	env      bankmux.Environment
	api      *api
	webhooks webhook.Verifier
	clock    func() time.Time
}

// Describe names the adapter.
func (a *adapter) Describe() bankmux.Description {
	return bankmux.Description{Provider: Name, Environment: a.env}
}

// Effect: after a reconnect nothing is exchanged, the link is only read.
func (a *adapter) Effect(op bankmux.Op) bankmux.Effect {
	if op.Name == bankmux.OpExchangeToken && op.Reconnect {
		return bankmux.Read
	}
	return op.Effect
}

// CheckCredentials introspects the credentials.
func (a *adapter) CheckCredentials(ctx context.Context, _ bankmux.CheckRequest) (bankmux.CheckResult, error) {
	app, err := a.api.introspect(ctx)
	return bankmux.CheckResult{App: app}, err
}

// Interfaces the adapter satisfies: its capabilities.
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
