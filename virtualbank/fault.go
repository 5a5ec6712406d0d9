package virtualbank

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/bankmux/bankmux/internal/wirefault"
)

// Fault asks the bank to misbehave. Requests that match strike in the order in
// which faults were injected.
type Fault struct {
	Name string `json:"fault"` // one of [FaultNames]

	Provider string `json:"provider,omitempty"` // "moneykit", "dapi", or "" for both
	// "POST /link-session/exchange-token", "/auth/ExchangeToken"; "" for all
	Operation     string `json:"operation,omitempty"`
	InstitutionID string `json:"institution_id,omitempty"` // only requests that concern this institution
	Times         int    `json:"times,omitempty"`          // how often; 0 means until cleared
	Location      string `json:"location,omitempty"`       // where the redirect fault points; "" means a dead address
}

// The faults beside those of the wire.
const (
	faultSlow        = "slow" // holds a Dapi token busy, so that overlapping calls are seen
	slowDelay        = wirefault.SlowDelay
	faultExpired     = "token_expired"
	faultRejected    = "credentials_rejected"
	faultQuota       = "quota_reached"
	faultShortToken  = "short_token"
	faultFailed200   = "failed_envelope_200"
	faultNoType      = "failed_without_type"
	faultUnknownCode = "unknown_code"
	faultUnknownEnum = "unknown_enum"
	faultInitialized = "initialized"
	faultAsks        = "user_input_required"
	faultBankDown    = "institution_down"
)

// special are the faults in a provider's own words, and who has them.
var special = []struct {
	name, summary string
	providers     []string
}{
	{faultExpired, "401: the access token expired", []string{providerMoneyKit}},
	{faultQuota, "the exchange finds the number of connected links used up", []string{providerMoneyKit}},
	{faultShortToken, "access tokens live for one second", []string{providerMoneyKit}},
	{faultUnknownEnum, "a link has a state that nobody listed", []string{providerMoneyKit}},
	{faultFailed200, "a failed envelope under status 200", []string{providerDapi}},
	{faultNoType, "a failed envelope without type under status 500", []string{providerDapi}},
	{
		faultInitialized,
		"the operation is still running; at /auth/ExchangeToken and delink only where the fault names them",
		[]string{providerDapi},
	},
	{
		faultAsks,
		"the bank asks for a one-time password; at auth, metadata and delink only where the fault names them",
		[]string{providerDapi},
	},
	{faultRejected, "the application's credentials are refused", []string{providerMoneyKit, providerDapi}},
	{faultUnknownCode, "an error with a code that nobody listed", []string{providerMoneyKit, providerDapi}},
	{faultBankDown, "the institution is failing", []string{providerMoneyKit, providerDapi}},
}

type activeFault struct {
	Fault
	left int // -1 for ever
}

// FaultNames lists what can be injected.
func FaultNames() []string {
	var names []string
	for _, f := range wirefault.All() {
		names = append(names, f.Name)
	}
	for _, f := range special {
		names = append(names, f.name)
	}
	return names
}

// Inject makes matching requests go wrong. The error is a [*Refusal] that names
// what is unknown: fault, provider or operation.
func (b *Bank) Inject(f Fault) error {
	if f.Provider != "" && f.Provider != providerMoneyKit && f.Provider != providerDapi {
		return refuse(http.StatusBadRequest, "unknown provider %q", f.Provider)
	}
	if f.Times < 0 {
		return refuse(http.StatusBadRequest, "times is negative")
	}
	if !slices.Contains(FaultNames(), f.Name) {
		return refuse(http.StatusBadRequest, "unknown fault %q", f.Name)
	}
	for _, s := range special {
		if s.name == f.Name && f.Provider != "" && !slices.Contains(s.providers, f.Provider) {
			return refuse(http.StatusBadRequest, "%s has no fault %q", f.Provider, f.Name)
		}
	}
	if f.Operation != "" && !b.hasOperation(f.Provider, f.Operation) {
		return refuse(http.StatusBadRequest, "unknown operation %q", f.Operation)
	}
	left := f.Times
	if left == 0 {
		left = -1
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, &activeFault{Fault: f, left: left})
	return nil
}

// ClearFaults ends all misbehaviour.
func (b *Bank) ClearFaults() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = nil
}

func (b *Bank) clearFaultsOf(provider string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.faults {
		if f.Provider == "" { // of both: the other keeps it
			f.Provider = providerMoneyKit
			if provider == providerMoneyKit {
				f.Provider = providerDapi
			}
		}
	}
	b.faults = slices.DeleteFunc(b.faults, func(f *activeFault) bool { return f.Provider == provider })
}

func (b *Bank) hasOperation(provider, op string) bool {
	var routes []route
	if provider != providerDapi {
		routes = append(routes, b.moneyKitWire().routes...)
	}
	if provider != providerMoneyKit {
		routes = append(routes, b.dapiRoutes()...)
	}
	return slices.ContainsFunc(routes, func(r route) bool { return r.op == op })
}

// takeFault returns the fault that strikes a request; under the mutex.
func (b *Bank) takeFault(provider, op, institution string) (Fault, bool) {
	for i, f := range b.faults {
		switch {
		case f.Provider != "" && f.Provider != provider,
			f.Operation != "" && f.Operation != op,
			f.InstitutionID != "" && !b.sameInstitution(f.InstitutionID, institution),
			!f.strikes(provider, op):
			continue
		}
		if f.left--; f.left == 0 {
			b.faults = slices.Delete(b.faults, i, i+1)
		}
		return f.Fault, true
	}
	return Fault{}, false
}

// strikes reports whether a fault makes sense for an operation, so that one that
// is counted is not used up where nobody would see it.
func (f Fault) strikes(provider, op string) bool {
	name, named := f.Name, f.Operation == op
	i := slices.IndexFunc(special, func(s struct {
		name, summary string
		providers     []string
	},
	) bool {
		return s.name == name
	})
	if i < 0 {
		return true
	}
	if !slices.Contains(special[i].providers, provider) {
		return false
	}
	const token, exchange = "POST /auth/token", "POST /link-session/exchange-token"
	switch name {
	case faultShortToken:
		return op == token
	case faultExpired:
		return op != token
	case faultQuota:
		return op == exchange
	case faultUnknownEnum:
		return op == exchange || op == "GET /links/{id}"
	case faultBankDown:
		return op != "/auth/ExchangeToken" && op != token
	case faultInitialized, faultAsks: // auth and metadata never ask, Dapi's documentation says
		named = named && !strings.HasPrefix(op, "/operation/")
		return named || isDataCall(op) || name == faultInitialized && op == "/metadata/accounts/get"
	}
	return true
}

// isDataCall reports whether an operation of Dapi's is one that the bank itself answers.
func isDataCall(op string) bool {
	return slices.ContainsFunc(
		[]string{"/data/", "/payment/", "/wire/", "/ach/", "/batch/", "/nymcard/"},
		func(group string) bool {
			return strings.HasPrefix(op, group) && op != "/data/DelinkUser"
		},
	)
}

func (b *Bank) sameInstitution(wanted, got string) bool {
	if wanted == got {
		return true
	}
	at, ok := b.institution(func(in Institution) bool { return in.goesBy(wanted) })
	return ok && at.goesBy(got)
}

// mkSpecial answers a MoneyKit request that an injected fault of MoneyKit's own spoils.
func (b *Bank) mkSpecial(c *call) (reply, bool) {
	switch c.fault.Name {
	case faultExpired:
		return mkFail(http.StatusUnauthorized, mkExpired, "Access token expired"), true
	case faultRejected:
		return mkFail(http.StatusUnauthorized, mkUnauthorized, "Unauthorized"), true
	case faultUnknownCode:
		return mkFail(http.StatusBadRequest, "virtualbank.unheard_of", "A code that nobody listed"), true
	case faultBankDown:
		return mkBadLink("institution_error"), true
	}
	return reply{}, false
}

// mkFinish spoils or delays a finished answer.
func (b *Bank) mkFinish(c *call, p reply) reply {
	switch c.fault.Name {
	case faultSlow:
		c.pause(slowDelay)
	case faultUnknownEnum:
		const unheard = "hibernating"
		switch body := p.body.(type) {
		case linkWire:
			body.State = unheard
			p.body = body
		case exchangeReply:
			body.Link.State = unheard
			p.body = body
		}
	}
	return p
}

// dpSpecial answers a Dapi request that an injected fault of Dapi's own spoils.
func (b *Bank) dpSpecial(c *call) (reply, bool) {
	switch c.fault.Name {
	case faultFailed200:
		return dpFail(http.StatusOK, dpUnknown, "The operation failed"), true
	case faultNoType:
		return dpFail(http.StatusInternalServerError, dpNoType, "The operation failed"), true
	case faultRejected:
		return dpWrongSecret(), true
	case faultUnknownCode:
		return dpFail(http.StatusBadRequest, "VIRTUALBANK_UNHEARD_OF", "A type that nobody listed"), true
	case faultBankDown:
		return dpFail(http.StatusInternalServerError, dpUnknown, "The bank is not available"), true
	}
	return reply{}, false
}

// describeFaults is what the control plane lists.
func describeFaults() map[string]string {
	all := map[string]string{}
	for _, f := range wirefault.All() {
		all[f.Name] = f.Summary
	}
	for _, f := range special {
		all[f.name] = fmt.Sprintf("%s (%s)", f.summary, f.providers)
	}
	return all
}
