package virtualbank

// mkName is how faults, the journal and webhooks spell MoneyKit.
const mkName = "moneykit"

// mkSpec returns what is fixed about MoneyKit.
func mkSpec() coreSpec {
	return coreSpec{
		Name:               mkName,
		Title:              "MoneyKit",
		IDName:             "link_id",
		Faults:             mkFaults(),
		Situations:         mkSituations(),
		Events:             mkEvents(),
		SignatureHeader:    "Moneykit-Signature",
		Forgeries:          mkForgeries(),
		ExampleOperation:   "GET /links",
		ExampleInstitution: "northwind",
	}
}

// Spec returns what is fixed about MoneyKit.
func (*mkProvider) Spec() coreSpec { return mkSpec() }

// DrawKeys draws what comes after the credentials of both providers: the key of webhooks, the bank's
// own key and the id of the application.
func (b *mkProvider) DrawKeys() {
	key := b.gen.signingKey()
	b.keys = []signingKey{{b.gen.urlSafe(40), key}}
	b.drawKey()
	b.appID = b.gen.uuid()
}

func mkSituations() []string {
	return []string{
		IDChurn,
		RemovedFirst,
		Unordered,
		CreatedAndUpdated,
		CreatedAndRemoved,
		UpdatedAndRemoved,
		PendingVanishes,
		Posted,
		PostedSameID,
		Tip,
		FuelHold,
		Late,
		VeryLate,
		Twin,
		Edited,
		Withdrawn,
		CursorForgotten,
		CursorCircles,
		DaysIgnored,
		RenumberedDay,
		SecondLink,
		TextDrift,
	}
}
