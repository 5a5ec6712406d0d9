package telemetry_test

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/telemetry"
)

// A client of MoneyKit reports its metrics to Prometheus. Spans go to the global tracer provider.
func Example() {
	exporter, err := otelprometheus.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	t, err := telemetry.New(telemetry.Config{
		MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter)),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	g := guard.New(guard.Options{})
	client, err := moneykit.New(moneykit.Config{
		ClientID: "id", ClientSecret: bankmux.NewSecret("secret"), Environment: bankmux.Sandbox,
		Guard: g, HTTPClient: &http.Client{Transport: t.Transport(nil)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client = t.Client(client)
	if err := t.Watch(g); err != nil {
		fmt.Println(err)
		return
	}
	http.Handle("/metrics", promhttp.Handler())
	fmt.Println(client.Name())
	// Output: moneykit
}
