package virtualbank

// Connect returns the control call that plays the user in Connect.
func (b *mkProvider) Connect() controlCall {
	return posted(
		"link",
		"plays the user in Connect: with the link_session_token of an application, or with user for a session of the bank's own",
		map[string]any{"user": "user-1", "institution_id": "northwind", "username": userGood, "password": passGood},
		func(in mkConnect) (any, error) { return b.Link(in) },
	)
}

// Controls returns the control calls that only MoneyKit has.
func (b *mkProvider) Controls() []controlCall {
	type unavailable struct {
		one
		Product string `json:"product"`
		Reason  string `json:"reason"`
	}
	return []controlCall{
		posted(
			"refresh", "fetches all products of a link at once, whatever the limits", exampleOf(mkSpec(), nil),
			func(in one) (any, error) {
				return map[string]any{"refreshed": true}, b.Refresh(in.id(b.core, b))
			},
		),
		posted(
			"unavailable",
			"keeps a product of a link from being refreshed, for a reason; an empty reason ends it",
			exampleOf(
				mkSpec(),
				map[string]any{"product": "transactions", "reason": "The institution moves to another provider."},
			),
			func(in unavailable) (any, error) {
				id := in.id(b.core, b)
				return map[string]any{"unavailable": in.Reason}, b.SetUnavailable(id, in.Product, in.Reason)
			},
		),
		posted(
			"forms",
			"chooses between forms that MoneyKit's sources show: timestamps without a zone, a documentation_url in errors",
			mkForms{ZonelessTimes: true, DocumentationURL: "https://docs.example.com/errors"},
			func(in mkForms) (any, error) {
				b.SetForms(in)
				return map[string]any{"forms": in}, nil
			},
		),
	}
}
