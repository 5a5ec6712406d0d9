package moneykit

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

func faults() []bank.Fault {
	return []bank.Fault{
		{Name: faultExpired, Summary: "401: the access token expired"},
		{Name: faultQuota, Summary: "the exchange finds the number of connected links used up"},
		{Name: faultShortToken, Summary: "access tokens live for one second"},
		{Name: faultUnknownEnum, Summary: "a link has a state that nobody listed"},
	}
}

// Applies reports whether a fault makes sense for an operation.
func (*Provider) Applies(fault, op string, _ bool) bool {
	const token, exchange = "POST /auth/token", "POST /link-session/exchange-token"
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

// injected answers a MoneyKit request that an injected fault of MoneyKit's own spoils.
func (b *Provider) injected(c *bank.Call) (bank.Reply, bool) {
	switch c.Fault {
	case faultExpired:
		return fail(http.StatusUnauthorized, codeExpired, "Access token expired"), true
	case bank.FaultRejected:
		return fail(http.StatusUnauthorized, codeUnauthorized, "Unauthorized"), true
	case bank.FaultUnknownCode:
		return fail(http.StatusBadRequest, "virtualbank.unheard_of", "A code that nobody listed"), true
	case bank.FaultBankDown:
		return badLink("institution_error"), true
	}
	return bank.Reply{}, false
}

// finish spoils or delays a finished answer.
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
