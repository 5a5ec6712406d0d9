package virtualbank

import (
	"net/http"
	"slices"
	"strings"
)

// The faults that only Dapi has.
const (
	faultFailed200   = "failed_envelope_200"
	faultNoType      = "failed_without_type"
	faultInitialized = "initialized"
	faultAsks        = "user_input_required"
)

func dpFaults() []faultWord {
	return []faultWord{
		{faultFailed200, "a failed envelope under status 200"},
		{faultNoType, "a failed envelope without type under status 500"},
		{
			faultInitialized,
			"the operation is still running; at /auth/ExchangeToken and delink only where the fault names them",
		},
		{
			faultAsks,
			"the bank asks for a one-time password; at auth, metadata and delink only where the fault names them",
		},
	}
}

// Applies reports whether a fault makes sense for an operation.
func (*dpProvider) Applies(fault, op string, named bool) bool {
	switch fault {
	case faultBankDown:
		return op != "/auth/ExchangeToken"
	case faultInitialized, faultAsks: // auth and metadata never ask, Dapi's documentation says
		named = named && !strings.HasPrefix(op, "/operation/")
		return named || isDataCall(op) || fault == faultInitialized && op == "/metadata/accounts/get"
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

// dpSpecial answers a Dapi request that an injected fault of Dapi's own spoils.
func (b *dpProvider) dpSpecial(c *call) (reply, bool) {
	switch c.fault {
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
