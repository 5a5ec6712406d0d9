// Package dapi is the bankmux adapter for Dapi (United Arab Emirates, Saudi
// Arabia and others of the region, and the United States).
//
// [New] returns a guarded [bankmux.Client]. The front end opens Dapi's Connect with the values of
// Launch and posts what onSuccess gets as it is, or {"error": … or null} from onFailure.
//
// # Integrity
//
// Dapi has no server-side session, and nothing in what Connect returns ties it to one: a payload
// proves a login at a bank, not whose it is. The application must bind it to its logged-in user, as
// [bankmux.ExchangeRequest] demands. What the payload says of the bank is not trusted: after the
// exchange the adapter asks Dapi itself, refuses a sandbox bank on a production client, and another
// bank on a reconnect: one of which neither id, SWIFT code nor name agrees. A user may link two
// banks from one session; each gets a connection id of its own. The access token of a refused login
// is dropped, not delinked: that could end another connection of the same user.
//
// # An exchange whose bank cannot be read
//
// If the token was exchanged and Dapi does not tell the bank (an outage between the two calls),
// ExchangeToken returns the connection as [bankmux.StateUnverified] rather than lose the one-time
// token. Every call refuses it until ConnectionStatus has read and checked the bank.
//
// # Signs and running balances
//
// The type of a transaction decides its direction; a minus before the amount does not count. Where
// both running balances are told and move the other way, a negative amount takes their direction:
// it is money back. Any other such row is in Failed. Each row is judged alone, so its sign never
// depends on the rows beside it. For cards the type always decides, since their balance may be what
// is owed. [bankmux.Transaction.BalanceAfter] is in the account's currency as
// [bankmux.Client.Accounts] listed it; where it was not listed, it is absent unless the two
// balances differ by the amount.
//
// # One call at a time
//
// Dapi fails all calls on an access token that is used by two at once, so calls on one connection
// queue.
package dapi

import (
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/guard"
)

// Name is the adapter's name, the key of its ids in a [bankmux.InstitutionRef].
const Name = "dapi"

// DefaultBaseURL serves sandbox and production alike (Dapi's documentation).
const DefaultBaseURL = "https://api.dapi.com/v2"

// DefaultScriptURL is Dapi's Connect for web pages (Dapi's documentation).
const DefaultScriptURL = "https://cdn.dapi.com/connect/v3/connector.js"

// Dapi works at the bank while a call is open and gives up after 120 s, or 240 s
// for a payment (its documentation); a client that is less patient misses the answer.
const (
	callDeadline = 125 * time.Second
	payDeadline  = 245 * time.Second
)

// Config configures one Dapi application. AppKey, AppSecret and Environment are required.
type Config struct {
	Name        string // registered name; "" means "dapi". Two applications in one process need two names
	AppKey      string // public
	AppSecret   bankmux.Secret
	Environment bankmux.Environment // chosen when Connect opens; a property of the connection ever after

	BaseURL   string // "" means [DefaultBaseURL]; https, or http on loopback
	ScriptURL string // "" means [DefaultScriptURL]
	// copied; its transport repeats nothing and keeps contexts; nil means its own, for many callers
	HTTPClient *http.Client
	BodyLimit  int          // most bytes of an answer after decompression; 0 means 8 MiB
	Guard      *guard.Guard // shared by clients for one health page; nil means one with the defaults

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
	if cfg.ScriptURL == "" {
		cfg.ScriptURL = DefaultScriptURL
	}
	if cfg.Guard == nil {
		cfg.Guard = guard.New(guard.Options{})
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	urlFault := rest.CheckURL(cfg.BaseURL)
	scriptFault := rest.CheckURL(cfg.ScriptURL)
	webhooks, webhookErr := newWebhooks(cfg.Webhook, cfg.Now)
	switch {
	case cfg.AppKey == "":
		return nil, refuse("Config.AppKey", "is empty")
	case cfg.AppSecret.IsZero():
		return nil, refuse("Config.AppSecret", "is empty")
	case cfg.Environment != bankmux.Sandbox && cfg.Environment != bankmux.Production:
		return nil, refuse("Config.Environment", "is neither sandbox nor production")
	case cfg.BodyLimit < 0:
		return nil, refuse("Config.BodyLimit", "is negative")
	case urlFault != "":
		return nil, refuse("Config.BaseURL", urlFault)
	case scriptFault != "":
		return nil, refuse("Config.ScriptURL", scriptFault)
	case webhookErr != nil:
		return nil, webhookErr
	}
	a := &adapter{
		env:       cfg.Environment,
		appKey:    cfg.AppKey,
		scriptURL: cfg.ScriptURL,
		api:       newAPI(cfg),
		webhooks:  webhooks,
		clock:     cfg.Now,
	}
	return bankmux.NewClient(cfg.Name, a, cfg.Guard.Interceptors(guardDefaults)...), nil
}

// guardDefaults sets what the application left open.
func guardDefaults(o *guard.Options) {
	o.OnePerConnection, o.Hold = true, true
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

// atBank reports which calls the bank answers while they are open: all reads of data but those
// about the bank or an operation.
func atBank(op bankmux.Op) bool {
	return op.Group == bankmux.GroupData && op.Name != opBank.Name && op.Name != opOperation.Name
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
	return bankmux.Description{Provider: Name, Environment: a.env, PerAccount: true}
}

// Effect: a session is made here, without a call.
func (a *adapter) Effect(op bankmux.Op) bankmux.Effect {
	if op.Name == bankmux.OpCreateSession {
		return bankmux.Local
	}
	return op.Effect
}

func (a *adapter) now() time.Time { return bankmux.Moment(a.clock()) }

// Interfaces the adapter satisfies: its capabilities. Dapi has no call that
// checks an application's credentials alone, so it is no CredentialChecker.
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
