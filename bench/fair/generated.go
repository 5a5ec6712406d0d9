package main

// This file has the operations by clients that oapi-codegen generates. Each makes the requests and
// the checks of the operation by hand. The descriptions have only the calls that are measured, with
// the members of their responses.

//go:generate go tool -modfile=../../tools/go.mod oapi-codegen -generate types,client -package moneykit -o openapi/moneykit/client.gen.go openapi/moneykit/openapi.yaml
//go:generate go tool -modfile=../../tools/go.mod oapi-codegen -generate types,client -package dapi -o openapi/dapi/client.gen.go openapi/dapi/openapi.yaml
//go:generate go tool -modfile=../../tools/go.mod oapi-codegen -generate types,client -package plaid -o openapi/plaid/client.gen.go openapi/plaid/openapi.yaml

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/bankmux/bankmux/bench/fair/openapi/dapi"
	"github.com/bankmux/bankmux/bench/fair/openapi/moneykit"
	"github.com/bankmux/bankmux/bench/fair/openapi/plaid"
)

// bounded bounds the body of each response. A generated client reads all of it.
type bounded struct{ client *http.Client }

// Do sends a request.
func (b bounded) Do(req *http.Request) (*http.Response, error) {
	res, err := b.client.Do(req) //nolint:gosec // the server is a process of this program
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, bodyLimit)
	}
	return res, err
}

// with returns an editor that adds header lines to a request. The bearer token may be empty.
func with(header http.Header, bearer string) func(context.Context, *http.Request) error {
	return func(_ context.Context, req *http.Request) error {
		maps.Copy(req.Header, header)
		if bearer != "" {
			req.Header.Set("Authorization", "Bearer "+bearer)
		}
		return nil
	}
}

// value is what a pointer points to, or zero. An optional member is a pointer.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// generatedOperation is one operation of one caller. Tag is that of the session.
type generatedOperation func(ctx context.Context, tag string) error

// byGenerated returns the operation of an adapter, with its deadline set by the caller.
func byGenerated(base string, client *http.Client, adapter, op string) (generatedOperation, error) {
	var exchange func(context.Context, string) (linked, error)
	var accounts func(context.Context) ([]accountRow, error)
	switch adapter {
	case "moneykit":
		c, err := moneykit.NewClientWithResponses(base, moneykit.WithHTTPClient(bounded{client}),
			moneykit.WithRequestEditorFn(with(moneykitHeader, "token")))
		if err != nil {
			return nil, err
		}
		exchange = func(ctx context.Context, tag string) (linked, error) {
			return generatedMoneykitExchange(ctx, c, "token", tag)
		}
		accounts = func(ctx context.Context) ([]accountRow, error) {
			return generatedMoneykitAccounts(ctx, c, "mk_7RkVhQ2mTz4XwPdLb9NcGa")
		}
	case "dapi":
		c, err := dapi.NewClientWithResponses(base, dapi.WithHTTPClient(bounded{client}))
		if err != nil {
			return nil, err
		}
		exchange = func(ctx context.Context, _ string) (linked, error) {
			return generatedDapiExchange(ctx, c, "code", "id", "user")
		}
		accounts = func(ctx context.Context) ([]accountRow, error) {
			return generatedDapiAccounts(ctx, c, "access-token", "user")
		}
	case "plaid":
		c, err := plaid.NewClientWithResponses(base, plaid.WithHTTPClient(bounded{client}),
			plaid.WithRequestEditorFn(with(plaidHeader, "")))
		if err != nil {
			return nil, err
		}
		exchange = func(ctx context.Context, _ string) (linked, error) {
			return generatedPlaidExchange(ctx, c, "link-sandbox-1", "public-sandbox-1")
		}
		accounts = func(ctx context.Context) ([]accountRow, error) {
			return generatedPlaidAccounts(ctx, c, "access-sandbox-1")
		}
	}
	if op == "exchange" {
		return func(ctx context.Context, tag string) error {
			_, err := exchange(ctx, tag)
			return err
		}, nil
	}
	return func(ctx context.Context, _ string) error { return listed(accounts(ctx)) }, nil
}

func generatedMoneykitExchange(
	ctx context.Context, c *moneykit.ClientWithResponses, token, tag string,
) (linked, error) {
	res, err := c.ExchangeTokenWithResponse(ctx, moneykit.ExchangeTokenRequest{ExchangeableToken: token})
	if err != nil {
		return linked{}, err
	}
	out := res.JSON201
	if out == nil || out.Link.LinkId == "" || out.Link.State != "connected" ||
		!slices.Contains(value(out.Link.LinkTags), tag) {
		return linked{}, errResponse
	}
	return linked{out.Link.LinkId, "", out.Link.InstitutionName}, nil
}

func generatedMoneykitAccounts(
	ctx context.Context, c *moneykit.ClientWithResponses, id string,
) (rows []accountRow, err error) {
	res, err := c.GetAccountsWithResponse(ctx, id)
	if err != nil {
		return nil, err
	}
	out := res.JSON200
	if out == nil || out.Link.State != "connected" {
		return nil, errResponse
	}
	for _, a := range out.Accounts {
		rows = append(rows, accountRow{a.AccountId, a.AccountType, a.Name, value(a.AccountMask), a.Balances.Currency})
	}
	return rows, nil
}

func generatedDapiExchange(
	ctx context.Context, c *dapi.ClientWithResponses, code, id, userSecret string,
) (linked, error) {
	body := dapi.ExchangeTokenRequest{AppSecret: "secret", AccessCode: code, ConnectionID: id}
	res, err := c.ExchangeTokenWithResponse(ctx, body)
	if err != nil {
		return linked{}, err
	}
	got := res.JSON200
	if got == nil || got.Status != "done" || value(got.AccessToken) == "" {
		return linked{}, errResponse
	}
	of := dapi.DataRequest{AppSecret: "secret", UserSecret: userSecret}
	data, err := c.GetMetadataWithResponse(ctx, of, with(nil, *got.AccessToken))
	if err != nil {
		return linked{}, err
	}
	bank := data.JSON200
	if bank == nil || bank.Status != "done" || bank.AccountsMetadata == nil || bank.AccountsMetadata.BankName == "" {
		return linked{}, errResponse
	}
	return linked{id, *got.AccessToken, bank.AccountsMetadata.BankName}, nil
}

func generatedDapiAccounts(
	ctx context.Context, c *dapi.ClientWithResponses, token, userSecret string,
) (rows []accountRow, err error) {
	of := dapi.DataRequest{AppSecret: "secret", UserSecret: userSecret}
	res, err := c.GetAccountsWithResponse(ctx, of, with(nil, token))
	if err != nil {
		return nil, err
	}
	out := res.JSON200
	if out == nil || out.Status != "done" {
		return nil, errResponse
	}
	for _, a := range value(out.Accounts) {
		rows = append(rows, accountRow{a.Id, a.Type, a.Name, value(a.Iban), a.Currency.Code})
	}
	return rows, nil
}

func generatedPlaidExchange(
	ctx context.Context, c *plaid.ClientWithResponses, linkToken, publicToken string,
) (linked, error) {
	made, err := c.GetLinkTokenWithResponse(ctx, plaid.LinkTokenRequest{LinkToken: linkToken})
	if err != nil {
		return linked{}, err
	}
	known := false
	if made.JSON200 == nil {
		return linked{}, errResponse
	}
	for _, s := range value(made.JSON200.LinkSessions) {
		for i := 0; s.Results != nil && i < len(s.Results.ItemAddResults); i++ {
			known = known || s.Results.ItemAddResults[i].PublicToken == publicToken
		}
	}
	if !known {
		return linked{}, errResponse
	}
	public, err := c.ExchangePublicTokenWithResponse(ctx, plaid.PublicTokenRequest{PublicToken: publicToken})
	if err != nil {
		return linked{}, err
	}
	got := public.JSON200
	if got == nil || got.AccessToken == "" {
		return linked{}, errResponse
	}
	res, err := c.GetItemWithResponse(ctx, plaid.ItemRequest{AccessToken: got.AccessToken})
	if err != nil {
		return linked{}, err
	}
	if res.JSON200 == nil || res.JSON200.Item.ItemId != got.ItemId || res.JSON200.Item.Error != nil {
		return linked{}, errResponse
	}
	return linked{got.ItemId, got.AccessToken, value(res.JSON200.Item.InstitutionName)}, nil
}

func generatedPlaidAccounts(
	ctx context.Context, c *plaid.ClientWithResponses, token string,
) (rows []accountRow, err error) {
	res, err := c.GetAccountsWithResponse(ctx, plaid.ItemRequest{AccessToken: token})
	if err != nil {
		return nil, err
	}
	if res.JSON200 == nil {
		return nil, errResponse
	}
	for _, a := range res.JSON200.Accounts {
		rows = append(rows, accountRow{
			a.AccountId, a.Type + "." + value(a.Subtype), a.Name, value(a.Mask), value(a.Balances.IsoCurrencyCode),
		})
	}
	return rows, nil
}
