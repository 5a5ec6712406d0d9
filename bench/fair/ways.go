package main

// This file has the ways to do an operation, and the connections that the library's way needs.

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bench/fixture"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/internal/single"
)

// The names of the ways. The others are compared with the first.
const (
	hand       = "by hand"
	generated  = "oapi-codegen"
	bare       = "resty"
	library    = "bankmux"
	libraryLog = "bankmux, slog"
)

// way is one way to do an operation. Caller is the number of the caller.
type way struct {
	name string
	run  func(ctx context.Context, caller int) error
}

// newTransport keeps a connection per caller.
func newTransport(callers int) *http.Transport {
	return &http.Transport{MaxIdleConns: callers, MaxIdleConnsPerHost: callers}
}

// ways returns the ways to do an operation against the server at base.
func ways(ctx context.Context, base, adapter, op string, callers int) ([]way, error) {
	transport := newTransport(callers)
	//nolint:sloglint // the cost of writing records is measured
	logger := slog.New(slog.NewJSONHandler(io.Discard, nil))
	var clients []*bankmux.Client
	for _, opts := range []guard.Options{{}, {Logger: logger}} {
		client, err := fixture.NewClient(adapter, base, transport, guard.New(opts))
		if err != nil {
			return nil, err
		}
		clients = append(clients, client)
	}
	exchanges, conns, err := link(ctx, base, clients[0], adapter, callers)
	if err != nil {
		return nil, err
	}
	byLibrary := func(client *bankmux.Client) func(context.Context, int) error {
		if op == "exchange" {
			return func(ctx context.Context, caller int) error {
				_, err := client.ExchangeToken(ctx, exchanges[caller])
				return err
			}
		}
		return func(ctx context.Context, caller int) error {
			res, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conns[caller]})
			if err == nil && (len(res.Accounts) != 3 || len(res.Failed) > 0) {
				err = errResponse
			}
			return err
		}
	}
	tag := "bankmux-session:" + exchanges[0].Session.ID
	by := func(do func(ctx context.Context, tag string) error) func(context.Context, int) error {
		return func(ctx context.Context, _ int) error {
			ctx, cancel := context.WithTimeout(ctx, callTimeout)
			defer cancel()
			return do(ctx, tag)
		}
	}
	sent := func(send sender) func(context.Context, int) error {
		return by(func(ctx context.Context, tag string) error { return operations[adapter][op](ctx, send, tag) })
	}
	byClient, err := byGenerated(base, &http.Client{Transport: transport}, adapter, op)
	if err != nil {
		return nil, err
	}
	return []way{
		{hand, sent(byHand(base, &http.Client{Transport: transport}))},
		{generated, by(byClient)},
		{bare, sent(byResty(base, &http.Client{Transport: transport}))},
		{library, byLibrary(clients[0])},
		{libraryLog, byLibrary(clients[1])},
	}, nil
}

// link makes a session and a connection per caller, because Dapi serves one call per connection at
// a time. At MoneyKit the callers share a session, because the server responds with one tag.
func link(
	ctx context.Context, base string, client *bankmux.Client, adapter string, callers int,
) (exchanges []bankmux.ExchangeRequest, conns []bankmux.Connection, err error) {
	for i := range callers {
		if i > 0 && adapter == "moneykit" {
			exchanges = append(exchanges, exchanges[0])
			conns = append(conns, conns[0])
			continue
		}
		exchange, tag, err := fixture.NewExchange(ctx, client, adapter)
		if err != nil {
			return nil, nil, err
		}
		if _, err := control(ctx, base, "set", url.Values{"tag": {tag}}); err != nil {
			return nil, nil, err
		}
		conn, err := single.Connection(client.ExchangeToken(ctx, exchange))
		if err != nil {
			return nil, nil, err
		}
		exchanges, conns = append(exchanges, exchange), append(conns, conn)
	}
	return exchanges, conns, nil
}

// control asks the server to do something.
func control(ctx context.Context, base, what string, with url.Values) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/control/"+what+"?"+with.Encode(), nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}
