// Package redirect is an adapter for an invented provider, Osprey, written as an outside module
// would write it. It shows what Pelican of examples/thirdparty does not need. The application
// chooses the bank first, and the user is redirected to its page. The exchange spends nothing.
// Consents end, tokens are renewed, banks learn whether the user is present, and a webhook may
// finish a link.
package redirect

import (
	"cmp"
	"net/http"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/rotation"
	"github.com/bankmux/bankmux/adapter/webhook"
	"github.com/bankmux/bankmux/guard"
)

// Name is the adapter's name, and its key in a [bankmux.InstitutionRef].
const Name = "osprey"

// Config configures the adapter. HTTPClient, Guard and, in the sandbox, Keeper are optional.
type Config struct {
	Key            bankmux.Secret
	BaseURL        string
	Environment    bankmux.Environment // "" means the sandbox
	Keeper         bankmux.Keeper      // stores renewed tokens
	WebhookSecrets []bankmux.Secret    // sign deliveries; two while one replaces the other
	HTTPClient     *http.Client        // copied; nil means a client of its own
	Guard          *guard.Guard        // nil means a guard of its own with the defaults
}

// New returns the guarded client. The error is [bankmux.ErrInvalid] and names the field.
func New(cfg Config) (*bankmux.Client, error) {
	a, err := newAdapter(cfg)
	if err != nil {
		return nil, err
	}
	return bankmux.NewClient(Name, a, cmp.Or(cfg.Guard, guard.New(guard.Options{})).Interceptors()...), nil
}

func newAdapter(cfg Config) (a *adapter, err error) {
	if cfg.Key.IsZero() {
		return nil, invalid("Config.Key", "is empty")
	}
	if why := rest.CheckURL(cfg.BaseURL); why != "" {
		return nil, invalid("Config.BaseURL", why)
	}
	a = &adapter{environment: cmp.Or(cfg.Environment, bankmux.Sandbox)}
	stamp := func(r *http.Request, _ []byte) error {
		r.Header.Set("Osprey-Key", cfg.Key.Reveal())
		return nil
	}
	a.http = rest.New(rest.Config{BaseURL: cfg.BaseURL, HTTPClient: cfg.HTTPClient, Sign: stamp})
	a.tokens, err = rotation.New(rotation.Config{
		Keeper: cfg.Keeper, Environment: a.environment, Refresh: a.renew,
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

func invalid(field, detail string) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrInvalid, Field: field, Detail: detail, NotSent: true}
}

type adapter struct {
	environment bankmux.Environment
	http        *rest.Client
	tokens      *rotation.Tokens
	deliveries  webhook.Verifier
}

// Describe names the adapter.
func (a *adapter) Describe() bankmux.Description {
	return bankmux.Description{Provider: Name, Environment: a.environment, PerAccount: true}
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
