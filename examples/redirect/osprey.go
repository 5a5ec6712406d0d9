// Package redirect is an adapter for an invented provider, Osprey, written as an outside module
// would write it. It shows what Pelican of examples/thirdparty does not need. The application
// chooses the bank first, and the user is redirected to its page. The exchange spends nothing.
// Consents end, tokens are renewed, banks learn whether the user is present, and a webhook may
// finish a link.
package redirect

import (
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/rotation"
	"github.com/bankmux/bankmux/adapter/setup"
	"github.com/bankmux/bankmux/adapter/webhook"
	"github.com/bankmux/bankmux/guard"
)

// Name is the adapter's name, and its key in a [bankmux.InstitutionRef].
const Name = "osprey"

// Config configures the adapter. Key, BaseURL, Environment and WebhookSecrets are required, and
// outside of the sandbox Keeper.
type Config struct {
	Name           string // registered name; "" means Name
	Key            bankmux.Secret
	BaseURL        string
	Environment    bankmux.Environment
	Keeper         bankmux.Keeper   // stores renewed tokens
	WebhookSecrets []bankmux.Secret // sign deliveries; two while one replaces the other
	HTTPClient     *http.Client     // copied; nil means a client of its own
	Guard          *guard.Guard     // nil means a guard of its own with the defaults
	Now            func() time.Time // nil means the machine's clock
}

// New returns the guarded client. The error is [bankmux.ErrInvalid] and names the field.
func New(cfg Config) (*bankmux.Client, error) {
	setup.Complete(Name, &cfg.Name, &cfg.Guard, &cfg.Now)
	a, err := newAdapter(cfg)
	if err != nil {
		return nil, err
	}
	return bankmux.NewClient(cfg.Name, a, cfg.Guard.Interceptors()...), nil
}

// newAdapter returns the adapter of a complete configuration.
func newAdapter(cfg Config) (a *adapter, err error) {
	check := setup.Checks{Provider: Name}
	check.Credential("Key", cfg.Key.Reveal())
	check.URL("BaseURL", cfg.BaseURL)
	check.Environment(cfg.Environment)
	if err := check.Err(); err != nil {
		return nil, err
	}
	a = &adapter{environment: cfg.Environment, clock: cfg.Now}
	stamp := func(r *http.Request, _ []byte) error {
		r.Header.Set("Osprey-Key", cfg.Key.Reveal())
		return nil
	}
	a.http = rest.New(rest.Config{
		BaseURL: cfg.BaseURL, HTTPClient: cfg.HTTPClient, Sign: stamp,
		Drift: rest.Drift{Guard: cfg.Guard, Client: cfg.Name, Provider: Name},
	})
	a.tokens, err = rotation.New(rotation.Config{
		Keeper: cfg.Keeper, Environment: a.environment, Refresh: a.renew, Now: cfg.Now,
		Expired: func(e *bankmux.Error) bool { return e.Code == "token_ended" },
	})
	if err != nil {
		return nil, err
	}
	a.deliveries, err = webhook.NewHMAC(webhook.HMAC{
		Secrets: cfg.WebhookSecrets, Signed: "{method} {url} {time} {body}",
		Time: []string{"Osprey-Time"}, Signature: []string{"Osprey-Signature"}, Encoding: webhook.Hex,
	})
	return a, err
}

type adapter struct {
	environment bankmux.Environment
	clock       func() time.Time
	http        *rest.Client
	tokens      *rotation.Tokens
	deliveries  webhook.Verifier
}

// now returns the time of a status, as precise as it is stored.
func (a *adapter) now() time.Time { return bankmux.Moment(a.clock()) }

// Describe names the adapter.
func (a *adapter) Describe() bankmux.Description {
	return bankmux.Description{Provider: Name, Environment: a.environment, PerAccount: true, Now: a.clock}
}

// Effect returns that an exchange only reads: Osprey shows a consent to each caller with its
// verifier.
func (*adapter) Effect(op bankmux.Op) bankmux.Effect {
	if op.Name == bankmux.OpExchangeToken {
		return bankmux.Read
	}
	return op.Effect
}

var (
	_ bankmux.Provider          = (*adapter)(nil)
	_ bankmux.Describer         = (*adapter)(nil)
	_ bankmux.EffectDecider     = (*adapter)(nil)
	_ bankmux.StatusReader      = (*adapter)(nil)
	_ bankmux.Disconnector      = (*adapter)(nil)
	_ bankmux.AccountLister     = (*adapter)(nil)
	_ bankmux.BalanceReader     = (*adapter)(nil)
	_ bankmux.TransactionLister = (*adapter)(nil)
	_ bankmux.TransactionSyncer = (*adapter)(nil)
	_ bankmux.WebhookReader     = (*adapter)(nil)
)
