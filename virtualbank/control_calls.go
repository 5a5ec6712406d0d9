package virtualbank

import (
	"net/http"
	"time"
)

func (b *Bank) controlLink(provider string) controlCall {
	if provider == providerMoneyKit {
		return posted(
			"link",
			"plays the user in Connect: with the link_session_token of an application, or with user for a session of the bank's own",
			map[string]any{"user": "user-1", "institution_id": "northwind", "username": UserGood, "password": PassGood},
			func(in MoneyKitLink) (any, error) { return b.LinkMoneyKit(in) },
		)
	}
	return posted(
		"link", "plays the user in Connect and answers with what Connect hands to the page",
		map[string]any{
			"appKey":         b.creds.Dapi.AppKey,
			"institution_id": "DAPIBANK_AE_ENBD",
			"username":       UserGood,
			"password":       PassGood,
		},
		func(in DapiLink) (any, error) { return b.LinkDapi(in) },
	)
}

func (b *Bank) controlTime() []controlCall {
	now := func() map[string]any { return map[string]any{"now": b.Now().UTC().Format(time.RFC3339Nano)} }
	type advance struct {
		Advance string `json:"advance"`
	}
	return []controlCall{
		got("clock", "the bank's time", func() (any, error) { return now(), nil }),
		posted("clock", "moves the bank's time ahead", advance{"1h"}, func(in advance) (any, error) {
			d, err := time.ParseDuration(in.Advance)
			if err != nil || d < 0 {
				return nil, refuse(http.StatusBadRequest, "advance is not a duration such as 24h")
			}
			b.Advance(d)
			return now(), nil
		}),
	}
}

func (b *Bank) controlFaults(provider string) []controlCall {
	operation := "GET /links"
	if provider == providerDapi {
		operation = "/data/accounts/get"
	}
	return []controlCall{
		got("fault", "lists what can go wrong", func() (any, error) {
			return map[string]any{"faults": FaultNames(), "summaries": describeFaults()}, nil
		}),
		posted(
			"fault", "makes matching requests go wrong: times 0 or absent is until cleared, operation absent is all",
			Fault{Name: "unavailable", Operation: operation, Times: 1},
			func(f Fault) (any, error) {
				if f.Provider == "" {
					f.Provider = provider
				}
				if f.Provider != provider {
					return nil, refuse(http.StatusBadRequest, "this is the server of %s", provider)
				}
				return map[string]any{"injected": f}, b.Inject(f)
			},
		),
		{http.MethodDelete, controlPrefix + "fault", "ends all faults of this server", nil, func([]byte) (any, error) {
			b.clearFaultsOf(provider)
			return map[string]any{"cleared": true}, nil
		}},
	}
}

func (b *Bank) controlLife(provider string) []controlCall {
	type outage struct {
		Institution string `json:"institution_id"`
		Down        bool   `json:"down"`
	}
	type staged struct {
		one
		Situation string `json:"situation"`
	}
	institution := "northwind"
	if provider == providerDapi {
		institution = "DAPIBANK_AE_ENBD"
	}
	return []controlCall{
		got("situation", "lists what can happen to stored transactions", func() (any, error) {
			return map[string]any{"situations": Situations()}, nil
		}),
		posted(
			"situation", "stages one of the situations", exampleOf(provider, map[string]any{"situation": Tip}),
			func(in staged) (any, error) {
				return map[string]any{"staged": in.Situation}, b.Stage(in.id(b, provider), in.Situation)
			},
		),
		posted(
			"outage", "takes an institution down, or brings it back", outage{institution, true},
			func(in outage) (any, error) {
				return map[string]any{"down": in.Down}, b.Outage(in.Institution, in.Down)
			},
		),
		posted("lapse", "ends the user's consent", exampleOf(provider, nil), func(in one) (any, error) {
			return map[string]any{"lapsed": true}, b.Lapse(in.id(b, provider))
		}),
	}
}

func (b *Bank) controlMoneyKit() []controlCall {
	type unavailable struct {
		one
		Product string `json:"product"`
		Reason  string `json:"reason"`
	}
	return []controlCall{
		posted(
			"refresh", "fetches all products of a link at once, whatever the limits", exampleOf(providerMoneyKit, nil),
			func(in one) (any, error) {
				return map[string]any{"refreshed": true}, b.Refresh(in.id(b, providerMoneyKit))
			},
		),
		posted(
			"unavailable",
			"keeps a product of a link from being refreshed, for a reason; an empty reason ends it",
			exampleOf(
				providerMoneyKit,
				map[string]any{"product": "transactions", "reason": "The institution moves to another provider."},
			),
			func(in unavailable) (any, error) {
				id := in.id(b, providerMoneyKit)
				return map[string]any{"unavailable": in.Reason}, b.SetUnavailable(id, in.Product, in.Reason)
			},
		),
		posted(
			"forms",
			"chooses between forms that MoneyKit's sources show: timestamps without a zone, a documentation_url in errors",
			Forms{ZonelessTimes: true, DocumentationURL: "https://docs.example.com/errors"},
			func(in Forms) (any, error) {
				b.SetForms(in)
				return map[string]any{"forms": in}, nil
			},
		),
	}
}

func (b *Bank) controlDapi() []controlCall {
	type input struct {
		one
		Operation string     `json:"operation"`
		Rounds    [][]string `json:"rounds"`
	}
	type running struct {
		one
		Operation string `json:"operation"`
		Polls     int    `json:"polls"`
	}
	return []controlCall{
		posted(
			"input",
			"makes the next call of that path ask the user, round after round; right answers: 123456 (otp, token), "+
				"1234 (pin), BANK7 (captcha), blue (secret_question), true (confirmation), 0 (multiple_choice)",
			exampleOf(providerDapi, map[string]any{
				"operation": "/data/balance/get", "rounds": [][]string{{"otp"}, {"pin", "secret_question"}},
			}),
			func(in input) (any, error) {
				id := in.id(b, providerDapi)
				return map[string]any{"required": true}, b.RequireInput(id, in.Operation, in.Rounds...)
			},
		),
		posted(
			"defer",
			`makes the next call of that path answer "initialized"; its operation is found running so many times`,
			exampleOf(providerDapi, map[string]any{"operation": "/data/transactions/get", "polls": 2}),
			func(in running) (any, error) {
				return map[string]any{"deferred": true}, b.Defer(in.id(b, providerDapi), in.Operation, in.Polls)
			},
		),
	}
}

func (b *Bank) controlReads(provider string) []controlCall {
	return []controlCall{
		got("links", "every link or connection that users made, as the bank itself knows it", func() (any, error) {
			mine := []LinkState{}
			for _, l := range b.Links() {
				if l.Provider == provider {
					mine = append(mine, l)
				}
			}
			return map[string]any{"links": mine}, nil
		}),
		got("requests", "the last 10,000 requests, without their secrets", func() (any, error) {
			mine := []Request{}
			for _, r := range b.Requests() {
				if r.Provider == provider {
					mine = append(mine, r)
				}
			}
			return map[string]any{"requests": mine}, nil
		}),
		got("institutions", "the institutions and their names at either provider", func() (any, error) {
			return map[string]any{"institutions": b.Institutions()}, nil
		}),
	}
}
