// Package pelican is the bankmux adapter for Pelican.
//
// [New] returns a guarded [bankmux.Client]. The front end runs Pelican's page with Launch.Token and
// posts
//
//	{"code": "…"}               (the user linked a bank)
//	{"error": … or null}        (the user did not finish)
//
// # Integrity
//
// Pelican names the session of a code, so a code of another session is refused. A code serves one
// exchange. If the response is lost, the user links the bank again.
package pelican

import (
	"cmp"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/setup"
	"github.com/bankmux/bankmux/adapter/webhook"
	"github.com/bankmux/bankmux/guard"
)

// Name is the adapter's name. Applications store it with each connection, so it must never change.
const Name = "pelican"

// DefaultBaseURL is the address of Pelican's API.
const DefaultBaseURL = "https://api.pelican.example"

// Config configures the adapter. Key and Environment are required.
type Config struct {
	Name        string // registered name; "" means Name. Two clients in one process need two names
	Key         bankmux.Secret
	Environment bankmux.Environment // the environment of the key

	// WebhookSecrets sign deliveries. While one secret replaces another, set both. Without a
	// secret, a delivery returns [bankmux.ErrUnsupported].
	WebhookSecrets []bankmux.Secret

	BaseURL    string       // "" means [DefaultBaseURL]; https, or http on loopback
	HTTPClient *http.Client // copied; nil means a client of its own
	Guard      *guard.Guard // nil means a guard of its own with the defaults

	Now func() time.Time // the clock that decides which days are requested; nil means the machine's
}

// New checks the configuration and returns the guarded client. It sends nothing. The error is
// [bankmux.ErrInvalid] and names the field.
func New(cfg Config) (*bankmux.Client, error) {
	setup.Complete(Name, &cfg.Name, &cfg.Guard, &cfg.Now)
	cfg.BaseURL = cmp.Or(cfg.BaseURL, DefaultBaseURL)
	check := setup.Checks{Provider: Name}
	check.Credential("Key", cfg.Key.Reveal())
	check.Environment(cfg.Environment)
	check.URL("BaseURL", cfg.BaseURL)
	if err := check.Err(); err != nil {
		return nil, err
	}
	a := &adapter{
		env: cfg.Environment, key: cfg.Key, clock: cfg.Now,
		http: rest.New(rest.Config{
			BaseURL: cfg.BaseURL, HTTPClient: cfg.HTTPClient,
			Drift: rest.Drift{Guard: cfg.Guard, Client: cfg.Name, Provider: Name},
		}),
	}
	if len(cfg.WebhookSecrets) > 0 {
		var err error
		if a.webhooks, err = webhook.NewHMAC(signature(cfg.WebhookSecrets)); err != nil {
			return nil, setup.Refuse(Name, "Config.WebhookSecrets", err.Error())
		}
	}
	return bankmux.NewClient(cfg.Name, a, cfg.Guard.Interceptors()...), nil
}

type adapter struct {
	env      bankmux.Environment
	key      bankmux.Secret
	clock    func() time.Time
	http     *rest.Client
	webhooks webhook.Verifier // nil without a secret
}

// Describe names the adapter. PerAccount means that each call for balances or transactions names
// one account.
func (a *adapter) Describe() bankmux.Description {
	return bankmux.Description{Provider: Name, Environment: a.env, PerAccount: true, Now: a.clock}
}

// These are the capabilities of the adapter. The compiler names a missing method.
var (
	_ bankmux.Provider          = (*adapter)(nil)
	_ bankmux.Describer         = (*adapter)(nil)
	_ bankmux.StatusReader      = (*adapter)(nil)
	_ bankmux.Disconnector      = (*adapter)(nil)
	_ bankmux.AccountLister     = (*adapter)(nil)
	_ bankmux.BalanceReader     = (*adapter)(nil)
	_ bankmux.TransactionLister = (*adapter)(nil)
	_ bankmux.TransactionSyncer = (*adapter)(nil)
	_ bankmux.WebhookReader     = (*adapter)(nil)
)
