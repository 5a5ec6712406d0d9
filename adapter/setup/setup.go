// Package setup completes and checks the configuration of an adapter.
package setup

import (
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/normalize"
)

// Complete sets a name, a guard and a clock where the configuration has none.
func Complete(provider string, name *string, g **guard.Guard, now *func() time.Time) {
	if *name == "" {
		*name = provider
	}
	if *g == nil {
		*g = guard.New(guard.Options{})
	}
	if *now == nil {
		*now = time.Now
	}
}

// Checks finds the first fault of a configuration.
type Checks struct {
	Provider string
	err      error
}

// Rule requires that a field holds to a rule. detail ends a sentence about the field if it does
// not, such as "is negative".
func (c *Checks) Rule(holds bool, field, detail string) {
	if !holds && c.err == nil {
		c.err = Refuse(c.Provider, "Config."+field, detail)
	}
}

// Credential requires a value that can be sent in a header.
func (c *Checks) Credential(field, value string) {
	c.Rule(value != "", field, "is empty")
	c.Rule(normalize.Token(value), field, "cannot be sent in a header")
}

// Environment requires one of the two environments.
func (c *Checks) Environment(e bankmux.Environment) {
	c.Rule(e == bankmux.Sandbox || e == bankmux.Production, "Environment", "is neither sandbox nor production")
}

// URL requires an address to which credentials may be sent: see [rest.CheckURL].
func (c *Checks) URL(field, url string) {
	fault := rest.CheckURL(url)
	c.Rule(fault == "", field, fault)
}

// Err returns [bankmux.ErrInvalid] for the first fault, nil if there is none. Its Field is like
// "plaid.Config.ClientID".
func (c *Checks) Err() error { return c.err }

// Refuse returns [bankmux.ErrInvalid] for a field of a provider's package.
func Refuse(provider, field, detail string) *bankmux.Error {
	e := normalize.Invalid(provider+"."+field, detail)
	e.Provider = provider
	return e
}

// Client returns the client of an adapter of a provider, as [bankmux.NewClient] does. It refuses a
// sender that cannot be used: see [rest.Client.Fault].
func Client(
	provider string, sender *rest.Client, name string, a bankmux.Provider, guards ...bankmux.Interceptor,
) (*bankmux.Client, error) {
	if fault := sender.Fault(); fault != nil {
		return nil, Refuse(provider, fault.Field, fault.Detail)
	}
	return bankmux.NewClient(name, a, guards...), nil
}

// OnlyRefreshAsksBank is for [guard.Guard.Interceptors] of an adapter whose provider serves stored
// data. Only a refresh calls the bank, and its end shows how the bank did. An application
// that set AtInstitution keeps it.
func OnlyRefreshAsksBank(o *guard.Options) {
	if o.AtInstitution == nil {
		o.AtInstitution = func(op bankmux.Op) bool {
			return op.Name == bankmux.OpRefresh || op.Name == bankmux.OpAwaitRefresh
		}
	}
}

// ReadsOnReconnect implements [bankmux.EffectDecider] for an adapter that embeds it. It says that
// an exchange after a reconnect only reads, because nothing is exchanged.
type ReadsOnReconnect struct{}

// Effect returns the effect of an operation.
func (ReadsOnReconnect) Effect(op bankmux.Op) bankmux.Effect {
	if op.Name == bankmux.OpExchangeToken && op.Reconnect {
		return bankmux.Read
	}
	return op.Effect
}
