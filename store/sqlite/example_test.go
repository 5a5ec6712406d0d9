package sqlite_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store/sqlite"
)

func ExampleOpen() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "bank")
	check(err)
	defer func() { _ = os.RemoveAll(folder) }()

	keyring, err := bankmux.NewKeyring(bankmux.Key{
		ID: "2026-11", Material: bankmux.NewSecret("an example key, 32 bytes long!!!"),
	})
	check(err)
	s, err := sqlite.Open(ctx, filepath.Join(folder, "bank.db"), keyring)
	check(err)
	defer s.Close()
	check(s.Migrate(ctx)) // before anything else

	conns, err := s.Connections(ctx, "user-1")
	fmt.Println(len(conns), err)
	// Output: 0 <nil>
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
