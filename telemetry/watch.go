package telemetry

// This file reports the state of circuit breakers.

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

// Watch reports the circuit breakers of a guard with each collection of the metrics. Call it once
// per guard. The error is that of the meter provider.
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
		return nil
	}, t.breakerState, t.institutionOpen)
	return err
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
