package dapi

import (
	"context"
	"net/http"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/dapi"
)

// exchangePath is where the access code is exchanged, in this spelling.
const exchangePath = "/auth/ExchangeToken"

// api speaks HTTP: a method an endpoint. Every call is a POST.
type api struct {
	rest   *rest.Client
	key    string
	secret bankmux.Secret

	currencies currencies
}

func newAPI(cfg Config) *api {
	return &api{
		rest:   rest.New(rest.Config{BaseURL: cfg.BaseURL, HTTPClient: cfg.HTTPClient, BodyLimit: cfg.BodyLimit}),
		key:    cfg.AppKey,
		secret: cfg.AppSecret,
	}
}

// access is what goes onto the wire with every call on a connection. It is not kept.
type access struct{ token, userSecret string }

// accessOf unpacks the credential of a connection.
func accessOf(conn bankmux.Connection) (to access, err error) {
	to.token, to.userSecret, err = model.Access(conn.Credential())
	return to, err
}

// exchangeToken is POST /auth/ExchangeToken, without a bearer token.
func (a *api) exchangeToken(ctx context.Context, code, connectionID string) (exchangeAnswer, error) {
	var answer exchangeAnswer
	res, err := a.do(ctx, rest.Request{
		Path: exchangePath,
		JSON: exchangeBody{AppSecret: a.secret.Reveal(), AccessCode: code, ConnectionID: connectionID},
	}, &answer)
	if err == nil && !normalize.Token(answer.AccessToken) {
		err = res.Lacks("an accessToken that can be sent in a header")
	}
	return answer, err
}

// metadata is POST /metadata/accounts/get; it is about the bank and never interactive.
func (a *api) metadata(ctx context.Context, to access) (metadataAnswer, error) {
	var answer metadataAnswer
	res, err := a.onConnection(ctx, "/metadata/accounts/get", to, &answer)
	if err == nil && answer.Metadata == nil {
		err = lacks(res, "accountsMetadata")
	}
	return answer, err
}

// bank is which bank the metadata are about.
func (m metadataAnswer) bank() model.Bank {
	return model.Bank{
		BankID: string(m.Metadata.BankID), OperationID: string(m.OperationID), SwiftCode: m.Metadata.SwiftCode,
		Name: m.Metadata.BankName, CountryCode: m.Metadata.Country.Code,
	}
}

// delink is POST /users/DelinkUser, the spelling of Dapi's iOS and React Native
// SDKs; others differ and the documentation page was not to be had.
func (a *api) delink(ctx context.Context, to access) error {
	_, err := a.onConnection(ctx, "/users/DelinkUser", to, &envelope{})
	return err
}

func (a *api) onConnection(ctx context.Context, path string, to access, out answer) (*rest.Response, error) {
	return a.post(ctx, path, to, dataBody{}, out)
}

func (a *api) post(ctx context.Context, path string, to access, body dataBody, out answer) (*rest.Response, error) {
	body.AppSecret, body.UserSecret = a.secret.Reveal(), to.userSecret
	return a.do(ctx, rest.Request{Path: path, Bearer: to.token, JSON: body}, out)
}

// do sends one request and reads the answer into out.
func (a *api) do(ctx context.Context, req rest.Request, out answer) (*rest.Response, error) {
	req.Method = http.MethodPost
	res, err := a.rest.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	return res, read(res, out)
}
