package virtualbank

// This file has the calls of the control plane about the clock, faults, links and reads.

import (
	"net/http"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// controlTime returns the calls about the clock.
func (b *Bank) controlTime() []bank.ControlCall {
	now := func() map[string]any { return map[string]any{"now": b.Now().UTC().Format(time.RFC3339Nano)} }
	type advance struct {
		Advance string `json:"advance"`
	}
	return []bank.ControlCall{
		bank.Get("clock", "returns the bank's time", func() (any, error) { return now(), nil }),
		bank.Post("clock", "moves the bank's time forward", advance{"1h"}, func(in advance) (any, error) {
			d, err := time.ParseDuration(in.Advance)
			if err != nil || d < 0 {
				return nil, bank.Refuse(http.StatusBadRequest, "advance is not a duration such as 24h")
			}
			b.Advance(d)
			return now(), nil
		}),
	}
}

// controlFaults returns the calls about faults.
func (b *Bank) controlFaults(spec bank.Spec) []bank.ControlCall {
	provider := spec.Name
	return []bank.ControlCall{
		bank.Get("fault", "lists the faults", func() (any, error) {
			return map[string]any{"faults": FaultNames(), "summaries": describeFaults()}, nil
		}),
		bank.Post(
			"fault",
			"makes matching requests fail: without times until cleared, without operation at all operations",
			Fault{Name: "unavailable", Operation: spec.ExampleOperation, Times: 1},
			func(f Fault) (any, error) {
				if f.Provider == "" {
					f.Provider = provider
				}
				if f.Provider != provider {
					return nil, bank.Refuse(http.StatusBadRequest, "this is the address of %s", provider)
				}
				return map[string]any{"injected": f}, b.Inject(f)
			},
		),
		{
			Method: http.MethodDelete,
			Path:   bank.ControlPrefix + "fault",
			About:  "clears the faults of this provider",
			Serve: func([]byte) (any, error) {
				b.clearFaultsOf(provider)
				return map[string]any{"cleared": true}, nil
			},
		},
	}
}

// controlLinks returns the calls that change links and institutions of any provider.
func (b *Bank) controlLinks(p bank.Provider) []bank.ControlCall {
	type outage struct {
		Institution string `json:"institution_id"`
		Down        bool   `json:"down"`
	}
	type added struct {
		Member string `json:"member"`
	}
	type staged struct {
		bank.LinkRef
		Situation string `json:"situation"`
	}
	spec := p.Spec()
	return []bank.ControlCall{
		bank.Get("situation", "lists the situations of stored transactions", func() (any, error) {
			return map[string]any{"situations": Situations()}, nil
		}),
		bank.Post(
			"situation", "stages a situation for a link or connection",
			bank.Example(spec, map[string]any{"situation": bank.Tip}),
			func(in staged) (any, error) {
				return map[string]any{"staged": in.Situation}, b.Stage(in.ID(b.core, p), in.Situation)
			},
		),
		bank.Post(
			"outage", "takes an institution down, or up again", outage{spec.ExampleInstitution, true},
			func(in outage) (any, error) {
				return map[string]any{"down": in.Down}, b.Outage(in.Institution, in.Down)
			},
		),
		bank.Post(
			"member", "adds a member to all later responses; without a name, ends that", added{"new_member"},
			func(in added) (any, error) {
				b.AddMember(in.Member)
				return map[string]any{"member": in.Member}, nil
			},
		),
		bank.Post("lapse", "ends the user's consent", bank.Example(spec, nil), func(in bank.LinkRef) (any, error) {
			return map[string]any{"lapsed": true}, b.Lapse(in.ID(b.core, p))
		}),
	}
}

// controlReads returns the calls that only read.
func (b *Bank) controlReads(provider string) []bank.ControlCall {
	return []bank.ControlCall{
		bank.Get("links", "returns the true state of every link or connection", func() (any, error) {
			mine := []LinkState{}
			for _, l := range b.Links() {
				if l.Provider == provider {
					mine = append(mine, l)
				}
			}
			return map[string]any{"links": mine}, nil
		}),
		bank.Get("requests", "returns the last 10,000 requests with their secrets masked", func() (any, error) {
			mine := []Request{}
			for _, r := range b.Requests() {
				if r.Provider == provider {
					mine = append(mine, r)
				}
			}
			return map[string]any{"requests": mine}, nil
		}),
		bank.Get("institutions", "returns the institutions and their ids at each provider", func() (any, error) {
			return map[string]any{"institutions": b.Institutions()}, nil
		}),
	}
}
