package virtualbank

// dpName is how faults, the journal and webhooks spell Dapi.
const dpName = "dapi"

// dpSpec returns what is fixed about Dapi.
func dpSpec() coreSpec {
	return coreSpec{
		Name:               dpName,
		Title:              "Dapi",
		BasePath:           "/v2",
		IDName:             "connectionID",
		Faults:             dpFaults(),
		Situations:         dpSituations(),
		Events:             dpEvents(),
		SignatureHeader:    "Svix-Signature",
		Forgeries:          dpForgeries(),
		ExampleOperation:   "/data/accounts/get",
		ExampleInstitution: "DAPIBANK_AE_ENBD",
	}
}

// Spec returns what is fixed about Dapi.
func (*dpProvider) Spec() coreSpec { return dpSpec() }

func dpSituations() []string {
	return []string{
		PendingVanishes,
		Posted,
		Tip,
		FuelHold,
		Late,
		VeryLate,
		Twin,
		Edited,
		Withdrawn,
		EmptyAnswer,
		ShortAnswer,
		FewerDays,
		FewerDaysUnsaid,
		DaysIgnored,
		DaysRefused,
		TodayRefused,
		ValueDays,
		TextDrift,
	}
}
