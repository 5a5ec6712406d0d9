package plaid

// This file has the faults in the words of Plaid.

import (
	"strconv"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// The faults that only Plaid has.
const (
	faultInternal    = "internal_error"
	faultMaintenance = "planned_maintenance"
	faultItemLimit   = "item_rate_limited"
	faultBankLimit   = "institution_rate_limited"
	faultQuota       = "connection_quota"
	faultNotReady    = "not_ready"
	faultMutation    = "sync_mutation"
	faultConsent     = "consent_required"
)

func faultNames() []bank.Fault {
	return []bank.Fault{
		{Name: faultInternal, Summary: "500: INTERNAL_SERVER_ERROR"},
		{Name: faultMaintenance, Summary: "503: PLANNED_MAINTENANCE"},
		{Name: faultItemLimit, Summary: "429: the published limit of the call"},
		{Name: faultBankLimit, Summary: "429: INSTITUTION_RATE_LIMIT, for calls that ask the institution"},
		{Name: faultQuota, Summary: "429: the exchange finds the number of connections used up"},
		{Name: faultNotReady, Summary: "PRODUCT_NOT_READY, and NOT_READY from sync"},
		{Name: faultMutation, Summary: "a sync is refused with TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"},
		{Name: faultConsent, Summary: "ADDITIONAL_CONSENT_REQUIRED"},
	}
}

// limits are the published limits of the sandbox: calls per minute and Item, and the code of the
// refusal. Where none is published the code is RATE_LIMIT.
var limits = map[string]struct {
	perItem int
	code    string
}{
	"/accounts/get":                 {100, "ACCOUNTS_LIMIT"},
	"/accounts/balance/get":         {25, "BALANCE_LIMIT"},
	"/auth/get":                     {100, "AUTH_LIMIT"},
	"/identity/get":                 {100, "IDENTITY_LIMIT"},
	"/transactions/sync":            {50, "TRANSACTIONS_SYNC_LIMIT"},
	"/transactions/get":             {80, "TRANSACTIONS_LIMIT"},
	"/transactions/refresh":         {2, "TRANSACTIONS_REFRESH_LIMIT"},
	"/investments/holdings/get":     {100, "INVESTMENT_HOLDINGS_GET_LIMIT"},
	"/investments/transactions/get": {100, "INVESTMENT_TRANSACTIONS_LIMIT"},
	"/investments/refresh":          {1, rateLimit.name},
	"/liabilities/get":              {10, rateLimit.name},
	"/item/get":                     {40, "ITEM_GET_LIMIT"},
	"/item/remove":                  {100, rateLimit.name},
	"/sandbox/transactions/create":  {2, rateLimit.name},
	"/institutions/get":             {0, "INSTITUTIONS_GET_LIMIT"},
	"/institutions/get_by_id":       {0, "INSTITUTIONS_GET_BY_ID_LIMIT"},
}

func limited(operation string) bank.Reply {
	c := rateLimit
	if l, ok := limits[operation]; ok {
		c.name = l.code
	}
	return refuse(c, "rate limit exceeded for attempts to access \""+operation+"\". please try again later")
}

// limit counts a call of an Item, where the application wants the limits.
func (r request) limit(it *item) (bank.Reply, bool) {
	operation := r.call.Route.Operation
	most := limits[operation].perItem
	if !r.bank.opts.RateLimits || most == 0 {
		return bank.Reply{}, false
	}
	minute := r.bank.Now().Unix() / int64(time.Minute/time.Second)
	key := it.id + " " + operation + " " + strconv.FormatInt(minute, 10)
	r.bank.limits[key]++
	return limited(operation), r.bank.limits[key] > most
}

// asks reports whether a call asks the institution.
func asks(operation string) bool {
	return operation == "/accounts/balance/get" || strings.HasSuffix(operation, "/refresh")
}

// ofItem reports whether a call reads data of an Item.
func ofItem(operation string) bool {
	switch strings.Split(operation, "/")[1] {
	case "accounts", "auth", "identity", "transactions", "investments", "liabilities":
		return true
	}
	return false
}

// Applies reports whether a fault makes sense for an operation.
func (*Provider) Applies(fault, operation string, explicit bool) bool {
	switch fault {
	case faultQuota:
		return operation == "/item/public_token/exchange"
	case faultMutation:
		return operation == "/transactions/sync"
	case faultNotReady:
		return operation == "/transactions/sync" || operation == "/transactions/get" ||
			operation == "/investments/transactions/get"
	case faultBankLimit:
		return asks(operation)
	case faultConsent:
		return ofItem(operation) && !strings.HasSuffix(operation, "/refresh")
	case faultItemLimit:
		_, known := limits[operation]
		return known
	case bank.FaultBankDown:
		return ofItem(operation) || explicit
	}
	return true
}

// injected answers a request that a fault of Plaid's own spoils.
func injected(c *bank.Call) (bank.Reply, bool) {
	operation := c.Route.Operation
	switch c.Fault {
	case bank.FaultRejected:
		return refuse(invalidKeys, "invalid client_id or secret provided"), true
	case bank.FaultUnknownCode:
		return refuse(code{kind: "VIRTUALBANK_ERROR", name: "UNHEARD_OF"}, "a code that is not listed"), true
	case bank.FaultBankDown:
		return refuse(institutionDown, "this institution is not currently responding to this request. "+
			"please try again soon"), true
	case faultInternal:
		return refuse(internalError, "an unexpected error occurred"), true
	case faultMaintenance:
		return refuse(maintenance, "Plaid's systems are in maintenance mode and API operations are disabled"), true
	case faultItemLimit:
		return limited(operation), true
	case faultBankLimit:
		return refuse(institutionLimit, "rate limit exceeded for this institution. please try again later"), true
	case faultMutation:
		return refuse(mutated, "Underlying transaction data changed since last page was fetched. "+
			"Please restart pagination from last update."), true
	case faultConsent:
		return refuse(consentRequired, "client does not have user consent to access the product"), true
	}
	return bank.Reply{}, false
}
