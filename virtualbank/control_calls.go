package virtualbank

import (
	"net/http"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

func (b *Bank) controlTime() []bank.ControlCall {
	now := func() map[string]any { return map[string]any{"now": b.Now().UTC().Format(time.RFC3339Nano)} }
	type advance struct {
		Advance string `json:"advance"`
	}
	return []bank.ControlCall{
		bank.Get("clock", "the bank's time", func() (any, error) { return now(), nil }),
		bank.Post("clock", "moves the bank's time ahead", advance{"1h"}, func(in advance) (any, error) {
			d, err := time.ParseDuration(in.Advance)
			if err != nil || d < 0 {
				return nil, bank.Refuse(http.StatusBadRequest, "advance is not a duration such as 24h")
			}
			b.Advance(d)
			return now(), nil
		}),
	}
}

func (b *Bank) controlFaults(spec bank.Spec) []bank.ControlCall {
	provider := spec.Name
	return []bank.ControlCall{
		bank.Get("fault", "lists what can go wrong", func() (any, error) {
			return map[string]any{"faults": FaultNames(), "summaries": describeFaults()}, nil
		}),
		bank.Post(
			"fault", "makes matching requests go wrong: times 0 or absent is until cleared, operation absent is all",
			Fault{Name: "unavailable", Operation: spec.ExampleOperation, Times: 1},
			func(f Fault) (any, error) {
				if f.Provider == "" {
					f.Provider = provider
				}
				if f.Provider != provider {
					return nil, bank.Refuse(http.StatusBadRequest, "this is the server of %s", provider)
				}
				return map[string]any{"injected": f}, b.Inject(f)
			},
		),
		{
			Method: http.MethodDelete,
			Path:   bank.ControlPrefix + "fault",
			About:  "ends all faults of this server",
			Serve: func([]byte) (any, error) {
				b.clearFaultsOf(provider)
				return map[string]any{"cleared": true}, nil
			},
		},
	}
}

func (b *Bank) controlLinks(p bank.Provider) []bank.ControlCall {
	type outage struct {
		Institution string `json:"institution_id"`
		Down        bool   `json:"down"`
	}
	type staged struct {
		bank.LinkRef
		Situation string `json:"situation"`
	}
	spec := p.Spec()
	return []bank.ControlCall{
		bank.Get("situation", "lists what can happen to stored transactions", func() (any, error) {
			return map[string]any{"situations": Situations()}, nil
		}),
		bank.Post(
			"situation", "stages one of the situations", bank.Example(spec, map[string]any{"situation": bank.Tip}),
			func(in staged) (any, error) {
				return map[string]any{"staged": in.Situation}, b.Stage(in.ID(b.core, p), in.Situation)
			},
		),
		bank.Post(
			"outage", "takes an institution down, or brings it back", outage{spec.ExampleInstitution, true},
			func(in outage) (any, error) {
				return map[string]any{"down": in.Down}, b.Outage(in.Institution, in.Down)
			},
		),
		bank.Post("lapse", "ends the user's consent", bank.Example(spec, nil), func(in bank.LinkRef) (any, error) {
			return map[string]any{"lapsed": true}, b.Lapse(in.ID(b.core, p))
		}),
	}
}

func (b *Bank) controlReads(provider string) []bank.ControlCall {
	return []bank.ControlCall{
		bank.Get("links", "every link or connection that users made, as the bank itself knows it", func() (any, error) {
			mine := []LinkState{}
			for _, l := range b.Links() {
				if l.Provider == provider {
					mine = append(mine, l)
				}
			}
			return map[string]any{"links": mine}, nil
		}),
		bank.Get("requests", "the last 10,000 requests, without their secrets", func() (any, error) {
			mine := []Request{}
			for _, r := range b.Requests() {
				if r.Provider == provider {
					mine = append(mine, r)
				}
			}
			return map[string]any{"requests": mine}, nil
		}),
		bank.Get("institutions", "the institutions and their names at either provider", func() (any, error) {
			return map[string]any{"institutions": b.Institutions()}, nil
		}),
	}
}
