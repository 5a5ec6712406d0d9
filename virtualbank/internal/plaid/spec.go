package plaid

// This file describes Plaid's API to the bank.

import "github.com/bankmux/bankmux/virtualbank/internal/bank"

// Name is how faults, the journal and webhooks spell Plaid.
const Name = "plaid"

// Spec returns what is fixed about Plaid.
func Spec() bank.Spec {
	return bank.Spec{
		Name:               Name,
		Title:              "Plaid",
		IDName:             "reference",
		Faults:             faultNames(),
		Situations:         situations(),
		Events:             Events(),
		OnlyOK:             true,
		SecretNames:        []string{"secret", "plaid-secret", "access_token", "public_token", "new_access_token"},
		SignatureHeader:    header,
		Forgeries:          forgeries(),
		ExampleOperation:   "/accounts/get",
		ExampleInstitution: "ins_900101",
	}
}

// Spec returns what is fixed about Plaid.
func (*Provider) Spec() bank.Spec { return Spec() }

func situations() []string {
	return []string{
		bank.IDChurn,
		bank.RemovedFirst,
		bank.Unordered,
		bank.CreatedAndUpdated,
		bank.CreatedAndRemoved,
		bank.UpdatedAndRemoved,
		bank.PendingVanishes,
		bank.Posted,
		bank.PostedUnmatched,
		bank.Tip,
		bank.FuelHold,
		bank.Late,
		bank.VeryLate,
		bank.Twin,
		bank.Edited,
		bank.Withdrawn,
		bank.CursorForgotten,
		bank.CursorCircles,
		bank.DaysIgnored,
		bank.RenumberedDay,
		bank.TextDrift,
		bank.MutationDuringPagination,
		bank.NotReady,
	}
}

var _ bank.Provider = (*Provider)(nil)
