package moneykit

import "github.com/bankmux/bankmux/virtualbank/internal/bank"

// Name is how faults, the journal and webhooks spell MoneyKit.
const Name = "moneykit"

// Spec returns what is fixed about MoneyKit.
func Spec() bank.Spec {
	return bank.Spec{
		Name:               Name,
		Title:              "MoneyKit",
		IDName:             "link_id",
		Faults:             faults(),
		Situations:         situations(),
		Events:             Events(),
		SignatureHeader:    "Moneykit-Signature",
		Forgeries:          forgeries(),
		ExampleOperation:   "GET /links",
		ExampleInstitution: "northwind",
	}
}

// Spec returns what is fixed about MoneyKit.
func (*Provider) Spec() bank.Spec { return Spec() }

// DrawKeys draws what comes after the credentials of both providers: the key of webhooks, the bank's
// own key and the id of the application.
func (b *Provider) DrawKeys() {
	key := b.Gen.SigningKey()
	b.keys = []signingKey{{b.Gen.URLSafe(40), key}}
	b.DrawKey()
	b.appID = b.Gen.UUID()
}

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
