package virtualbank

import "net/http"

// The faults that only MoneyKit has.
const (
	faultExpired     = "token_expired"
	faultQuota       = "quota_reached"
	faultShortToken  = "short_token"
	faultUnknownEnum = "unknown_enum"
)

func mkFaults() []faultWord {
	return []faultWord{
		{faultExpired, "401: the access token expired"},
		{faultQuota, "the exchange finds the number of connected links used up"},
		{faultShortToken, "access tokens live for one second"},
		{faultUnknownEnum, "a link has a state that nobody listed"},
	}
}

// Applies reports whether a fault makes sense for an operation.
func (*mkProvider) Applies(fault, op string, _ bool) bool {
	const token, exchange = "POST /auth/token", "POST /link-session/exchange-token"
	switch fault {
	case faultShortToken:
		return op == token
	case faultExpired, faultBankDown:
		return op != token
	case faultQuota:
		return op == exchange
	case faultUnknownEnum:
		return op == exchange || op == "GET /links/{id}"
	}
	return true
}

// mkSpecial answers a MoneyKit request that an injected fault of MoneyKit's own spoils.
func (b *mkProvider) mkSpecial(c *call) (reply, bool) {
	switch c.fault {
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
func (b *mkProvider) mkFinish(c *call, p reply) reply {
	switch c.fault {
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
