package main

// This file has the users: how they link their banks, answer questions and renew consents.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/schedule"
	"github.com/bankmux/bankmux/virtualbank"
)

// providers are in the order of the report.
var providers = []string{moneykit.Name, dapi.Name, plaid.Name}

// countries are where the users of a provider have their banks.
var countries = map[string]string{moneykit.Name: "US", dapi.Name: "AE", plaid.Name: "NL"}

// products are what the application reads.
var products = []bankmux.ProductRequest{{Product: bankmux.ProductTransactions, Required: true, Prefetch: true}}

// link links one bank for each user, several at a time.
func (n *nights) link(ctx context.Context, connections int) error {
	n.conns = make([]bankmux.Connection, connections)
	errs := make([]error, connections)
	next := make(chan int)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range next {
				n.conns[i], errs[i] = n.linkOne(ctx, i)
			}
		})
	}
	for i := range connections {
		next <- i
		n.progress.show(fmt.Sprintf("linking %d banks", connections), i+1, connections)
	}
	close(next)
	all.Wait()
	return errors.Join(errs...)
}

// userName is the name of a user, also at the banks.
func userName(i int) string { return fmt.Sprintf("user-%05d", i) }

// linkOne links the bank of one user. Every third user has the same provider.
func (n *nights) linkOne(ctx context.Context, i int) (conn bankmux.Connection, err error) {
	req := bankmux.SessionRequest{
		User: userName(i), Country: countries[providers[i%len(providers)]], Products: products,
		RedirectURI: "https://app.example.com/oauth",
	}
	if n.hasWebhooks(i) {
		req.WebhookURL = n.hooks + "/{client}"
	}
	if conn, err = n.finish(ctx, req, i); err != nil {
		return conn, err
	}
	if conn.Provider != dapi.Name {
		if err := n.bank.Refresh(conn.Reference()); err != nil { // else its first rows take a while
			return conn, err
		}
	}
	return conn, nil
}

// firstSyncs plans the first sync of each connection, one after another until eight in the evening.
// An application does so at the end of each link.
func (n *nights) firstSyncs(ctx context.Context) error {
	for i, conn := range n.conns {
		at := n.clock.Night.Add(hoursOfNight * time.Hour * time.Duration(i) / time.Duration(len(n.conns)))
		if err := n.sleep(ctx, at); err != nil {
			return err
		}
		if err := n.member.fleet.Nudge(ctx, conn); err != nil {
			return err
		}
		n.progress.show("first syncs", i+1, len(n.conns))
	}
	return nil
}

// hasWebhooks reports whether the provider announces what is new to a user. If it did for all, the
// nights would have nothing to do.
func (*nights) hasWebhooks(i int) bool { return i/len(providers)%10 == 0 }

// finish creates a session, plays the user on the provider's page, and stores the connection.
func (n *nights) finish(ctx context.Context, req bankmux.SessionRequest, i int) (conn bankmux.Connection, err error) {
	session, err := n.member.registry.CreateSession(ctx, req)
	if err != nil {
		return conn, err
	}
	token := session.Launch.Token.Reveal()
	var payload []byte
	switch session.Launch.Provider {
	case moneykit.Name:
		payload, err = n.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: token, Username: req.User})
	case plaid.Name:
		payload, err = n.bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: token, Username: req.User})
	default:
		payload, err = n.bank.LinkDapi(virtualbank.DapiLink{
			AppKey: session.Launch.AppKey, InstitutionID: n.dapiBanks[i/len(providers)%2], Username: req.User,
		})
	}
	if err != nil {
		return conn, err
	}
	linked, err := n.member.registry.ExchangeToken(ctx, bankmux.ExchangeRequest{
		Session: session, User: req.User, Payload: bankmux.NewSecret(payload), Connection: req.Reconnect,
	})
	if err != nil {
		return conn, err
	}
	return linked.Connection, n.member.store.SaveConnection(ctx, linked.Connection)
}

// answer sends the user's answers to an open question. A worker was asked it, and this process
// sends the answers, since the question is in the database.
func (n *nights) answer(ctx context.Context, conn bankmux.Connection) error {
	client, err := n.member.registry.For(conn)
	if err != nil {
		return err
	}
	state, err := n.member.store.SyncState(ctx, conn)
	if err != nil {
		return err
	}
	req := bankmux.SyncAllRequest{Connection: conn, Ledger: n.member.store}
	if state.Challenge != nil {
		req.Answers = state.Challenge.Answer(codeOfBank)
	}
	res, err := client.SyncAll(ctx, req)
	// The run was not one of River, so the plan follows from its outcome.
	return n.member.fleet.Replan(ctx, conn, schedule.Outcome{State: res.State, Err: err, End: time.Now()})
}

// codeOfBank is the one-time password of the virtual bank.
const codeOfBank = "123456"

// renew sends a user through the flow again, because the consent ended.
func (n *nights) renew(ctx context.Context, i int) error {
	conn := n.conns[i]
	renewed, err := n.finish(ctx, bankmux.SessionRequest{
		User: conn.User, Country: countries[conn.Provider], Reconnect: &conn,
		RedirectURI: "https://app.example.com/oauth",
	}, i)
	if err != nil {
		return err
	}
	n.conns[i] = renewed
	return n.member.fleet.Nudge(ctx, renewed)
}

// press is a user who presses "refresh" twice. MoneyKit allows it once in an hour, and the budget
// refuses the second call before it is sent. If the consent has ended, no run need have noticed it
// yet, so the user renews it now.
func (n *nights) press(ctx context.Context, i int) error {
	conn := n.conns[i]
	client, err := n.member.registry.For(conn)
	if err != nil {
		return err
	}
	for range 2 {
		_, err := client.Refresh(ctx, bankmux.RefreshRequest{
			Connection: conn, Products: []bankmux.Product{bankmux.ProductTransactions},
		})
		switch {
		case errors.Is(err, bankmux.ErrRateLimited):
			n.pressed++
		case bankmux.KindOf(err).Again().Turn == bankmux.TurnLogin:
			n.renewed++
			return n.renew(ctx, i)
		case err != nil:
			return err
		}
	}
	return nil
}
