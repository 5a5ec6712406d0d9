package bankmux

// This file describes cards and the call that reads them.

import "context"

// CardsRequest asks for cards.
type CardsRequest struct {
	Connection Connection
	Answers    *Answers // to a [Challenge] of an earlier try
}

func (r *CardsRequest) prepare(c *Client, op *Op) error {
	if err := r.Connection.prepare(c, op); err != nil {
		return err
	}
	return r.Answers.prepare(op)
}

// CardsResult holds cards.
type CardsResult struct {
	Cards  []Card
	Failed []Failure
}

// Card is one payment card.
type Card struct {
	ID       string   `json:"id"`
	Name     string   `json:"name,omitempty"`
	Number   string   `json:"number,omitempty"` // as the bank shows it, mostly masked
	Kind     string   `json:"kind,omitempty"`   // the provider's word: "credit"
	Status   string   `json:"status,omitempty"` // the provider's word: "active", "blocked", …
	Limit    Money    `json:"limit"`            // zero if absent
	Expires  Date     `json:"expires"`          // zero if absent
	Currency Currency `json:"currency,omitempty"`
}

// Account returns the card as an account of [AccountCreditCard] with the id of the card, so that a
// [Ledger] can name it. It has no ProviderKind, so [Account.IsCard] is true.
func (c Card) Account() Account {
	return Account{ID: c.ID, Kind: AccountCreditCard, Name: c.Name, Number: c.Number, Currency: c.Currency}
}

// IsCard reports whether the account is what [Card.Account] returns: a card that the provider keeps
// apart from accounts. Where a provider lists cards as accounts, IsCard is false.
func (a Account) IsCard() bool { return a.Kind == AccountCreditCard && a.ProviderKind == "" }

// Cards lists cards. It may be repeated. If a part cannot be read, Cards returns the rest and a
// [*PartialError]. For the other errors see [CardLister].
func (c *Client) Cards(ctx context.Context, req CardsRequest) (CardsResult, error) {
	res, err := call(ctx, c, &opCards, &req, CardLister.Cards)
	if err == nil {
		err = c.partial(&opCards, &req.Connection, res.Failed)
	}
	return res, err
}
