package dapi

// This file has Dapi's endpoints and sends the requests.

import (
	"context"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/dapi"
)

// endpoint is an endpoint of Dapi. Its effect is what sending a request twice does.
type endpoint struct {
	method, path string
	effect       bankmux.Effect
}

// String returns method and path, as [rest.Response.Endpoint] does.
func (e endpoint) String() string { return e.method + " " + e.path }

// endpoints are all that the adapter calls. Dapi's sources spell some paths in different case. The
// exchange is spelled as in the server SDKs, delink as in the iOS and React Native SDKs.
var endpoints = struct {
	exchangeToken, delink, metadata                             endpoint
	accounts, completeAccounts, balance, identity, cards        endpoint
	transactions, categorizedTransactions, enrichedTransactions endpoint
	operation, operationStatus                                  endpoint
}{
	exchangeToken: endpoint{http.MethodPost, "/auth/ExchangeToken", bankmux.OneShot},
	delink:        endpoint{http.MethodPost, "/users/DelinkUser", bankmux.Idempotent},

	// It describes the bank and is never interactive.
	metadata: endpoint{http.MethodPost, "/metadata/accounts/get", bankmux.Read},

	// The bank may ask the user first. Only transactions serves cards.
	accounts:                endpoint{http.MethodPost, "/data/accounts/get", bankmux.Read}, // without balances
	completeAccounts:        endpoint{http.MethodPost, "/data/completeAccounts/get", bankmux.Read},
	balance:                 endpoint{http.MethodPost, "/data/balance/get", bankmux.Read}, // of an account or a card
	identity:                endpoint{http.MethodPost, "/data/identity/get", bankmux.Read},
	cards:                   endpoint{http.MethodPost, "/data/cards/get", bankmux.Read},
	transactions:            endpoint{http.MethodPost, "/data/transactions/get", bankmux.Read},
	categorizedTransactions: endpoint{http.MethodPost, "/data/categorizedTransactions/get", bankmux.Read},
	enrichedTransactions:    endpoint{http.MethodPost, "/data/enrichedTransactions/get", bankmux.Read},

	// The state of an operation. Sources disagree about the path, so both are tried.
	operation:       endpoint{http.MethodPost, "/operation/get", bankmux.Read},
	operationStatus: endpoint{http.MethodPost, "/operation/status", bankmux.Read},
}

// api has a method per endpoint. Every call is a POST.
type api struct {
	rest   *rest.Client
	key    string
	secret bankmux.Secret
}

func newAPI(cfg Config) *api {
	return &api{
		rest: rest.New(rest.Config{
			BaseURL: cfg.BaseURL, HTTPClient: cfg.HTTPClient, Resty: cfg.Resty, BodyLimit: cfg.BodyLimit,
		}),
		key:    cfg.AppKey,
		secret: cfg.AppSecret,
	}
}

// exchangeToken sends no bearer token, because there is none yet.
func (a *api) exchangeToken(ctx context.Context, code, connectionID string) (out exchangeResponse, err error) {
	body := exchangeBody{AppSecret: a.secret.Reveal(), AccessCode: code, ConnectionID: connectionID}
	err = a.do(ctx, endpoints.exchangeToken, rest.Request{JSON: body}, &out)
	return out, err
}

func (a *api) metadata(ctx context.Context, to access) (out metadataResponse, err error) {
	err = a.post(ctx, endpoints.metadata, to, dataBody{}, &out)
	return out, err
}

func (a *api) delink(ctx context.Context, to access) error {
	return a.post(ctx, endpoints.delink, to, dataBody{}, &envelope{})
}

// accounts is for both endpoints that list accounts.
func (a *api) accounts(ctx context.Context, call dataCall) (out accountsResponse, err error) {
	err = a.data(ctx, call, &out)
	return out, err
}

func (a *api) balance(ctx context.Context, call dataCall) (*balance, error) {
	var out balanceResponse
	call.to = endpoints.balance
	err := a.data(ctx, call, &out)
	return out.Balance, err
}

func (a *api) identity(ctx context.Context, call dataCall) (*person, error) {
	var out identityResponse
	call.to = endpoints.identity
	err := a.data(ctx, call, &out)
	return out.Identity, err
}

func (a *api) cards(ctx context.Context, call dataCall) (out cardsResponse, err error) {
	call.to = endpoints.cards
	err = a.data(ctx, call, &out)
	return out, err
}

// transactions is for the three endpoints that list transactions.
func (a *api) transactions(ctx context.Context, call dataCall, out *transactionsResponse) error {
	return a.data(ctx, call, out)
}

// operation adds to the documented request what the PHP SDK sends: bearer token and userSecret.
func (a *api) operation(ctx context.Context, to access, id string) (out operationResponse, err error) {
	body := dataBody{AppKey: a.key, OperationID: id}
	err = a.post(ctx, endpoints.operation, to, body, &out)
	if e := bankmux.ErrorOf(err); e != nil && e.Status == http.StatusNotFound && e.Code == "" {
		out = operationResponse{}
		err = a.post(ctx, endpoints.operationStatus, to, body, &out)
	}
	if e := bankmux.ErrorOf(err); e != nil && e.Code == statusRunning {
		err = nil // in the other form, the envelope has the status
	}
	if err == nil && out.Info == nil {
		out.Info = &operationInfo{Status: out.Status, ErrorType: out.Type}
	}
	return out, err
}

// dataCall is a call for data of a connection. answers may be nil.
type dataCall struct {
	to      endpoint
	conn    bankmux.Connection
	answers *bankmux.Answers
	body    dataBody
}

// data sends a data call. It may continue an operation with the user's answers, and it waits while
// the bank works.
func (a *api) data(ctx context.Context, call dataCall, out response) error {
	to, err := allowed(call.conn)
	if err != nil {
		return err
	}
	body := call.body
	if call.answers != nil {
		body.OperationID, body.UserInputs = call.answers.Challenge.ID, userAnswers(call.answers)
	}
	err = a.post(ctx, call.to, to, body, out)
	for out.common().Status == statusRunning && out.common().OperationID != "" {
		operation := string(out.common().OperationID)
		if err = a.await(ctx, to, operation); err != nil {
			return ofTheBank(err)
		}
		// The status does not contain the result. The original call, sent again for the finished
		// operation, does.
		body.OperationID, body.UserInputs = operation, nil
		*out.common() = envelope{}
		err = a.post(ctx, call.to, to, body, out)
	}
	e := bankmux.ErrorOf(err)
	if e != nil && call.answers != nil && (e.Code == "SESSION_EXPIRED" || e.Code == "SESSION_INVALIDATED") {
		late := *e
		late.Kind, late.Scope = bankmux.ErrChallengeExpired, ""
		late.Detail = "the bank did not wait for the user's answer"
		err = &late
	}
	return ofTheBank(err)
}

// The intervals at which a running operation is read. Dapi publishes none.
const (
	pollFirst = time.Second
	pollMax   = 5 * time.Second
)

// await reads an operation until it ends. The response says only whether it failed.
func (a *api) await(ctx context.Context, to access, id string) error {
	for wait := pollFirst; ; wait = min(wait*2, pollMax) {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return &bankmux.Error{
				Kind:   bankmux.ErrInstitution,
				Scope:  bankmux.ScopeConnection,
				Code:   statusRunning,
				Status: http.StatusOK,
				Detail: "the operation is still running at the bank",
				Err:    ctx.Err(),
			}
		}
		info, err := a.operation(ctx, to, id)
		if err != nil {
			return err
		}
		switch info.Info.Status {
		case statusFailed:
			return model.Error(normalize.Failure{Code: info.Info.ErrorType, Status: http.StatusOK})
		case statusRunning:
		default:
			return nil
		}
	}
}

// post sends a call on a connection.
func (a *api) post(ctx context.Context, at endpoint, to access, body dataBody, out response) error {
	body.AppSecret, body.UserSecret = a.secret.Reveal(), to.userSecret
	return a.do(ctx, at, rest.Request{Bearer: to.token, JSON: body}, out)
}

// do sends one request and reads the response into out.
func (a *api) do(ctx context.Context, at endpoint, req rest.Request, out response) error {
	req.Method, req.Path = at.method, at.path
	res, err := a.rest.Do(ctx, req)
	if err != nil {
		return err
	}
	return read(res, out)
}
