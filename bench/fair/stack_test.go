package main

// This file holds how deep the stack of a call is while it waits for its response.

import (
	"net/http"
	"runtime/debug"
	"testing"
	"unsafe"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bench/fixture"
	"github.com/bankmux/bankmux/internal/single"
)

// diver is a transport that notes the lowest address of the stack at which it was called.
type diver struct {
	http.RoundTripper

	lowest uintptr
}

func (d *diver) RoundTrip(r *http.Request) (*http.Response, error) {
	if here := address(); d.lowest == 0 || here < d.lowest {
		d.lowest = here
	}
	return d.RoundTripper.RoundTrip(r)
}

// address is an address on the stack of the caller.
//
//go:noinline
func address() uintptr {
	var x byte
	return uintptr(unsafe.Pointer(&x))
}

// grow lets the stack grow, so that it does not move later.
//
//go:noinline
func grow(n int) byte {
	var block [1024]byte
	if n > 0 {
		block[n] = grow(n - 1)
	}
	return block[n]
}

// TestStackOfACallInFlight specifies that a list of accounts waits on a stack of 8 KiB at MoneyKit
// and Plaid. Transport, caller and the runtime's reserve need 4.2 KiB of it. Dapi's connections
// take turns, which needs a few hundred bytes too many. An exchange waits on a stack of 16 KiB.
func TestStackOfACallInFlight(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection moves the stack to a smaller one
	accounts := map[string]uintptr{"moneykit": 3_950, "dapi": 4_500, "plaid": 3_950}
	exchange := map[string]uintptr{"moneykit": 4_750, "dapi": 5_850, "plaid": 10_350}
	for _, adapter := range fixture.Adapters {
		t.Run(adapter, func(t *testing.T) {
			s, base := open(t)
			seen := &diver{RoundTripper: newTransport(1)}
			client, err := fixture.NewClient(adapter, base, seen, nil)
			if err != nil {
				t.Fatal(err)
			}
			session, tag, err := fixture.NewExchange(t.Context(), client, adapter)
			if err != nil {
				t.Fatal(err)
			}
			s.set(tag)
			grow(100)
			seen.lowest = 0
			top := address()
			conn, err := single.Connection(client.ExchangeToken(t.Context(), session))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("an exchange: %d bytes", top-seen.lowest)
			if deep := top - seen.lowest; deep > exchange[adapter] || deep < 1000 {
				t.Errorf("an exchange reaches the transport with %d bytes on the stack", deep)
			}
			seen.lowest = 0
			if _, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn}); err != nil {
				t.Fatal(err)
			}
			t.Logf("a list of accounts: %d bytes", top-seen.lowest)
			if deep := top - seen.lowest; deep > accounts[adapter] || deep < 1000 {
				t.Errorf("a list of accounts reaches the transport with %d bytes on the stack", deep)
			}
		})
	}
}
