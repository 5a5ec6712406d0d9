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

// endpoint is an endpoint of Dapi that responds with an Out. Each is a POST. Its effect is what
// sending a request twice does.
type endpoint[Out any] struct {
	path   string
	effect bankmux.Effect
}

// All endpoints that the adapter calls. Dapi's sources spell some paths in different case. The
// exchange is spelled as in the server SDKs, delink as in the iOS and React Native SDKs.
var (
	exchangeToken = endpoint[exchangeResponse]{"/auth/ExchangeToken", bankmux.OneShot}
	delinkUser    = endpoint[envelope]{"/users/DelinkUser", bankmux.Idempotent}

	// It describes the bank and is never interactive.
	getMetadata = endpoint[metadataResponse]{"/metadata/accounts/get", bankmux.Read}

	// The bank may ask the user first. Accounts come without balances, and a balance is that of an
	// account or a card. Only getTransactions serves cards.
	getAccounts         = endpoint[accountsResponse]{"/data/accounts/get", bankmux.Read}
	getCompleteAccounts = endpoint[accountsResponse]{"/data/completeAccounts/get", bankmux.Read}
	getBalance          = endpoint[balanceResponse]{"/data/balance/get", bankmux.Read}
	getIdentity         = endpoint[identityResponse]{"/data/identity/get", bankmux.Read}
	getCards            = endpoint[cardsResponse]{"/data/cards/get", bankmux.Read}
	getTransactions     = endpoint[transactionsResponse]{"/data/transactions/get", bankmux.Read}
	getCategorized      = endpoint[transactionsResponse]{"/data/categorizedTransactions/get", bankmux.Read}
	getEnriched         = endpoint[transactionsResponse]{"/data/enrichedTransactions/get", bankmux.Read}

	// The state of an operation. Sources disagree about the path, so both are tried.
	getOperation       = endpoint[operationResponse]{"/operation/get", bankmux.Read}
	getOperationStatus = endpoint[operationResponse]{"/operation/status", bankmux.Read}
)

// op describes an operation that only Dapi has.
func (at endpoint[Out]) op(name string) bankmux.Op {
	return bankmux.Op{Name: name, Group: bankmux.GroupData, Effect: at.effect}
}

// api sends requests to the endpoints.
type api struct {
	rest   *rest.Client
	key    string
	secret bankmux.Secret
}

func newAPI(cfg Config) *api {
	return &api{
		rest: rest.New(rest.Config{
			BaseURL: cfg.BaseURL, HTTPClient: cfg.HTTPClient, Resty: cfg.Resty, BodyLimit: cfg.BodyLimit,
			Drift: rest.Drift{Guard: cfg.Guard, Client: cfg.Name, Provider: Name, Documented: model.Documented()},
		}),
		key:    cfg.AppKey,
		secret: cfg.AppSecret,
	}
}

// operation adds to the documented request what the PHP SDK sends: bearer token and userSecret.
func (a *api) operation(ctx context.Context, to access, id string) (out operationResponse, err error) {
	body := &dataBody{AppKey: a.key, OperationID: id}
	err = do(ctx, a, getOperation, a.request(to, body), &out)
	if e := bankmux.ErrorOf(err); e != nil && e.Status == http.StatusNotFound && e.Code == "" {
		out = operationResponse{}
		err = do(ctx, a, getOperationStatus, a.request(to, body), &out)
	}
	if e := bankmux.ErrorOf(err); e != nil && e.Code == statusRunning {
		err = nil // in the other form, the envelope has the status
	}
	if err == nil && out.Info == nil {
		out.Info = &operationInfo{Status: out.Status, ErrorType: out.Type}
	}
	return out, err
}

// dataCall is a call for data of a connection. answers and body may be nil.
type dataCall struct {
	conn    *bankmux.Connection
	answers *bankmux.Answers
	body    *dataBody
}

// responseOf is a pointer to a response of a type.
type responseOf[Out any] interface {
	*Out
	response
}

// data sends a data call and returns the response, which is zero if there is an error.
func data[Out any, P responseOf[Out]](ctx context.Context, a *api, at endpoint[Out], call *dataCall) (Out, error) {
	var out, none Out
	if err := dataInto(ctx, a, at, call, P(&out)); err != nil {
		return none, err
	}
	return out, nil
}

// dataInto is data for a response whose rows are read while it arrives. It may continue an
// operation with the user's answers, and it waits while the bank works.
func dataInto[Out any, P responseOf[Out]](
	ctx context.Context, a *api, at endpoint[Out], call *dataCall, out P,
) error {
	to, err := allowed(call.conn)
	if err != nil {
		return err
	}
	err = do(ctx, a, at, a.requestOf(to, call, ""), out)
	for out.common().running() {
		operation := string(out.common().OperationID)
		if err = a.await(ctx, to, operation); err != nil {
			break
		}
		// The status does not contain the result. The original call, sent again for the finished
		// operation, does.
		*out.common() = envelope{}
		err = do(ctx, a, at, a.requestOf(to, call, operation), out)
	}
	return ofTheBank(call.late(err))
}

// late names the error of an answer that came too late for the bank.
func (call *dataCall) late(err error) error {
	e := bankmux.ErrorOf(err)
	if e == nil || call.answers == nil || (e.Code != "SESSION_EXPIRED" && e.Code != "SESSION_INVALIDATED") {
		return err
	}
	late := *e
	late.Kind, late.Scope = bankmux.ErrChallengeExpired, ""
	late.Detail = "the bank did not wait for the user's answer"
	return &late
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

// requestOf is a data call. With a finished operation it asks for the result, else it may have the
// user's answers. It is not inlined, so that the body is not on the stack of a call that waits.
//
//go:noinline
func (a *api) requestOf(to access, call *dataCall, operation string) rest.Request {
	var body dataBody
	if call.body != nil {
		body = *call.body
	}
	switch {
	case operation != "":
		body.OperationID = operation
	case call.answers != nil:
		body.OperationID, body.UserInputs = call.answers.Challenge.ID, userAnswers(call.answers)
	}
	return a.request(to, &body)
}

// request is a call on a connection. It completes a copy of the body.
//
//go:noinline
func (a *api) request(to access, part *dataBody) rest.Request {
	body := *part
	body.AppSecret, body.UserSecret = a.secret.Reveal(), to.userSecret
	return rest.Request{Bearer: to.token, JSON: body}
}

// do sends one request and reads the response into out.
func do[Out any, P responseOf[Out]](ctx context.Context, a *api, at endpoint[Out], req rest.Request, out P) error {
	req.Method, req.Path = http.MethodPost, at.path
	res, err := a.rest.Do(ctx, req)
	if err != nil {
		return err
	}
	return read(res, at.effect == bankmux.OneShot, out)
}
