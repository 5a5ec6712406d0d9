package moneykit

// This file has the calls of the control plane that only MoneyKit has.

import "github.com/bankmux/bankmux/virtualbank/internal/bank"

// Connect returns the control call that plays the user in Connect.
func (b *Provider) Connect() bank.ControlCall {
	return bank.Post(
		"link",
		"plays the user in Connect; needs link_session_token, or user for a session of the bank's own",
		map[string]any{
			"user":           "user-1",
			"institution_id": "northwind",
			"username":       bank.UserGood,
			"password":       bank.PassGood,
		},
		func(in ConnectInput) (any, error) { return b.Link(in) },
	)
}

// Controls returns the control calls that only MoneyKit has.
func (b *Provider) Controls() []bank.ControlCall {
	type unavailable struct {
		bank.LinkRef
		Product string `json:"product"`
		Reason  string `json:"reason"`
	}
	return []bank.ControlCall{
		bank.Post(
			"refresh", "fetches all products of a link immediately, without regard to rate limits",
			bank.Example(Spec(), nil),
			func(in bank.LinkRef) (any, error) {
				return map[string]any{"refreshed": true}, b.Refresh(in.ID(b.Bank, b))
			},
		),
		bank.Post(
			"unavailable",
			"stops the refreshes of a product of a link; an empty reason allows them again",
			bank.Example(
				Spec(),
				map[string]any{"product": "transactions", "reason": "The institution moves to another provider."},
			),
			func(in unavailable) (any, error) {
				id := in.ID(b.Bank, b)
				return map[string]any{"unavailable": in.Reason}, b.SetUnavailable(id, in.Product, in.Reason)
			},
		),
		bank.Post(
			"forms",
			"selects forms of responses: timestamps without a zone, a documentation_url in errors",
			Forms{ZonelessTimes: true, DocumentationURL: "https://docs.example.com/errors"},
			func(in Forms) (any, error) {
				b.SetForms(in)
				return map[string]any{"forms": in}, nil
			},
		),
	}
}
