package soak_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/single"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// connect links the user's bank, or renews the old connection.
func (l *life) connect(old *bankmux.Connection) error {
	return l.persist(patience, func() error {
		req := bankmux.SessionRequest{
			User:        l.plan.user,
			Country:     l.plan.place.country,
			RedirectURI: "https://app.example.com/oauth",
			Reconnect:   old,
			HistoryDays: 730, // all that the bank has
			Products:    []bankmux.ProductRequest{{Product: bankmux.ProductTransactions, Prefetch: chance(l.dice, 50)}},
		}
		if old == nil { // the user chose the bank, and with it the provider
			req.Institution = bankmux.InstitutionRef{l.plan.provider: l.plan.place.id}
		}
		var session bankmux.Session
		err := l.call(oddsOfLinking, func(ctx context.Context) (err error) {
			session, err = l.world.registry.CreateSession(ctx, req)
			return err
		})
		if err != nil {
			return err
		}
		session = l.kept(session)
		payload, err := l.visit(session)
		if err != nil {
			return err
		}
		conn, err := l.post(session, payload)
		if err != nil {
			if l.plan.never && errors.Is(err, bankmux.ErrUserAction) {
				l.end = "the user left Connect for good"
			}
			return err
		}
		why := "linked"
		if old != nil {
			why = "renewed"
			if conn.ID != old.ID {
				l.complain("a reconnect changed the id from %s to %s", old.ID, conn.ID)
			}
		}
		l.save(conn, why)
		l.world.count("connections", why, 1)
		return nil
	})
}

// kept returns a session as it comes out of the application's store.
func (l *life) kept(session bankmux.Session) (back bankmux.Session) {
	raw, err := session.Seal(l.world.keyring)
	l.world.must(err)
	back, err = bankmux.OpenSession(l.world.keyring, session.Ref(), raw)
	l.world.must(err)
	return back
}

// visit plays the user in Connect. It returns what the browser posts.
func (l *life) visit(session bankmux.Session) (payload []byte, err error) {
	if l.plan.never || (!l.calm && chance(l.dice, 5)) {
		l.world.count("situations", "the user leaves Connect", 1)
		return []byte(`{"error":null}`), nil
	}
	if !l.calm && chance(l.dice, 4) {
		if _, err := l.login(session.Launch, "wrong"); err == nil {
			l.complain("the bank took a wrong password")
		}
	}
	payload, err = l.login(session.Launch, correctPassword)
	if err != nil && strings.Contains(err.Error(), "INSTITUTION_DOWN") {
		l.world.count("situations", "the bank is out while the user logs in", 1)
		return []byte(`{"error":{"error_type":"INSTITUTION_ERROR","error_code":"INSTITUTION_DOWN"}}`), nil
	}
	if err != nil {
		return nil, err
	}
	if !l.calm && chance(l.dice, 4) {
		l.world.count("situations", "the user is slow", 1)
		time.Sleep(35 * time.Minute) // longer than any token is valid
	}
	return payload, nil
}

// login plays the user at the bank.
func (l *life) login(launch bankmux.Launch, password string) ([]byte, error) {
	bank := l.world.present()
	switch launch.Provider {
	case moneykit.Name:
		return bank.LinkMoneyKit(virtualbank.MoneyKitLink{
			LinkSessionToken: launch.Token.Reveal(),
			InstitutionID:    l.plan.place.id,
			Username:         userName(l.n),
			Password:         password,
		})
	case plaid.Name:
		return bank.LinkPlaid(virtualbank.PlaidLink{
			LinkToken:     launch.Token.Reveal(),
			InstitutionID: l.plan.place.id,
			Username:      userName(l.n),
			Password:      password,
		})
	}
	return bank.LinkDapi(virtualbank.DapiLink{
		AppKey:        launch.AppKey,
		InstitutionID: l.plan.place.id,
		Username:      userName(l.n),
		Password:      password,
		Countries:     launch.Countries,
	})
}

// post exchanges what the browser posted. If the outcome is unknown, it does what the error says to
// find out.
func (l *life) post(session bankmux.Session, payload []byte) (bankmux.Connection, error) {
	token, unknown, happened := tokenIn(payload), false, false
	end := func(how string) {
		if !unknown {
			return
		}
		before := "which the bank had not completed"
		if happened {
			before = "which the bank had completed"
		}
		l.world.count("ambiguous exchanges", session.Provider+": "+before+", "+how, 1)
	}
	for try := 0; ; try++ {
		conn, err := l.exchange(session, payload)
		switch {
		case err == nil:
			end("ended in the connection when posted again")
			return conn, nil
		case errors.Is(err, bankmux.ErrOutcomeUnknown):
			if e, _ := errors.AsType[*bankmux.Error](
				err,
			); !strings.Contains(
				e.FindOut,
				"call ExchangeToken again with the same session and payload",
			) {
				l.complain("the error does not say how to find out: %v", err)
			}
			if token == "" {
				l.complain("a reconnect without a token ended in %v", err)
			}
			unknown, happened = true, happened || l.world.exchanged(token)
		case errors.Is(err, bankmux.ErrTokenSpent),
			errors.Is(err, bankmux.ErrUserAction),
			errors.Is(err, bankmux.ErrGone),
			!passes(err),
			try == patience:
			if l.world.exchanged(token) {
				l.lost[l.lostName(session, payload)] = "exchanged, then " + string(bankmux.KindOf(err))
			}
			end("ended in " + string(bankmux.KindOf(err)))
			return conn, err
		}
		wait := min(4*time.Second<<try, 10*time.Minute)
		if e, ok := errors.AsType[*bankmux.Error](err); ok {
			wait = max(wait, e.RetryAfter)
		}
		time.Sleep(wait)
	}
}

// lostName returns what identifies a link at the bank when the application has only its session.
func (l *life) lostName(session bankmux.Session, payload []byte) string {
	if session.Provider == plaid.Name {
		return l.world.itemOf(tokenIn(payload))
	}
	var in struct {
		ConnectionID string `json:"connectionID"`
	}
	_ = json.Unmarshal(payload, &in) // a payload of MoneyKit has none
	if in.ConnectionID != "" {
		return in.ConnectionID
	}
	return "bankmux-session:" + session.ID
}

// exchange posts a payload once, or twice at once, as impatient users do.
func (l *life) exchange(session bankmux.Session, payload []byte) (bankmux.Connection, error) {
	times := 1
	if !l.calm && chance(l.dice, 8) {
		times = 2
		l.world.count("situations", "the form is posted twice at once", 1)
	}
	conns, errs := make([]bankmux.Connection, times), make([]error, times)
	_ = l.call(oddsOfExchange, func(ctx context.Context) error {
		var all sync.WaitGroup
		for i := range times {
			all.Go(func() {
				conns[i], errs[i] = single.Connection(
					l.world.registry.ExchangeToken(
						ctx,
						bankmux.ExchangeRequest{
							Session: session,
							User:    l.plan.user,
							Payload: bankmux.NewSecret(payload),
						},
					),
				)
			})
		}
		all.Wait()
		return nil
	})
	best := 0
	for i, err := range errs {
		if e, ok := errors.AsType[*bankmux.Error](err); !ok || !e.NotSent {
			l.posts[tokenIn(payload)]++
		}
		// A connection outranks an unknown outcome. An unknown outcome outranks a refusal, which
		// may concern the second post only.
		if errs[best] != nil && (err == nil || errors.Is(err, bankmux.ErrOutcomeUnknown)) {
			best = i
		}
	}
	if times == 2 && errs[0] == nil && errs[1] == nil &&
		(conns[0].ID != conns[1].ID || conns[0].Reference() != conns[1].Reference()) {
		l.complain("one payload made two connections")
	}
	return conns[best], errs[best]
}

// save keeps the connection, sealed.
func (l *life) save(conn bankmux.Connection, why string) {
	if l.row != nil {
		if was := l.conn(); was.Reference() != conn.Reference() {
			l.former[was.Reference()] = why
		}
	}
	if why != "" {
		delete(l.former, conn.Reference())
		l.tables.linked(conn.ID)
	}
	row, err := conn.Seal(l.world.keyring)
	l.world.must(err)
	l.row, l.ref = row, conn.Ref()
}

// conn opens the sealed connection.
func (l *life) conn() bankmux.Connection {
	conn, err := bankmux.Open(l.world.keyring, l.ref, l.row)
	l.world.must(err)
	return conn
}

func (l *life) client() *bankmux.Client {
	client, err := l.world.registry.For(l.conn())
	l.world.must(err)
	return client
}

// leave ends the connection at the provider and in the application.
func (l *life) leave() error {
	client, conn := l.client(), l.conn()
	if err := l.disconnect(client, conn); err != nil {
		return err
	}
	if chance(l.dice, 50) {
		if err := l.reads(client, conn); !errors.Is(err, bankmux.ErrGone) {
			l.complain("after the disconnect: %v", err)
		}
	}
	l.end = "disconnected by the user"
	return nil
}

// revoke ends the connection at the provider alone. The application finds out in its next sync.
func (l *life) revoke() error {
	if err := l.disconnect(l.client(), l.conn()); err != nil {
		return err
	}
	err := l.sync()
	if errors.Is(err, bankmux.ErrGone) {
		l.end = "withdrawn elsewhere, and found to be gone"
		return nil
	}
	l.complain("after access was withdrawn: %v", err)
	return nil
}

// reads repeats one read until the provider has decided.
func (l *life) reads(client *bankmux.Client, conn bankmux.Connection) error {
	return l.persist(patience, func() error {
		return l.ask(func(ctx context.Context, answers *bankmux.Answers) error {
			_, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn, Answers: answers})
			return err
		})
	})
}

func (l *life) disconnect(client *bankmux.Client, conn bankmux.Connection) error {
	err := l.persist(patience, func() error {
		return l.call(oddsOfExchange, func(ctx context.Context) error {
			_, err := client.Disconnect(ctx, bankmux.DisconnectRequest{Connection: conn})
			return err
		})
	})
	if err == nil {
		l.former[conn.Reference()] = "disconnected"
	}
	return err
}
