package virtualbank

import (
	"net/http"
	"time"
)

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

func (b *Bank) controlFaults(spec coreSpec) []controlCall {
	provider := spec.Name
	return []controlCall{
		got("fault", "lists what can go wrong", func() (any, error) {
			return map[string]any{"faults": FaultNames(), "summaries": describeFaults()}, nil
		}),
		posted(
			"fault", "makes matching requests go wrong: times 0 or absent is until cleared, operation absent is all",
			Fault{Name: "unavailable", Operation: spec.ExampleOperation, Times: 1},
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

func (b *Bank) controlLife(p coreProvider) []controlCall {
	type outage struct {
		Institution string `json:"institution_id"`
		Down        bool   `json:"down"`
	}
	type staged struct {
		one
		Situation string `json:"situation"`
	}
	spec := p.Spec()
	return []controlCall{
		got("situation", "lists what can happen to stored transactions", func() (any, error) {
			return map[string]any{"situations": Situations()}, nil
		}),
		posted(
			"situation", "stages one of the situations", exampleOf(spec, map[string]any{"situation": Tip}),
			func(in staged) (any, error) {
				return map[string]any{"staged": in.Situation}, b.Stage(in.id(b.core, p), in.Situation)
			},
		),
		posted(
			"outage", "takes an institution down, or brings it back", outage{spec.ExampleInstitution, true},
			func(in outage) (any, error) {
				return map[string]any{"down": in.Down}, b.Outage(in.Institution, in.Down)
			},
		),
		posted("lapse", "ends the user's consent", exampleOf(spec, nil), func(in one) (any, error) {
			return map[string]any{"lapsed": true}, b.Lapse(in.id(b.core, p))
		}),
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
