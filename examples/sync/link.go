package main

// This file links the user's bank through one provider after another.

import (
	"context"
	"fmt"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// open opens a client for each provider. New links use MoneyKit until a move.
func (s *story) open(server *virtualbank.Server) error {
	keys := s.bank.Credentials()
	mk, err := moneykit.New(moneykit.Config{
		BaseURL:      server.MoneyKitURL,
		ClientID:     keys.MoneyKit.ClientID,
		ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
		Environment:  bankmux.Sandbox,
		Now:          s.bank.Now,
	})
	if err != nil {
		return err
	}
	dp, err := dapi.New(dapi.Config{
		BaseURL: server.DapiURL, AppKey: keys.Dapi.AppKey, AppSecret: bankmux.NewSecret(keys.Dapi.AppSecret),
		Environment: bankmux.Sandbox, Now: s.bank.Now,
	})
	if err != nil {
		return err
	}
	pl, err := plaid.New(plaid.Config{
		BaseURL: server.PlaidURL, ClientID: keys.Plaid.ClientID, Secret: bankmux.NewSecret(keys.Plaid.Secret),
		Environment: bankmux.Sandbox, Now: s.bank.Now,
	})
	if err != nil {
		return err
	}
	s.clients = []*bankmux.Client{mk, dp, pl}
	s.registry, err = bankmux.NewRegistry(s.clients, []bankmux.Route{{Client: moneykit.Name}})
	return err
}

// link links the user's bank through a provider, restores the names of the accounts, and syncs. The
// former provider keeps its client, without a route, until its connection ends.
func (s *story) link(ctx context.Context, provider string) error {
	if err := s.registry.Swap(s.clients, []bankmux.Route{{Client: provider}}); err != nil {
		return err
	}
	session, err := s.registry.CreateSession(ctx, bankmux.SessionRequest{
		User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth", HistoryDays: 730,
	})
	if err != nil {
		return err
	}
	if s.conn, err = s.finish(ctx, session); err != nil {
		return err
	}
	if s.client, err = s.registry.For(s.conn); err != nil {
		return err
	}
	answer, err := s.client.Accounts(ctx, bankmux.AccountsRequest{Connection: s.conn})
	if err != nil {
		return err
	}
	now := answer.Accounts
	s.accounts, s.cards = nil, nil
	for _, a := range now {
		s.accounts = append(s.accounts, a.ID)
	}
	if s.client.Has(bankmux.CapCards) {
		cards, err := s.client.Cards(ctx, bankmux.CardsRequest{Connection: s.conn})
		if err != nil {
			return err
		}
		for _, c := range cards.Cards {
			s.cards = append(s.cards, c.ID)
			now = append(now, asAccount(c))
		}
	}
	carried, fresh, err := s.store.carry(ctx, s.conn.Provider, now)
	if err != nil {
		return err
	}
	missing := s.said.missing
	if err := s.sync(ctx); err != nil {
		return err
	}
	if s.client.Name() == plaid.Name && s.said.missing > missing {
		// Only a record from its start shows which rows Plaid does not have. What the second one
		// does not show either is removed.
		if err := s.store.forget(ctx, s.conn.ID); err != nil {
			return err
		}
		if err := s.sync(ctx); err != nil {
			return err
		}
	}
	s.report(fmt.Sprintf("linked through %s: %d new accounts, %d known ones", s.client.Name(), fresh, carried))
	return nil
}

// move makes a new link, perhaps through another provider. It ends the former link once the new one
// is in step.
func (s *story) move(ctx context.Context, provider string) error {
	client, old := s.client, s.conn
	if err := s.link(ctx, provider); err != nil {
		return err
	}
	_, err := client.Disconnect(ctx, bankmux.DisconnectRequest{Connection: old})
	return err
}

// finish plays the user's part and exchanges the payload.
func (s *story) finish(ctx context.Context, session bankmux.Session) (bankmux.Connection, error) {
	var payload []byte
	var err error
	switch session.Launch.Provider {
	case moneykit.Name:
		payload, err = s.bank.LinkMoneyKit(
			virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal(), InstitutionID: "northwind"},
		)
	case plaid.Name:
		payload, err = s.bank.LinkPlaid(
			virtualbank.PlaidLink{LinkToken: session.Launch.Token.Reveal(), InstitutionID: "ins_900101"},
		)
	default:
		payload, err = s.bank.LinkDapi(
			virtualbank.DapiLink{AppKey: session.Launch.AppKey, InstitutionID: "DAPIBANK_US_NORTHWIND"},
		)
	}
	if err != nil {
		return bankmux.Connection{}, err
	}
	linked, err := s.registry.ExchangeToken(
		ctx,
		bankmux.ExchangeRequest{Session: session, User: "user-1", Payload: bankmux.NewSecret(payload)},
	)
	return linked.Connection, err
}

// renew finds that the consent lapsed and sends the user through the flow again. All transactions
// get other ids in the meantime.
func (s *story) renew(ctx context.Context) error {
	if err := s.bank.Lapse(s.conn.Reference()); err != nil {
		return err
	}
	status, err := s.client.ConnectionStatus(ctx, bankmux.StatusRequest{Connection: s.conn})
	if err != nil {
		return err
	}
	s.report("the consent lapsed: " + string(status.Connection.Status.State))
	session, err := s.registry.CreateSession(
		ctx,
		bankmux.SessionRequest{
			User:        "user-1",
			RedirectURI: "https://app.example.com/oauth",
			Reconnect:   &status.Connection,
		},
	)
	if err != nil {
		return err
	}
	if s.conn, err = s.finish(ctx, session); err != nil {
		return err
	}
	if err := s.bank.ChurnIDs(s.conn.Reference()); err != nil {
		return err
	}
	if err := s.sync(ctx); err != nil {
		return err
	}
	s.report("reconnected: every transaction has another id")
	return nil
}
