package plaid

// This file has the calls of the control plane that only Plaid has.

import "github.com/bankmux/bankmux/virtualbank/internal/bank"

// Connect returns the control call that plays the user in Link.
func (b *Provider) Connect() bank.ControlCall {
	return bank.Post(
		"link",
		"plays the user in Link: with the link_token of an application, or with user for a session of the bank's own",
		map[string]any{
			"user":           "user-1",
			"institution_id": "ins_900101",
			"username":       bank.UserGood,
			"password":       bank.PassGood,
		},
		func(in ConnectInput) (any, error) { return b.Link(in) },
	)
}

// Controls returns the control calls that only Plaid has.
func (b *Provider) Controls() []bank.ControlCall {
	about := func(name, text, done string, do func(string) error) bank.ControlCall {
		return bank.Post(name, text, bank.Example(Spec(), nil), func(in bank.LinkRef) (any, error) {
			return map[string]any{done: true}, do(in.ID(b.Bank, b))
		})
	}
	return []bank.ControlCall{
		about("refresh", "lets Plaid look at once for all that an Item has, and finishes a first fetch", "refreshed",
			b.Refresh),
		about("repair", "heals an Item as another application would, which is announced", "repaired", b.Repair),
		about("revoke", "lets the user take the permission back at Plaid, which ends the Item", "revoked", b.Revoke),
	}
}
