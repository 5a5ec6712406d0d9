package telemetry

// This file reports what a guard knows: circuit breakers, and what adapters do not know.

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// Watch reports the circuit breakers and the drift of a guard with each collection of the metrics.
// Call it once per guard. The error is that of the meter provider.
func (t *Telemetry) Watch(g *guard.Guard) error {
	_, err := t.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		open := map[breaker]int64{}
		for _, s := range g.Breakers() {
			of := breaker{s.Client, s.Group}
			switch {
			case s.Institution == "":
				o.ObserveInt64(t.breakerState, stateOf(s.State), of.attributes())
				open[of] += 0
			case s.State == "open":
				open[of]++
			default:
				open[of] += 0
			}
		}
		for of, n := range open {
			o.ObserveInt64(t.institutionOpen, n, of.attributes())
		}
		t.observeDrift(g, o)
		return nil
	}, t.breakerState, t.institutionOpen, t.drift)
	return err
}

// observeDrift reports how often something unknown was found. Names are not labels, since there can
// be any number of them.
func (t *Telemetry) observeDrift(g *guard.Guard, o metric.Observer) {
	type series struct {
		client string
		kind   guard.DriftKind
	}
	counts := map[series]uint64{}
	for d, n := range g.Drift() {
		counts[series{d.Client, d.Kind}] += n
	}
	for of, n := range counts {
		o.ObserveInt64(t.drift, int64(n), metric.WithAttributeSet( //nolint:gosec // far below the largest
			attribute.NewSet(clientKey.String(of.client), driftKindKey.String(string(of.kind)))))
	}
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
