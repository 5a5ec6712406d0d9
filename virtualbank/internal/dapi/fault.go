package dapi

// This file has the faults in the words of Dapi.

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

// faults describes the faults that only Dapi has.
func faults() []bank.Fault {
	return []bank.Fault{
		{Name: faultFailed200, Summary: "a failed envelope under status 200"},
		{Name: faultNoType, Summary: "a failed envelope without type under status 500"},
		{
			Name:    faultInitialized,
			Summary: "the operation is still running; applies to auth and delink only if named",
		},
		{
			Name:    faultAsks,
			Summary: "the bank asks for a one-time password; applies to auth, metadata and delink only if named",
		},
	}
}

// Applies reports whether a fault has an effect on an operation.
func (*Provider) Applies(fault, op string, named bool) bool {
	switch fault {
	case bank.FaultBankDown:
		return op != "/auth/ExchangeToken"
	case faultInitialized, faultAsks: // Dapi documents that auth and metadata never ask
		named = named && !strings.HasPrefix(op, "/operation/")
		return named || isDataCall(op) || fault == faultInitialized && op == "/metadata/accounts/get"
	}
	return true
}

// isDataCall reports whether an operation needs the institution.
func isDataCall(op string) bool {
	return slices.ContainsFunc(
		[]string{"/data/", "/payment/", "/wire/", "/ach/", "/batch/", "/nymcard/"},
		func(group string) bool {
			return strings.HasPrefix(op, group) && op != "/data/DelinkUser"
		},
	)
}

// injected returns the response of an injected fault that replaces the operation.
func (b *Provider) injected(c *bank.Call) (bank.Reply, bool) {
	switch c.Fault {
	case faultFailed200:
		return fail(http.StatusOK, typeUnknown, "The operation failed"), true
	case faultNoType:
		return fail(http.StatusInternalServerError, typeNone, "The operation failed"), true
	case bank.FaultRejected:
		return wrongSecret(), true
	case bank.FaultUnknownCode:
		return fail(http.StatusBadRequest, "VIRTUALBANK_UNHEARD_OF", "An undocumented type"), true
	case bank.FaultBankDown:
		return fail(http.StatusInternalServerError, typeUnknown, "The bank is not available"), true
	}
	return bank.Reply{}, false
}
