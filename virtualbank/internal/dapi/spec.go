package dapi

// This file has the fixed facts of Dapi.

import "github.com/bankmux/bankmux/virtualbank/internal/bank"

// Name is Dapi's name in faults, the journal and webhooks.
const Name = "dapi"

// Spec returns the fixed facts of Dapi.
func Spec() bank.Spec {
	return bank.Spec{
		Name:       Name,
		Title:      "Dapi",
		BasePath:   "/v2",
		IDName:     "connectionID",
		Faults:     faults(),
		Situations: situations(),
		Events:     Events(),
		SecretNames: []string{
			"appsecret", "usersecret", "accesscode", "accesstoken", "accountnumber", "iban", "answer",
		},
		SignatureHeader:    "Svix-Signature",
		Forgeries:          forgeries(),
		ExampleOperation:   "/data/accounts/get",
		ExampleInstitution: "DAPIBANK_AE_ENBD",
	}
}

// Spec returns the fixed facts of Dapi.
func (*Provider) Spec() bank.Spec { return Spec() }

// situations lists the situations that Dapi has.
func situations() []string {
	return []string{
		bank.PendingVanishes,
		bank.Posted,
		bank.Tip,
		bank.FuelHold,
		bank.Late,
		bank.VeryLate,
		bank.Twin,
		bank.Edited,
		bank.Withdrawn,
		bank.EmptyResponse,
		bank.ShortResponse,
		bank.FewerDays,
		bank.FewerDaysUnsaid,
		bank.DaysIgnored,
		bank.DaysRefused,
		bank.TodayRefused,
		bank.ValueDays,
		bank.TextDrift,
	}
}

var _ bank.Provider = (*Provider)(nil)
