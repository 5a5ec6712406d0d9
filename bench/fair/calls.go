package main

// This file has the operations as a team would write them by hand. Each sends what the provider
// needs, and checks what its caller relies on.

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

// callTimeout is the deadline of an operation.
const callTimeout = 30 * time.Second

var errResponse = errors.New("the response does not say what was expected")

// linked is what an exchange or a list of accounts leaves in the hands of its caller.
type linked struct{ id, token, bank string }

type accountRow struct{ ID, Kind, Name, Mask, Currency string }

// operation is one operation of one caller. Tag is that of the session.
type operation func(ctx context.Context, send sender, tag string) error

// operations are those by hand, by adapter and name.
var operations = map[string]map[string]operation{
	"moneykit": {
		"exchange": func(ctx context.Context, send sender, tag string) error {
			_, err := moneykitExchange(ctx, send, "token", tag)
			return err
		},
		"accounts": func(ctx context.Context, send sender, _ string) error {
			return listed(moneykitAccounts(ctx, send, "mk_7RkVhQ2mTz4XwPdLb9NcGa"))
		},
	},
	"dapi": {
		"exchange": func(ctx context.Context, send sender, _ string) error {
			_, err := dapiExchange(ctx, send, "code", "id", "user")
			return err
		},
		"accounts": func(ctx context.Context, send sender, _ string) error {
			return listed(dapiAccounts(ctx, send, "access-token", "user"))
		},
	},
	"plaid": {
		"exchange": func(ctx context.Context, send sender, _ string) error {
			_, err := plaidExchange(ctx, send, "link-sandbox-1", "public-sandbox-1")
			return err
		},
		"accounts": func(ctx context.Context, send sender, _ string) error {
			return listed(plaidAccounts(ctx, send, "access-sandbox-1"))
		},
	},
}

func listed(rows []accountRow, err error) error {
	if err == nil && len(rows) != 3 {
		err = errResponse
	}
	return err
}

var moneykitHeader = http.Header{"Moneykit-Version": {"2023-02-18"}}

func moneykitExchange(ctx context.Context, send sender, token, tag string) (linked, error) {
	var out struct {
		Link struct {
			ID       string   `json:"link_id"`
			State    string   `json:"state"`
			Bank     string   `json:"institution_id"`
			BankName string   `json:"institution_name"`
			Tags     []string `json:"link_tags"`
			Products map[string]*struct {
				RefreshedAt *string `json:"refreshed_at"`
			} `json:"products"`
		} `json:"link"`
	}
	body := struct {
		Token string `json:"exchangeable_token"`
	}{token}
	err := send(ctx, call{http.MethodPost, "/link-session/exchange-token", "token", moneykitHeader, body, &out})
	if err == nil && (out.Link.ID == "" || out.Link.State != "connected" || !slices.Contains(out.Link.Tags, tag)) {
		err = errResponse
	}
	return linked{out.Link.ID, "", out.Link.BankName}, err
}

func moneykitAccounts(ctx context.Context, send sender, id string) (rows []accountRow, err error) {
	var out struct {
		Accounts []struct {
			ID       string  `json:"account_id"`
			Kind     string  `json:"account_type"`
			Name     string  `json:"name"`
			Nickname *string `json:"nickname"`
			Mask     string  `json:"account_mask"`
			Closed   bool    `json:"closed"`
			Balances struct {
				Currency string `json:"currency"`
			} `json:"balances"`
		} `json:"accounts"`
		Link struct {
			State    string `json:"state"`
			Products map[string]*struct {
				RefreshedAt *string `json:"refreshed_at"`
			} `json:"products"`
		} `json:"link"`
	}
	err = send(ctx, call{http.MethodGet, "/links/" + id + "/accounts", "token", moneykitHeader, nil, &out})
	if err == nil && out.Link.State != "connected" {
		err = errResponse
	}
	for _, a := range out.Accounts {
		rows = append(rows, accountRow{a.ID, a.Kind, a.Name, a.Mask, a.Balances.Currency})
	}
	return rows, err
}

type dapiData struct {
	AppSecret  string `json:"appSecret"`
	UserSecret string `json:"userSecret"`
}

func dapiExchange(ctx context.Context, send sender, code, id, userSecret string) (linked, error) {
	var got struct {
		Status      string `json:"status"`
		AccessToken string `json:"accessToken"`
		UserID      string `json:"userID"`
	}
	body := struct {
		AppSecret    string `json:"appSecret"`
		AccessCode   string `json:"accessCode"`
		ConnectionID string `json:"connectionID"`
	}{"secret", code, id}
	err := send(ctx, call{http.MethodPost, "/auth/ExchangeToken", "", nil, body, &got})
	if err == nil && (got.Status != "done" || got.AccessToken == "") {
		err = errResponse
	}
	if err != nil {
		return linked{}, err
	}
	var bank struct {
		Status   string `json:"status"`
		Metadata struct {
			Swift   string                `json:"swiftCode"`
			Name    string                `json:"bankName"`
			Country struct{ Code string } `json:"country"`
		} `json:"accountsMetadata"`
	}
	of := dapiData{"secret", userSecret}
	err = send(ctx, call{http.MethodPost, "/metadata/accounts/get", got.AccessToken, nil, of, &bank})
	if err == nil && (bank.Status != "done" || bank.Metadata.Name == "") {
		err = errResponse
	}
	return linked{id, got.AccessToken, bank.Metadata.Name}, err
}

func dapiAccounts(ctx context.Context, send sender, token, userSecret string) (rows []accountRow, err error) {
	var out struct {
		Status   string `json:"status"`
		Accounts []struct {
			ID       string                `json:"id"`
			Kind     string                `json:"type"`
			Name     string                `json:"name"`
			Number   string                `json:"number"`
			IBAN     string                `json:"iban"`
			Currency struct{ Code string } `json:"currency"`
		} `json:"accounts"`
	}
	err = send(ctx, call{http.MethodPost, "/data/accounts/get", token, nil, dapiData{"secret", userSecret}, &out})
	if err == nil && out.Status != "done" {
		err = errResponse
	}
	for _, a := range out.Accounts {
		rows = append(rows, accountRow{a.ID, a.Kind, a.Name, a.IBAN, a.Currency.Code})
	}
	return rows, err
}

var plaidHeader = http.Header{"Plaid-Client-Id": {"id"}, "Plaid-Secret": {"secret"}, "Plaid-Version": {"2020-09-14"}}

type plaidItem struct {
	AccessToken string `json:"access_token"`
}

func plaidExchange(ctx context.Context, send sender, linkToken, publicToken string) (linked, error) {
	var made struct {
		Sessions []struct {
			Results *struct {
				Added []struct {
					PublicToken string `json:"public_token"`
				} `json:"item_add_results"`
			} `json:"results"`
		} `json:"link_sessions"`
	}
	body := struct {
		Token string `json:"link_token"`
	}{linkToken}
	if err := send(ctx, call{http.MethodPost, "/link/token/get", "", plaidHeader, body, &made}); err != nil {
		return linked{}, err
	}
	known := false
	for _, s := range made.Sessions {
		for i := 0; s.Results != nil && i < len(s.Results.Added); i++ {
			known = known || s.Results.Added[i].PublicToken == publicToken
		}
	}
	if !known {
		return linked{}, errResponse
	}
	var got struct {
		AccessToken string `json:"access_token"`
		ItemID      string `json:"item_id"`
	}
	public := struct {
		Token string `json:"public_token"`
	}{publicToken}
	err := send(ctx, call{http.MethodPost, "/item/public_token/exchange", "", plaidHeader, public, &got})
	if err == nil && got.AccessToken == "" {
		err = errResponse
	}
	if err != nil {
		return linked{}, err
	}
	var item struct {
		Item struct {
			ID    string `json:"item_id"`
			Bank  string `json:"institution_name"`
			Error *struct {
				Code string `json:"error_code"`
			} `json:"error"`
			Products    []string `json:"products"`
			ConsentEnds *string  `json:"consent_expiration_time"`
		} `json:"item"`
	}
	err = send(ctx, call{http.MethodPost, "/item/get", "", plaidHeader, plaidItem{got.AccessToken}, &item})
	if err == nil && (item.Item.ID != got.ItemID || item.Item.Error != nil) {
		err = errResponse
	}
	return linked{got.ItemID, got.AccessToken, item.Item.Bank}, err
}

func plaidAccounts(ctx context.Context, send sender, token string) (rows []accountRow, err error) {
	var out struct {
		Accounts []struct {
			ID         string `json:"account_id"`
			Name       string `json:"name"`
			Mask       string `json:"mask"`
			Type       string `json:"type"`
			Subtype    string `json:"subtype"`
			Persistent string `json:"persistent_account_id"`
			Balances   struct {
				Currency *string `json:"iso_currency_code"`
				Other    *string `json:"unofficial_currency_code"`
			} `json:"balances"`
		} `json:"accounts"`
	}
	err = send(ctx, call{http.MethodPost, "/accounts/get", "", plaidHeader, plaidItem{token}, &out})
	for _, a := range out.Accounts {
		row := accountRow{a.ID, a.Type + "." + a.Subtype, a.Name, a.Mask, ""}
		if a.Balances.Currency != nil {
			row.Currency = *a.Balances.Currency
		}
		rows = append(rows, row)
	}
	return rows, err
}
