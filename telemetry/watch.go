package telemetry

// This file reports what a guard knows: circuit breakers, and what adapters do not know.

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// Watch reports the circuit breakers and the drift of a guard with each collection of the metrics.
// Another call for the same guard changes nothing. If guards have clients of one name, the highest
// state of their breakers is reported, and the sums of institutions and findings. The error is that
// of the meter provider.
func (t *Telemetry) Watch(g *guard.Guard) error {
	t.watching.Lock()
	defer t.watching.Unlock()
	known := t.guards.Load()
	if known == nil {
		_, err := t.meter.RegisterCallback(t.observe, t.breakerState, t.institutionOpen, t.drift)
		if err != nil {
			return err
		}
		known = new([]*guard.Guard)
	}
	if all := slices.Clone(*known); !slices.Contains(all, g) {
		all = append(all, g)
		t.guards.Store(&all)
	}
	return nil
}

// observe reports all guards. A later observation of the same attributes would replace an earlier
// one, so each is made once. Findings have no names as labels, since there can be any number.
func (t *Telemetry) observe(_ context.Context, o metric.Observer) error {
	states, open, found := map[breaker]int64{}, map[breaker]int64{}, map[findings]int64{}
	if all := t.guards.Load(); all != nil {
		for _, g := range *all {
			add(g, states, open)
			for d, n := range g.Drift() {
				found[findings{d.Client, d.Kind}] += int64(n) //nolint:gosec // far below the largest
			}
		}
	}
	for of, state := range states {
		o.ObserveInt64(t.breakerState, state, of.attributes())
	}
	for of, n := range open {
		o.ObserveInt64(t.institutionOpen, n, of.attributes())
	}
	for of, n := range found {
		o.ObserveInt64(t.drift, n, of.attributes())
	}
	return nil
}

// add adds the breakers of a guard.
func add(g *guard.Guard, states, open map[breaker]int64) {
	for _, s := range g.Breakers() {
		of := breaker{s.Client, s.Group}
		open[of] += 0
		switch {
		case s.Institution == "":
			states[of] = max(states[of], stateOf(s.State))
		case s.State == "open":
			open[of]++
		}
	}
}

// findings names the findings of one client and kind.
type findings struct {
	client string
	kind   guard.DriftKind
}

func (f findings) attributes() metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(clientKey.String(f.client), driftKindKey.String(string(f.kind))))
}

// breaker names the breakers of one client and group.
type breaker struct {
	client string
	group  bankmux.Group
}

func (b breaker) attributes() metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(clientKey.String(b.client), groupKey.String(string(b.group))))
}

// stateOf returns the value of bankmux.breaker.state.
func stateOf(state string) int64 {
	switch state {
	case "open":
		return 2
	case "half-open":
		return 1
	}
	return 0
}
