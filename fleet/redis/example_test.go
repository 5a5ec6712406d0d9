package redis_test

import (
	"context"
	"fmt"
	"log"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/fleet/redis"
	"github.com/bankmux/bankmux/guard"
)

// Each process opens the same server and namespace. It starts even if the server is down.
func ExampleOpen() {
	shared, err := redis.Open("redis://127.0.0.1:1", redis.Options{Namespace: "payments"})
	if err != nil {
		log.Fatal(err)
	}
	defer shared.Close()
	if err := shared.Check(context.Background()); err != nil {
		fmt.Println(err)
	}
	keys, err := bankmux.NewKeyring(bankmux.Key{
		ID: "2026", Material: bankmux.NewSecret("32 bytes from your key manager.."),
	})
	if err != nil {
		log.Fatal(err)
	}
	fleet, err := guard.NewFleet(shared, keys, guard.FleetOptions{})
	if err != nil {
		log.Fatal(err)
	}
	g := guard.New(guard.Options{Fleet: fleet}) // for the Config of each adapter
	fmt.Println("unleased calls:", g.Fleet().Stats().Unleased)
	// Output:
	// redis: Check: dial tcp 127.0.0.1:1: connect: connection refused
	// unleased calls: 0
}
