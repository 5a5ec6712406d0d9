package bank

// This file is the catalogue of institutions.

// The products that MoneyKit reads at an institution.
var (
	everything    = []string{"accounts", "account_numbers", "identity", "transactions", "investments"}
	noInvestments = everything[:4:4]
)

// catalogue lists all institutions. If a call names none, the first that fits is taken: of a
// country on MoneyKit, of all on Dapi. MoneyKit's institutions are invented. Dapi's have real names
// and BICs, because its metadata consists mostly of them.
var catalogue = []Institution{
	{
		Name:             "Emirates NBD",
		LegalName:        "Emirates NBD Bank PJSC",
		Country:          "AE",
		Domain:           "emiratesnbd.example",
		Login:            loginPassword,
		DapiID:           "DAPIBANK_AE_ENBD",
		DapiProductionID: "EBILAEAD",
		SwiftCode:        "EBILAEAD",
		Address:          Address{"Main Branch", "Baniyas Road", "Dubai"},
	},
	{
		Name:             "ADCB",
		LegalName:        "Abu Dhabi Commercial Bank PJSC",
		Country:          "AE",
		Domain:           "adcb.example",
		Login:            loginPassword,
		DapiID:           "DAPIBANK_AE_ADCB",
		DapiProductionID: "ADCBAEAA",
		SwiftCode:        "ADCBAEAA",
		AsksOTP:          true,
		Address:          Address{"Main Branch", "Sheikh Zayed Street", "Abu Dhabi"},
	},
	{
		Name:             "Al Rajhi Bank",
		LegalName:        "Al Rajhi Banking and Investment Corporation",
		Country:          "SA",
		Domain:           "alrajhi.example",
		Login:            loginPassword,
		DapiID:           "DAPIBANK_SA_RAJHI",
		DapiProductionID: "RJHISARI",
		SwiftCode:        "RJHISARI",
		Address:          Address{"Head Office", "King Fahd Road", "Riyadh"},
	},
	{
		Name: "SNB", LegalName: "Saudi National Bank", Country: "SA", Domain: "snb.example", Login: loginPassword,
		DapiID: "DAPIBANK_SA_SNB", DapiProductionID: "NCBKSAJE", SwiftCode: "NCBKSAJE",
		Address: Address{"Head Office", "King Abdullah Road", "Riyadh"},
	},
	{
		Name:             "NBK",
		LegalName:        "National Bank of Kuwait SAKP",
		Country:          "KW",
		Domain:           "nbk.example",
		Login:            loginPassword,
		DapiID:           "DAPIBANK_KW_NBK",
		DapiProductionID: "NBOKKWKW",
		SwiftCode:        "NBOKKWKW",
		Address:          Address{"Head Office", "Shuhada Street", "Kuwait City"},
	},
	{
		Name:             "KFH",
		LegalName:        "Kuwait Finance House KSCP",
		Country:          "KW",
		Domain:           "kfh.example",
		Login:            loginPassword,
		DapiID:           "DAPIBANK_KW_KFH",
		DapiProductionID: "KFHOKWKW",
		SwiftCode:        "KFHOKWKW",
		Address:          Address{"Head Office", "Abdullah Al Mubarak Street", "Kuwait City"},
	},
	{
		Name:             "NBB",
		LegalName:        "National Bank of Bahrain BSC",
		Country:          "BH",
		Domain:           "nbb.example",
		Login:            loginPassword,
		DapiID:           "DAPIBANK_BH_NBB",
		DapiProductionID: "NBOBBHBM",
		SwiftCode:        "NBOBBHBM",
		Address:          Address{"Main Branch", "Government Avenue", "Manama"},
	},
	{
		Name:             "BBK",
		LegalName:        "Bank of Bahrain and Kuwait BSC",
		Country:          "BH",
		Domain:           "bbk.example",
		Login:            loginPassword,
		DapiID:           "DAPIBANK_BH_BBK",
		DapiProductionID: "BBKUBHBM",
		SwiftCode:        "BBKUBHBM",
		Address:          Address{"Main Branch", "Government Avenue", "Manama"},
	},
	{
		Name:             "Northwind Bank",
		LegalName:        "Northwind Bank NA",
		Country:          "US",
		Domain:           "northwind.example",
		Login:            loginPassword,
		Featured:         true,
		MoneyKitID:       "northwind",
		PlaidID:          "ins_900101",
		MoneyKitAliases:  []string{"mx.northwind", "plaid.ins_900101"},
		Providers:        []string{"mx", "plaid"},
		Products:         everything,
		DapiID:           "DAPIBANK_US_NORTHWIND",
		DapiProductionID: "NWNDUS33",
		SwiftCode:        "NWNDUS33",
		Address:          Address{"Main Branch", "100 Pine Street", "Seattle"},
	},
	{
		Name:             "Harbor Trust",
		LegalName:        "Harbor Trust Company",
		Country:          "US",
		Domain:           "harbortrust.example",
		Login:            loginPassword,
		MoneyKitID:       "harbor_trust",
		PlaidID:          "ins_900102",
		MoneyKitAliases:  []string{"finicity.90210"},
		Providers:        []string{"finicity"},
		Products:         noInvestments,
		DapiID:           "DAPIBANK_US_HARBOR",
		DapiProductionID: "HRBRUS44",
		SwiftCode:        "HRBRUS44",
		Address:          Address{"Main Branch", "12 Wharf Street", "Boston"},
	},
	{
		Name:       "Credentials Bank",
		LegalName:  "Credentials Bank",
		Country:    "US",
		Domain:     "credentials.example",
		Login:      loginPassword,
		MoneyKitID: "credentials_bank",
		Providers:  []string{"moneykit"},
		Products:   everything,
	},
	{
		Name: "Instant Bank", LegalName: "Instant Bank", Country: "US", Domain: "instant.example", Login: LoginNone,
		MoneyKitID: "instant_bank", Providers: []string{"moneykit"}, Products: everything,
	},
	{
		Name: "OAuth Bank", LegalName: "OAuth Bank", Country: "US", Domain: "oauth.example", Login: LoginOAuth,
		MoneyKitID: "oauth_bank", Providers: []string{"moneykit"}, Products: everything,
	},
	{
		Name:            "Thames Mutual",
		LegalName:       "Thames Mutual plc",
		Country:         "GB",
		Domain:          "thamesmutual.example",
		Login:           LoginOAuth,
		Featured:        true,
		MoneyKitID:      "thames_mutual",
		PlaidID:         "ins_900201",
		OAuth:           true,
		MoneyKitAliases: []string{"plaid.ins_900201"},
		Providers:       []string{"plaid"},
		Products:        noInvestments,
	},
	{
		Name:       "Albion Bank",
		LegalName:  "Albion Bank plc",
		Country:    "GB",
		Domain:     "albion.example",
		Login:      LoginOAuth,
		MoneyKitID: "albion",
		PlaidID:    "ins_900202",
		OAuth:      true,
		Providers:  []string{"plaid"},
		Products:   noInvestments,
	},
	{
		Name:            "Rideau Bank",
		LegalName:       "Rideau Bank of Canada",
		Country:         "CA",
		Domain:          "rideau.example",
		Login:           loginPassword,
		Featured:        true,
		MoneyKitID:      "rideau",
		PlaidID:         "ins_900401",
		MoneyKitAliases: []string{"mx.rideau"},
		Providers:       []string{"mx"},
		Products:        everything,
	},
	{
		Name:       "Maple Credit Union",
		LegalName:  "Maple Credit Union Limited",
		Country:    "CA",
		Domain:     "maplecu.example",
		Login:      loginPassword,
		MoneyKitID: "maple_credit_union",
		PlaidID:    "ins_900402",
		Providers:  []string{"mx"},
		Products:   noInvestments,
	},
	// What follows is served by Plaid alone. The first two are invented. The others carry the names
	// and ids of Plaid's own sandbox.
	{
		Name: "Gracht Bank", LegalName: "Gracht Bank NV", Country: "NL", Domain: "gracht.example",
		Login: LoginOAuth, PlaidID: "ins_900301", OAuth: true, Products: noInvestments,
	},
	{
		Name: "Isar Bank", LegalName: "Isar Bank AG", Country: "DE", Domain: "isar.example",
		Login: LoginOAuth, PlaidID: "ins_900302", OAuth: true, Products: noInvestments,
	},
	{
		Name: "First Platypus Bank", LegalName: "First Platypus Bank", Country: "US", Domain: "platypus.example",
		Login: loginPassword, PlaidID: "ins_109508", Products: everything,
	},
	{
		Name: "First Gingham Credit Union", LegalName: "First Gingham Credit Union", Country: "US",
		Domain: "gingham.example", Login: loginPassword, PlaidID: "ins_109509", Products: everything,
	},
	{
		Name: "Tattersall Federal Credit Union", LegalName: "Tattersall Federal Credit Union", Country: "US",
		Domain: "tattersall.example", Login: loginPassword, PlaidID: "ins_109510", Products: everything,
	},
	{
		Name: "Tartan Bank", LegalName: "Tartan Bank", Country: "US",
		Domain: "tartan.example", Login: loginPassword, PlaidID: "ins_109511", Products: everything,
	},
	{
		Name: "Houndstooth Bank", LegalName: "Houndstooth Bank", Country: "US",
		Domain: "houndstooth.example", Login: loginPassword, PlaidID: "ins_109512", Products: everything,
	},
	{
		Name: "Windowpane Bank", LegalName: "Windowpane Bank", Country: "US",
		Domain: "windowpane.example", Login: loginPassword, PlaidID: "ins_135858", Products: everything,
	},
	{
		Name: "Platypus OAuth Bank", LegalName: "Platypus OAuth Bank", Country: "US", Domain: "platypusoauth.example",
		Login: LoginOAuth, PlaidID: "ins_127287", OAuth: true, Products: everything,
	},
	{
		Name: "Royal Bank of Plaid", LegalName: "Royal Bank of Plaid", Country: "GB", Domain: "royalplaid.example",
		Login: LoginOAuth, PlaidID: "ins_117650", OAuth: true, Products: noInvestments,
	},
	{
		Name: "Tartan-Dominion Bank of Canada", LegalName: "Tartan-Dominion Bank of Canada", Country: "CA",
		Domain: "tartandominion.example", Login: loginPassword, PlaidID: "ins_43", Products: noInvestments,
	},
	{
		Name: "First Platypus Balance Bank", LegalName: "First Platypus Balance Bank", Country: "US",
		Domain: "platypusbalance.example", Login: loginPassword, PlaidID: "ins_130016", Products: everything,
	},
	{
		Name: "Platypus OAuth App2App Bank", LegalName: "Platypus OAuth App2App Bank", Country: "US",
		Domain: "platypusapp.example", Login: LoginOAuth, PlaidID: "ins_132241", OAuth: true, Products: everything,
	},
	{
		Name: "Flexible Platypus Open Banking", LegalName: "Flexible Platypus Open Banking", Country: "GB",
		Domain: "platypusopen.example", Login: LoginOAuth, PlaidID: "ins_116834", OAuth: true, Products: noInvestments,
	},
	{
		Name: "Flexible Platypus Open Banking QR", LegalName: "Flexible Platypus Open Banking QR", Country: "GB",
		Domain: "platypusqr.example", Login: LoginOAuth, PlaidID: "ins_117181", OAuth: true, Products: noInvestments,
	},
	{
		Name: "Unhealthy Platypus Bank, Degraded", LegalName: "Unhealthy Platypus Bank, Degraded", Country: "US",
		Domain: "degraded.example", Login: loginPassword, PlaidID: "ins_132363", Products: everything, Health: Degraded,
	},
	{
		Name: "Unhealthy Platypus Bank, Down", LegalName: "Unhealthy Platypus Bank, Down", Country: "US",
		Domain: "down.example", Login: loginPassword, PlaidID: "ins_132361", Products: everything, Health: Down,
	},
	{
		Name: "Unsupported Platypus Bank", LegalName: "Unsupported Platypus Bank", Country: "US",
		Domain: "unsupported.example", Login: loginPassword, PlaidID: "ins_133402", Products: everything,
		Health: Unsupported,
	},
}

// CountryName returns the name of a country that Dapi serves, as its metadata writes it.
func CountryName(code string) string {
	switch code {
	case "AE":
		return "UNITED ARAB EMIRATES"
	case "SA":
		return "SAUDI ARABIA"
	case "KW":
		return "KUWAIT"
	case "BH":
		return "BAHRAIN"
	case "US":
		return "UNITED STATES"
	}
	return code
}

// CurrencyOf returns the currency of a country, with the name that Dapi's metadata writes.
func CurrencyOf(country string) (code, name string) {
	switch country {
	case "AE":
		return "AED", "UNITED ARAB EMIRATES DIRHAM"
	case "SA":
		return "SAR", "SAUDI RIYAL"
	case "KW":
		return "KWD", "KUWAITI DINAR"
	case "BH":
		return "BHD", "BAHRAINI DINAR"
	case "GB":
		return "GBP", "POUND STERLING"
	case "CA":
		return "CAD", "CANADIAN DOLLAR"
	case "NL", "DE":
		return "EUR", "EURO"
	}
	return "USD", "UNITED STATES DOLLAR"
}
