package setup_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/setup"
	"github.com/bankmux/bankmux/guard"
)

// config is the configuration of an adapter.
type config struct {
	Name        string
	Key         bankmux.Secret
	Environment bankmux.Environment
	BaseURL     string
	Guard       *guard.Guard
	Now         func() time.Time
}

// complete fills in what is not set, and returns the first fault.
func (c *config) complete() error {
	setup.Complete("osprey", &c.Name, &c.Guard, &c.Now)
	checks := setup.Checks{Provider: "osprey"}
	checks.Credential("Key", c.Key.Reveal())
	checks.Environment(c.Environment)
	checks.URL("BaseURL", c.BaseURL)
	return checks.Err()
}

// A configuration is completed and checked before a client is made of it.
func ExampleChecks() {
	c := config{
		Key:         bankmux.NewSecret("key"),
		Environment: bankmux.Sandbox,
		BaseURL:     "https://api.osprey.example",
	}
	fmt.Println(c.complete(), c.Name, c.Guard != nil)

	c.Key = bankmux.NewSecret("")
	err := c.complete()
	fmt.Println(errors.Is(err, bankmux.ErrInvalid), bankmux.ErrorOf(err).Field)
	// Output:
	// <nil> osprey true
	// true osprey.Config.Key
}
