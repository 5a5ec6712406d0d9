package postgres_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/fleet/postgres"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
)

// The processes of an application open the same database with the same key.
func Example() {
	ctx := context.Background()
	shared, err := postgres.Open(ctx, "postgres://app@db.example/app", postgres.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer shared.Close()
	// shared.Migrate(ctx) makes the tables. Call it when a process starts.
	key := bankmux.Key{ID: "2026-11", Material: bankmux.NewSecret(strings.Repeat("k", 32))} // of bankmux.ParseKey
	keys, err := bankmux.NewKeyring(key)
	if err != nil {
		log.Fatal(err)
	}
	fleet, err := guard.NewFleet(shared, keys, guard.FleetOptions{Logger: slog.Default()})
	if err != nil {
		log.Fatal(err)
	}
	client, err := dapi.New(dapi.Config{
		AppKey: "app-key", AppSecret: bankmux.NewSecret("app-secret"), Environment: bankmux.Sandbox,
		Guard: guard.New(guard.Options{Fleet: fleet}),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Name())
	// Output: dapi
}
