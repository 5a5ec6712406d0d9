package postgres_test //nolint:testableexamples // Open needs a server

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store/postgres"
)

func ExampleOpen() {
	ctx := context.Background()
	key, err := bankmux.ParseKey(os.Getenv("BANK_KEY"))
	check(err)
	keyring, err := bankmux.NewKeyring(key)
	check(err)
	s, err := postgres.Open(ctx, os.Getenv("DATABASE_URL"), keyring)
	check(err)
	defer s.Close()
	check(s.Migrate(ctx)) // before anything else; several processes may call it at once

	conns, err := s.Connections(ctx, "user-1")
	fmt.Println(len(conns), err)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
