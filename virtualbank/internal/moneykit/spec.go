package moneykit

// This file has the fixed facts of MoneyKit.

import "github.com/bankmux/bankmux/virtualbank/internal/bank"

// Name is MoneyKit's name in faults, the journal and webhooks.
const Name = "moneykit"

// Spec returns the fixed facts of MoneyKit.
func Spec() bank.Spec {
	return bank.Spec{
		Name:       Name,
		Title:      "MoneyKit",
		IDName:     "link_id",
		Faults:     faults(),
		Situations: situations(),
		Events:     Events(),
		SecretNames: []string{
			"client_secret", "x-client-secret", "access_token", "exchangeable_token", "link_session_token",
			"account_number",
		},
		SignatureHeader:    "Moneykit-Signature",
		Forgeries:          forgeries(),
		ExampleOperation:   "GET /links",
		ExampleInstitution: "northwind",
	}
}

// Spec returns the fixed facts of MoneyKit.
func (*Provider) Spec() bank.Spec { return Spec() }

// DrawKeys draws the webhook key, the bank's own key and the id of the application. It is called
// after both providers drew their credentials. This order decides what a seed gives.
func (b *Provider) DrawKeys() {
	key := b.Gen.SigningKey()
	b.keys = []signingKey{{b.Gen.URLSafe(40), key}}
	b.DrawKey()
	b.appID = b.Gen.UUID()
}

// situations lists the situations that MoneyKit has.
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
		bank.PostedSameID,
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
		bank.SecondLink,
		bank.TextDrift,
	}
}

var _ bank.Provider = (*Provider)(nil)
