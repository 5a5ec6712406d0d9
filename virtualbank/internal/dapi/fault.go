package dapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// The faults that only Dapi has.
const (
	faultFailed200   = "failed_envelope_200"
	faultNoType      = "failed_without_type"
	faultInitialized = "initialized"
	faultAsks        = "user_input_required"
)

func faults() []bank.Fault {
	return []bank.Fault{
		{Name: faultFailed200, Summary: "a failed envelope under status 200"},
		{Name: faultNoType, Summary: "a failed envelope without type under status 500"},
		{
			Name:    faultInitialized,
			Summary: "the operation is still running; at /auth/ExchangeToken and delink only where the fault names them",
		},
		{
			Name:    faultAsks,
			Summary: "the bank asks for a one-time password; at auth, metadata and delink only where the fault names them",
		},
	}
}

// Applies reports whether a fault makes sense for an operation.
func (*Provider) Applies(fault, op string, named bool) bool {
	switch fault {
	case bank.FaultBankDown:
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

// injected answers a Dapi request that an injected fault of Dapi's own spoils.
func (b *Provider) injected(c *bank.Call) (bank.Reply, bool) {
	switch c.Fault {
	case faultFailed200:
		return fail(http.StatusOK, typeUnknown, "The operation failed"), true
	case faultNoType:
		return fail(http.StatusInternalServerError, typeNone, "The operation failed"), true
	case bank.FaultRejected:
		return wrongSecret(), true
	case bank.FaultUnknownCode:
		return fail(http.StatusBadRequest, "VIRTUALBANK_UNHEARD_OF", "A type that nobody listed"), true
	case bank.FaultBankDown:
		return fail(http.StatusInternalServerError, typeUnknown, "The bank is not available"), true
	}
	return bank.Reply{}, false
}
