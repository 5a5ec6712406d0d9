package dapi

// This file has the calls of the control plane that only Dapi has.

import "github.com/bankmux/bankmux/virtualbank/internal/bank"

// Connect returns the control call that plays the user in Connect.
func (b *Provider) Connect() bank.ControlCall {
	return bank.Post(
		"link", "plays the user in Connect and returns what Connect passes to the page",
		map[string]any{
			"appKey":         b.appKey,
			"institution_id": "DAPIBANK_AE_ENBD",
			"username":       bank.UserGood,
			"password":       bank.PassGood,
		},
		func(in ConnectInput) (any, error) { return b.Link(in) },
	)
}

// Controls returns the control calls that only Dapi has.
func (b *Provider) Controls() []bank.ControlCall {
	type input struct {
		bank.LinkRef
		Operation string     `json:"operation"`
		Rounds    [][]string `json:"rounds"`
	}
	type running struct {
		bank.LinkRef
		Operation string `json:"operation"`
		Polls     int    `json:"polls"`
	}
	return []bank.ControlCall{
		bank.Post(
			"input",
			"makes the next call of the operation ask the user; correct answers: 123456 (otp, token), 1234 (pin), "+
				"BANK7 (captcha), blue (secret_question), true (confirmation), 0 (multiple_choice)",
			bank.Example(Spec(), map[string]any{
				"operation": "/data/balance/get", "rounds": [][]string{{"otp"}, {"pin", "secret_question"}},
			}),
			func(in input) (any, error) {
				id := in.ID(b.Bank, b)
				return map[string]any{"required": true}, b.RequireInput(id, in.Operation, in.Rounds...)
			},
		),
		bank.Post(
			"defer",
			`makes the next call of the operation return "initialized"; the next polls status calls find it running`,
			bank.Example(Spec(), map[string]any{"operation": "/data/transactions/get", "polls": 2}),
			func(in running) (any, error) {
				return map[string]any{"deferred": true}, b.Defer(in.ID(b.Bank, b), in.Operation, in.Polls)
			},
		),
	}
}
