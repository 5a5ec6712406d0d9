package bankmux

// This file describes account numbers and the call that reads them.

import "context"

// AccountNumbersRequest asks for account numbers.
type AccountNumbersRequest struct {
	Connection Connection
	Answers    *Answers // to a [Challenge] of an earlier try
}

func (r *AccountNumbersRequest) prepare(c *Client, op *Op) error {
	if err := r.Connection.prepare(c, op); err != nil {
		return err
	}
	return r.Answers.prepare(op)
}

// AccountNumbersResult holds account numbers.
type AccountNumbersResult struct {
	Accounts []AccountNumbers
	Failed   []Failure
}

// AccountNumbers are all numbers of one account.
type AccountNumbers struct {
	Account string          `json:"account"` // the provider's id
	Numbers []AccountNumber `json:"numbers"`
}

// Of returns the number of a scheme, and false if the account has none.
func (n AccountNumbers) Of(scheme NumberScheme) (AccountNumber, bool) {
	for _, one := range n.Numbers {
		if one.Scheme == scheme {
			return one, true
		}
	}
	return AccountNumber{}, false
}

// AccountNumber is the number of an account in one payment scheme. It is personal data. It is not
// validated, because sandboxes invent numbers.
type AccountNumber struct {
	Scheme      NumberScheme `json:"scheme"`
	Number      string       `json:"number,omitempty"`
	Routing     string       `json:"routing,omitempty"`      // ACH
	WireRouting string       `json:"wire_routing,omitempty"` // ACH, if it differs for wires
	Institution string       `json:"institution,omitempty"`  // EFT
	Branch      string       `json:"branch,omitempty"`       // EFT
	SortCode    string       `json:"sort_code,omitempty"`    // BACS
	IBAN        string       `json:"iban,omitempty"`         // IBAN
	BIC         string       `json:"bic,omitempty"`          // IBAN
}

// NumberScheme is a payment scheme. The list may grow.
type NumberScheme string

// The schemes.
const (
	SchemeACH   NumberScheme = "ach"   // United States: Number, Routing
	SchemeEFT   NumberScheme = "eft"   // Canada: Number, Institution, Branch
	SchemeBACS  NumberScheme = "bacs"  // United Kingdom: Number, SortCode
	SchemeIBAN  NumberScheme = "iban"  // IBAN, BIC if known
	SchemeLocal NumberScheme = "local" // Number, as the bank itself writes it
)

// AccountNumbers reads account numbers. It may be repeated. If a part cannot be read,
// AccountNumbers returns the rest and a [*PartialError]. For the other errors see
// [AccountNumberReader].
func (c *Client) AccountNumbers(ctx context.Context, req AccountNumbersRequest) (AccountNumbersResult, error) {
	res, err := call(ctx, c, &opAccountNumbers, &req, AccountNumberReader.AccountNumbers)
	if err == nil {
		err = c.partial(&opAccountNumbers, &req.Connection, res.Failed)
	}
	return res, err
}
