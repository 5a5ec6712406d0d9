package pelican

// This file makes sessions.

import (
	"context"

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
	out, err := openFlow.fetch(ctx, a, rest.Request{JSON: body}, req.Reconnect)
	if err != nil {
		return bankmux.Session{}, err
	}
	s.Launch.Provider, s.Launch.Environment = Name, a.env
	s.Launch.Token = bankmux.NewLaunchToken(out.Flow)
	return s, nil
}
