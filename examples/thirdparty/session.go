package pelican

import (
	"context"
	"net/http"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// CreateSession opens a flow at Pelican. With a connection to renew, the flow asks for its consent
// again.
func (a *adapter) CreateSession(ctx context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	s := bankmux.NewSession(req)
	body := flowRequest{
		State: s.ID, User: req.User, Country: req.Country, Redirect: req.RedirectURI, Webhook: req.WebhookURL,
		Language: req.Language, Days: req.AccessDays,
	}
	for _, p := range req.Products {
		body.Products = append(body.Products, string(p.Product))
	}
	var out flowAnswer
	res, err := a.send(ctx, rest.Request{Method: http.MethodPost, Path: "/flows", JSON: body}, req.Reconnect, &out)
	switch {
	case err != nil:
		return bankmux.Session{}, err
	case out.Flow == "":
		return bankmux.Session{}, res.Lacks("flow")
	}
	s.Launch.Provider, s.Launch.Environment = Name, a.env
	s.Launch.Token = bankmux.NewLaunchToken(out.Flow)
	return s, nil
}

// ExchangeToken redeems the code, and then reads what it brought.
func (a *adapter) ExchangeToken(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	var none bankmux.ExchangeResult
	fields, err := req.Fields()
	if err != nil {
		return none, err
	}
	code, err := fields.Text("code")
	if err != nil {
		return none, err
	}
	var out redeemAnswer
	res, err := a.send(ctx, rest.Request{Method: http.MethodPost, Path: "/redeem", JSON: redeemRequest{code}}, nil, &out)
	switch {
	case err != nil:
		return none, err
	case out.Grant == "":
		return none, res.Lacks("grant")
	case out.ID == "":
		return none, res.Lacks("id")
	case out.State != req.Session.ID:
		return none, &bankmux.Error{
			Kind: bankmux.ErrInvalid, Code: bankmux.CodeOtherSession, Field: "ExchangeRequest.Payload", Detail: "the code is of another session",
		}
	}
	conn := bankmux.NewConnection(req.Session, out.ID, bankmux.NewSecret(out.Grant))
	status, err := a.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn})
	switch {
	case err != nil: // the code is spent, so the connection is kept, and its bank read later
		conn.Status = bankmux.Status{State: bankmux.StateUnverified, At: now()}
		return bankmux.ExchangeResult{Connection: conn}, nil
	case status.Connection.Status.State == bankmux.StateReauth:
		return none, &bankmux.Error{Kind: bankmux.ErrReauth, Detail: "the consent ended again"}
	}
	return bankmux.ExchangeResult{Connection: status.Connection}, nil
}
