package bankmux_test

import (
	"context"
	"fmt"
	"log"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/plaid"
)

// The client that made a connection is the only one that can serve it.
func ExampleRegistry_For() {
	s := openSandbox()
	defer s.close()
	_, conn := s.link("user-omar", "AE")
	row := must(conn.Seal(s.keyring))

	conn, err := bankmux.Open(s.keyring, conn.Ref(), row)
	if err != nil {
		log.Fatal(err)
	}
	client, err := s.registry.For(conn)
	if err != nil {
		log.Fatal(err) // ErrNotFound: the client was removed from the registry
	}
	fmt.Println(client.Name(), client.Provider(), client.Environment())
	// Output: dapi dapi sandbox
}

// The candidates for a session are the clients whose routes serve the country, by priority.
func ExampleRegistry_Candidates() {
	s := openSandbox()
	defer s.close()
	registry := must(bankmux.NewRegistry(s.registry.Clients(), []bankmux.Route{
		{Client: "moneykit", Countries: []string{"US"}},
		{Client: "dapi", Countries: []string{"US", "AE"}, Priority: 1},
	}))
	for _, client := range must(registry.Candidates(bankmux.SessionRequest{User: "user-1", Country: "US"})) {
		fmt.Println(client.Name())
	}
	// Output:
	// moneykit
	// dapi
}

// Two providers share the users of a country by weight. Each user always gets the same one.
func ExampleRoute() {
	s := openSandbox()
	defer s.close()
	third := must(plaid.New(plaid.Config{
		ClientID: "id", Secret: bankmux.NewSecret("secret"), Environment: bankmux.Sandbox,
	}))
	registry := must(bankmux.NewRegistry(append(s.registry.Clients(), third), []bankmux.Route{
		{Client: "moneykit", Countries: []string{"US"}, Weight: 3},
		{Client: "plaid", Countries: []string{"US"}, Weight: 1},
		{Client: "dapi", Countries: []string{"AE"}},
	}))
	users := map[string]int{}
	for i := range 1000 {
		first := must(registry.First(bankmux.SessionRequest{User: fmt.Sprint("user-", i), Country: "US"}))
		users[first.Name()]++
	}
	fmt.Println(users)
	// Output: map[moneykit:749 plaid:251]
}

// One search asks every provider that publishes a list of banks.
func ExampleRegistry_Institutions() {
	s := openSandbox()
	defer s.close()
	banks, err := s.registry.Institutions(context.Background(),
		bankmux.InstitutionsRequest{Country: "US", Name: "Northwind"})
	if err != nil {
		log.Fatal(err)
	}
	for _, bank := range banks {
		fmt.Println(bank.Name, bank.Country, len(bank.Ref)) // Ref is for SessionRequest.Institution
	}
	// Output: Northwind Bank US 1
}
