package dapi

// This file has the metadata of an institution.

import "github.com/bankmux/bankmux/virtualbank/internal/bank"

// metadataReply is the response of /metadata/accounts/get.
type metadataReply struct {
	envelope
	Metadata metadata `json:"accountsMetadata"`
}

// metadata describes an institution in the response of /metadata/accounts/get.
type metadata struct {
	SwiftCode     string        `json:"swiftCode"`
	SortCode      *string       `json:"sortCode"`
	BankName      string        `json:"bankName"`
	BranchName    string        `json:"branchName"`
	BranchAddress string        `json:"branchAddress"`
	Address       lines         `json:"address"`
	Bounds        []bound       `json:"transferBounds"`
	CoolDown      span          `json:"beneficiaryCoolDownPeriod"`
	Range         span          `json:"transactionRange"`
	Country       codeAndName   `json:"country"`
	CreateFirst   bool          `json:"isCreateBeneficiaryEndpointRequired"`
	ListedAtOnce  bool          `json:"willNewlyAddedBeneficiaryExistBeforeCoolDownPeriod"`
	Validators    validatorSets `json:"validators"`
}

type lines struct {
	Line1 string `json:"line1"`
	Line2 string `json:"line2"`
	Line3 string `json:"line3"`
}

type codeAndName struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

type bound struct {
	Minimum  int         `json:"minimum"`
	Currency codeAndName `json:"currency"`
	Type     string      `json:"type"`
}

type span struct {
	Value int    `json:"value"`
	Unit  string `json:"unit"`
}

type validatorSets struct {
	Beneficiary map[string]map[string]rule `json:"createBeneficiary"`
	Transfer    map[string]map[string]rule `json:"createTransfer"`
}

type rule struct {
	Required   bool     `json:"required"`
	Optional   bool     `json:"optional"`
	Length     int      `json:"length"`
	Characters string   `json:"allowedCharacters"`
	Attributes []string `json:"attributes"`
}

// coolDownHours is how many hours a new beneficiary cannot be paid.
const coolDownHours = 24

// metadataOf returns the metadata of an institution that serves transactions of some days.
func metadataOf(in bank.Institution, days int) metadata {
	code, name := bank.CurrencyOf(in.Country)
	currency := codeAndName{code, name}
	holder := map[string]rule{"name": {Required: true, Length: 35, Characters: "[A-Za-z ]", Attributes: []string{}}}
	remarks := map[string]rule{
		"remarks": {Optional: true, Length: 35, Characters: "[A-Za-z0-9 ]", Attributes: []string{}},
	}
	return metadata{
		SwiftCode: in.SwiftCode, BankName: in.LegalName, BranchName: in.Address.Branch,
		BranchAddress: in.Address.Street + " " + in.Address.City,
		Address:       lines{in.Address.Street, in.Address.City, bank.CountryName(in.Country)},
		Bounds:        []bound{{1, currency, "local"}, {1, currency, "same"}},
		CoolDown:      span{coolDownHours, "hrs"}, Range: span{days, "days"},
		Country:     codeAndName{in.Country, bank.CountryName(in.Country)},
		CreateFirst: true, ListedAtOnce: true,
		Validators: validatorSets{
			Beneficiary: map[string]map[string]rule{"local": holder, "same": holder},
			Transfer:    map[string]map[string]rule{"local": remarks, "same": remarks},
		},
	}
}
