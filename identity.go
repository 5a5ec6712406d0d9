package bankmux

// This file describes the owners of accounts and the call that reads them.

import "context"

// IdentityRequest asks who owns the accounts.
type IdentityRequest struct {
	Connection Connection
	Accounts   []string // the provider's ids; nil means all
	Answers    *Answers // to a [Challenge] of an earlier try
}

func (r *IdentityRequest) prepare(c *Client, op *Op) error {
	if err := r.Connection.prepare(c, op); err != nil {
		return err
	}
	if err := checkIDs("IdentityRequest", r.Accounts); err != nil {
		return err
	}
	return r.Answers.prepare(op)
}

// IdentityResult holds owners.
type IdentityResult struct {
	Owners []Owner
	Failed []Failure
}

// Owner is one owner of accounts, as the bank knows them. All of it is personal data. A field is
// empty if the bank does not say it.
type Owner struct {
	// the provider's ids; empty if the bank names the user without an account
	Accounts    []string   `json:"accounts,omitempty"`
	Names       []string   `json:"names,omitempty"`
	Addresses   []Address  `json:"addresses,omitempty"`
	Phones      []Phone    `json:"phones,omitempty"`
	Emails      []Email    `json:"emails,omitempty"`
	BirthDate   Date       `json:"birth_date"`            // zero if absent
	Nationality string     `json:"nationality,omitempty"` // in the bank's words
	Documents   []Document `json:"documents,omitempty"`
}

// Address is a postal address. It is not validated.
type Address struct {
	Full       string `json:"full,omitempty"` // the whole address, if the bank gives one text
	Street     string `json:"street,omitempty"`
	Building   string `json:"building,omitempty"`
	Flat       string `json:"flat,omitempty"`
	Area       string `json:"area,omitempty"`
	POBox      string `json:"po_box,omitempty"`
	PostalCode string `json:"postal_code,omitempty"`
	City       string `json:"city,omitempty"`
	Region     string `json:"region,omitempty"`
	Country    string `json:"country,omitempty"` // in the bank's words
	Primary    bool   `json:"primary,omitempty"`
}

// Phone is a telephone number in no particular form.
type Phone struct {
	Number  string `json:"number"`
	Kind    string `json:"kind,omitempty"` // in the provider's words: "home", "mobile", "fax", …
	Primary bool   `json:"primary,omitempty"`
}

// Email is an e-mail address.
type Email struct {
	Address string `json:"address"`
	Primary bool   `json:"primary,omitempty"`
}

// Document is an identity document.
type Document struct {
	Kind   string `json:"kind"` // in the provider's words: "passport", "national_id", …
	Number string `json:"number"`
}

// Identity reads who owns the accounts. It may be repeated. If a part cannot be read, Identity
// returns the rest and a [*PartialError]. For the other errors see [IdentityReader].
func (c *Client) Identity(ctx context.Context, req IdentityRequest) (IdentityResult, error) {
	res, err := call(ctx, c, &opIdentity, &req, IdentityReader.Identity)
	if err == nil {
		err = c.partial(&opIdentity, &req.Connection, res.Failed)
	}
	return res, err
}
