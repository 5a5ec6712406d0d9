package providertest_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providertest"
)

// Outside of the suite, the same function of a harness makes a client for a test of one detail.
func ExampleEnv() {
	server := httptest.NewServer(newKestrelHarness(nil).Backend)
	defer server.Close()
	client, err := newKestrel(providertest.Env{
		BaseURL:    server.URL,
		HTTPClient: server.Client(),
		Guard:      guard.New(guard.Options{}),
		Keeper:     bankmux.NewMemoryKeeper(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	session, err := client.CreateSession(context.Background(), bankmux.SessionRequest{User: "user-1"})
	fmt.Println(client.Provider(), session.Launch.Mode, err)
	// Output: kestrel link <nil>
}

// The list has what each mistake needs, so that a harness can select those that apply to it.
func ExampleMistakes() {
	for _, m := range providertest.Mistakes() {
		if m.Needs == "Harness.PSU" || m.Needs == "Harness.Rotation" {
			fmt.Printf("%s\n\tfound by: %s\n", m.Name, m.Test)
		}
	}
	// Output:
	// some of the presence headers are left out
	// 	found by: presence headers are sent in full or not at all
	// background calls send the presence headers
	// 	found by: presence headers are sent in full or not at all
	// a renewed token is not stored
	// 	found by: a renewed token is stored before it is used
}
