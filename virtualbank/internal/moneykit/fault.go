package moneykit

// This file has the faults in the words of MoneyKit.

import (
	"net/http"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// The faults that only MoneyKit has.
const (
	faultExpired     = "token_expired"
	faultQuota       = "quota_reached"
	faultShortToken  = "short_token"
	faultUnknownEnum = "unknown_enum"
)

// faults describes the faults that only MoneyKit has.
func faults() []bank.Fault {
	return []bank.Fault{
		{Name: faultExpired, Summary: "401: the access token expired"},
		{Name: faultQuota, Summary: "the exchange fails because the quota of links is used up"},
		{Name: faultShortToken, Summary: "access tokens expire after one second"},
		{Name: faultUnknownEnum, Summary: "a link has an undocumented state"},
	}
}

// Applies reports whether a fault has an effect on an operation.
func (*Provider) Applies(fault, op string, _ bool) bool {
	const token, exchange = "POST /auth/token", "POST /link-session/exchange-token" //nolint:gosec // operations
	switch fault {
	case faultShortToken:
		return op == token
	case faultExpired, bank.FaultBankDown:
		return op != token
	case faultQuota:
		return op == exchange
	case faultUnknownEnum:
		return op == exchange || op == "GET /links/{id}"
	}
	return true
}

// injected returns the response of an injected fault that replaces the operation.
func (b *Provider) injected(c *bank.Call) (bank.Reply, bool) {
	switch c.Fault {
	case faultExpired:
		return fail(http.StatusUnauthorized, codeExpired, "Access token expired"), true
	case bank.FaultRejected:
		return fail(http.StatusUnauthorized, codeUnauthorized, "Unauthorized"), true
	case bank.FaultUnknownCode:
		return fail(http.StatusBadRequest, "virtualbank.unheard_of", "An undocumented code"), true
	case bank.FaultBankDown:
		return badLink("institution_error"), true
	}
	return bank.Reply{}, false
}

// finish delays or changes the response of an operation for an injected fault.
func (b *Provider) finish(c *bank.Call, p bank.Reply) bank.Reply {
	switch c.Fault {
	case bank.FaultSlow:
		c.Pause(bank.SlowDelay)
	case faultUnknownEnum:
		const unheard = "hibernating"
		switch body := p.Body.(type) {
		case linkWire:
			body.State = unheard
			p.Body = body
		case exchangeReply:
			body.Link.State = unheard
			p.Body = body
		}
	}
	return p
}
