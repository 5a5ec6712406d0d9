package bankmux_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
)

func ExampleMoney() {
	price := must(bankmux.NewMoney("18.5", "USD"))
	fee := must(bankmux.MoneyFromMinor(150, "USD"))
	total := must(price.Add(fee))
	fmt.Println(total, total.Amount(), must(total.Minor()))
	_, err := total.Add(must(bankmux.NewMoney("1", "EUR")))
	fmt.Println(err)
	// Output:
	// 20.00 USD 20.00 2000
	// invalid_request: Money is in USD and EUR; fix the call
}

// A Secret shows its text to Reveal alone.
func ExampleSecret() {
	config := struct {
		ClientID string
		Key      bankmux.Secret
	}{"app-1", bankmux.NewSecret("sk_live_4f9d")}
	fmt.Printf("%+v\n", config)
	fmt.Println(string(must(json.Marshal(config))))
	fmt.Println(config.Key == bankmux.NewSecret("sk_live_4f9d"), config.Key.Reveal())
	// Output:
	// {ClientID:app-1 Key:[redacted]}
	// {"ClientID":"app-1","Key":"[redacted]"}
	// true sk_live_4f9d
}

// A day starts at midnight, except where the clocks skip midnight.
func ExampleDate_In() {
	for _, name := range []string{"Asia/Dubai", "America/Santiago"} {
		fmt.Println(bankmux.NewDate(2026, 9, 6).In(must(time.LoadLocation(name))))
	}
	// Output:
	// 2026-09-06 00:00:00 +0400 +04
	// 2026-09-06 01:00:00 -0300 -03
}

// Equal compares values. The operator == also compares the digits that were sent.
func ExampleMoney_Equal() {
	one, two := must(bankmux.NewMoney("42.9", "AED")), must(bankmux.NewMoney("42.90", "AED"))
	fmt.Println(one.Equal(two), one == two)
	// Output: true false
}

// A key comes from the environment as one line, and a second one while keys are replaced.
func ExampleParseKey() {
	// openssl rand -base64 32
	primary, err := bankmux.ParseKey("2026-11:9ZDSlcHEN4DuKKRk3dzcKm9CtnwF4kvnmJ4RSS8R5DA=")
	if err != nil {
		fmt.Println(err) // it never quotes the key
		return
	}
	old := must(bankmux.ParseKey("2026-05:pYHCT/6s2UYMEvmv6ynSxP5OxC1Lh9G7b0v4Pl0mUgM="))
	keyring := must(bankmux.NewKeyring(primary, old))
	fmt.Println(primary, keyring != nil)
	_, err = bankmux.ParseKey("2026-11:c2hvcnQ=")
	fmt.Println(err)
	// Output:
	// key "2026-11" true
	// invalid_request: Key does not have 32 bytes in base64 behind its id; fix the call
}

// A provider with a hosted page sends the browser back with a query.
func ExamplePayloadFromQuery() {
	back := must(url.Parse("https://app.example.com/bank?code=abc&state=xyz"))
	payload := must(bankmux.PayloadFromQuery(must(url.ParseQuery(back.RawQuery))))
	fmt.Println(string(payload)) // for ExchangeRequest.Payload, as bankmux.NewSecret(payload)
	// Output: {"code":"abc","state":"xyz"}
}

// A daily job asks the users whose consent ends within a week to renew it.
func ExampleConsentsDue() {
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	conns := []bankmux.Connection{
		{ID: "later", Consent: bankmux.Consent{ExpiresAt: now.AddDate(0, 0, 60)}},
		{ID: "soon", Consent: bankmux.Consent{ExpiresAt: now.AddDate(0, 0, 5)}},
		{ID: "no date"},
		{ID: "expired", Consent: bankmux.Consent{ExpiresAt: now.AddDate(0, 0, -1)}},
	}
	for _, conn := range bankmux.ConsentsDue(slices.Values(conns), now, now.AddDate(0, 0, 7)) {
		fmt.Println(conn.ID)
	}
	// Output:
	// expired
	// soon
}

// The state of a connection follows what calls on it end in. An outage never changes it.
func ExampleStatus_After() {
	status := bankmux.Status{State: bankmux.StateActive}
	for _, err := range []error{bankmux.ErrUnavailable, bankmux.ErrReauth, nil} {
		status = status.After(err)
		fmt.Println(status.State)
	}
	// Output:
	// active
	// reauth_required
	// active
}

// A result that lacks something comes with a PartialError, which names what is missing.
func ExamplePartialError() {
	var err error = &bankmux.PartialError{Op: bankmux.OpBalances, Failed: []bankmux.Failure{
		{Account: "acc-2", Err: &bankmux.Error{Kind: bankmux.ErrInstitution, Detail: "the bank is closed"}},
	}}
	if partial, ok := errors.AsType[*bankmux.PartialError](err); ok {
		for _, failure := range partial.Failed {
			fmt.Println(failure.Account, bankmux.KindOf(failure), failure.Err.Detail)
		}
	}
	// Output: acc-2 institution_unavailable the bank is closed
}

// A job of the night says that no user waits. A call of a page says who waits.
func ExampleWithoutUser() {
	ctx := bankmux.WithoutUser(context.Background())
	p, ok := bankmux.PresenceOf(ctx)
	fmt.Println(p.Absent, p.PSU(), ok)
	// Output: true false true
}

// The handler of a page passes on what it knows about the user.
func ExampleWithPresence() {
	ctx := bankmux.WithPresence(context.Background(), bankmux.Presence{
		IP: netip.MustParseAddr("::ffff:203.0.113.7"), UserAgent: "Mozilla/5.0",
	})
	p, _ := bankmux.PresenceOf(ctx)
	fmt.Println(p.IP, p.PSU())
	// Output: 203.0.113.7 true
}
