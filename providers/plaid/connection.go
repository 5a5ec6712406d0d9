package plaid

// This file makes, checks and ends connections.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/plaid"
)

// ExchangeToken exchanges every public token that the session made. After a reconnect it reads the
// Item back.
func (a *adapter) ExchangeToken(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	fields, err := payloadOf(&req)
	if err != nil {
		return bankmux.ExchangeResult{}, err
	}
	s := &req.Session
	left := func(err error) error { // the error if the user left and nothing was linked before
		if exit := fields.Left(); exit != nil && errors.Is(err, bankmux.ErrUserAction) {
			return exit
		}
		return err
	}
	if s.Reconnect != nil {
		conn, err := a.readBack(ctx, s)
		return bankmux.ExchangeResult{Connection: conn}, left(err)
	}
	posted, err := fields.Text("public_token")
	switch {
	case err != nil && noPayload(s):
		posted = "" // onSuccess of several banks has an empty token
	case err != nil && fields.Has("metadata") && !fields.Has("public_token"):
		return bankmux.ExchangeResult{}, &bankmux.Error{
			Kind: bankmux.ErrUserAction, Code: bankmux.CodeCancelled, Detail: "the user left Link", NotSent: true,
		}
	case err != nil:
		return bankmux.ExchangeResult{}, err
	case !normalize.Token(posted):
		return bankmux.ExchangeResult{}, normalize.UnsendableToken()
	}
	logins, err := a.logins(ctx, s, posted)
	if err != nil {
		return bankmux.ExchangeResult{}, left(normalize.Unsent(err))
	}
	return a.exchangeAll(ctx, s, logins)
}

func payloadOf(req *bankmux.ExchangeRequest) (bankmux.Payload, error) {
	return normalize.PayloadOf(*req, "accessCode", "exchangeable_token")
}

// noPayload reports whether the session may end without a public token from the front end. Plaid
// shows the results of such a session to every application.
func noPayload(s *bankmux.Session) bool { return s.State.Reveal() == stateNoPayload }

// LinksBeforeExit reports whether Plaid may have results although the user left in the end.
func (a *adapter) LinksBeforeExit(s bankmux.Session) bool { return noPayload(&s) }

// sessions reads what the link token of a session made, in the order of time.
func (a *adapter) sessions(ctx context.Context, s *bankmux.Session) ([]linkSession, error) {
	token := s.Launch.Token.Reveal()
	if token == "" {
		return nil, normalize.LostByJSON("its link token", "")
	}
	got, err := linkTokenGet.fetch(ctx, a.api, tokenRequest{LinkToken: token})
	unclear := func(run linkSession) bool { return run.Results.Value != nil && !run.Results.Value.Added.Present }
	switch {
	case err != nil:
		return nil, err
	case got.LinkToken != token:
		return nil, normalize.AboutAnother("link token")
	case len(got.Sessions.Bad) > 0, slices.ContainsFunc(got.Sessions.Rows, unclear):
		return nil, unreadableResult()
	}
	slices.SortStableFunc(got.Sessions.Rows, func(a, b linkSession) int {
		first, _ := normalize.Timestamp(a.StartedAt)
		second, _ := normalize.Timestamp(b.StartedAt)
		return first.Compare(second)
	})
	return got.Sessions.Rows, nil
}

// logins are the Items that the session made, in an order that stays the same. The session must
// have made the posted token. It is "" if the front end got none.
func (a *adapter) logins(ctx context.Context, s *bankmux.Session, posted string) ([]addedItem, error) {
	runs, err := a.sessions(ctx, s)
	if err != nil {
		return nil, err
	}
	var all []addedItem
	for _, run := range runs {
		for _, login := range run.added() {
			same := func(known addedItem) bool { return known.PublicToken == login.PublicToken }
			if login.PublicToken == "" || !slices.ContainsFunc(all, same) {
				all = append(all, login)
			}
		}
	}
	of := func(login addedItem) bool { return login.PublicToken == posted }
	switch {
	case posted == "" && len(all) == 0:
		return nil, &bankmux.Error{
			Kind: bankmux.ErrUserAction, Scope: bankmux.ScopeCall, Detail: "the user has not finished the session",
		}
	case posted == "" || slices.ContainsFunc(all, of):
		return all, nil
	case slices.ContainsFunc(all, addedItem.unreadable):
		return nil, unreadableResult()
	case len(all) > 0 || noPayload(s):
		return nil, normalize.OtherSession("has a token that the session did not make")
	case !a.cfg.WithoutLinkEvents:
		return nil, normalize.OtherSession("has a token, and Plaid shows none that the session made: " +
			"see plaid.Config.WithoutLinkEvents")
	}
	return []addedItem{{PublicToken: posted}}, nil
}

// added are the Items of a run of Link. Those that cannot be read keep their places.
func (run linkSession) added() (all []addedItem) {
	if run.Results.Value != nil {
		for _, one := range run.Results.Value.Added.Rows {
			all = append(all, one.Value)
		}
	}
	if one := run.OnSuccess; one != nil && normalize.Token(one.PublicToken) &&
		!slices.ContainsFunc(all, addedItem.readable) {
		all = []addedItem{{PublicToken: one.PublicToken}}
	}
	return all
}

func (one addedItem) readable() bool { return normalize.Token(one.PublicToken) }

func (one addedItem) unreadable() bool { return !one.readable() }

func unreadableResult() *bankmux.Error {
	return normalize.Unreadable("a result of the session that cannot be read")
}

// exchangeAll exchanges the token of each login once. The first login is the connection of the
// session, and the others are further ones. A token that is spent was exchanged by an earlier call,
// whose result the application may not have.
func (a *adapter) exchangeAll(
	ctx context.Context, s *bankmux.Session, logins []addedItem,
) (res bankmux.ExchangeResult, err error) {
	var made []bankmux.Connection
	var failed []error
	var spent error
	for i, login := range logins {
		conn, err := a.exchange(ctx, s, login, i == 0)
		switch {
		case err == nil:
			made = append(made, conn)
		case errors.Is(err, bankmux.ErrTokenSpent):
			spent, res.Spent = err, res.Spent+1
		default:
			failed = append(failed, err)
		}
	}
	if len(made) == 0 { // an error whose outcome is not known is the worst
		unknown := func(err error) bool { return !bankmux.OutcomeKnown(err) }
		failed = append(failed, spent)
		return bankmux.ExchangeResult{}, failed[max(0, slices.IndexFunc(failed, unknown))]
	}
	res.Connection, res.More = made[0], made[1:]
	for _, err := range failed {
		res.Failed = append(res.Failed, bankmux.Failure{Err: bankmux.ErrorOf(err)})
	}
	return res, nil
}

// exchange exchanges one token and reads the Item. If the Item cannot be read, the connection is
// unverified, because an error would lose its token.
func (a *adapter) exchange(
	ctx context.Context, s *bankmux.Session, login addedItem, own bool,
) (bankmux.Connection, error) {
	if login.unreadable() {
		return bankmux.Connection{}, normalize.Unsent(unreadableResult())
	}
	got, err := publicTokenExchange.fetch(ctx, a.api, tokenRequest{PublicToken: login.PublicToken})
	if err != nil {
		return bankmux.Connection{}, err
	}
	connection := bankmux.NewFurtherConnection
	if own {
		connection = bankmux.NewConnection
	}
	conn := connection(*s, got.ItemID, bankmux.NewSecret(got.AccessToken))
	conn.Institution = bankmux.Institution{ID: login.Institution.ID, Name: login.Institution.Name, Country: s.Country}
	item, err := a.item(ctx, &conn)
	if err != nil {
		code := bankmux.ErrorOf(err).Code
		conn.Status = bankmux.Status{State: bankmux.StateUnverified, Code: code, At: conn.UpdatedAt}
		return conn, nil
	}
	item.Item.describe(&conn)
	return conn, nil
}

// item reads the Item of a connection.
func (a *adapter) item(ctx context.Context, conn *bankmux.Connection) (*itemResponse, error) {
	got, err := itemGet.ofItem(ctx, a.api, conn)
	if err == nil && got.Item.ItemID != conn.Reference() {
		return new(itemResponse), normalize.AboutAnother("Item")
	}
	return got, err
}

// readBack checks that the user finished the reconnect: the Item has no error, and a run of Link
// succeeded. An Item may also heal by itself, which renews no consent. A session that lost its link
// token cannot show its runs.
func (a *adapter) readBack(ctx context.Context, s *bankmux.Session) (bankmux.Connection, error) {
	old := s.Reconnect
	if old.Credential().IsZero() {
		return bankmux.Connection{}, normalize.LostByJSON(
			"the access token that it renews", ", or set ExchangeRequest.Connection")
	}
	got, err := a.item(ctx, old)
	status := got.Item.status()
	switch {
	case err != nil:
		return bankmux.Connection{}, err
	case status.State == bankmux.StateGone:
		return bankmux.Connection{}, gone(status)
	case status.State != bankmux.StateActive:
		return bankmux.Connection{}, normalize.Unfinished(status.Code)
	}
	if (!a.cfg.WithoutLinkEvents || noPayload(s)) && !s.Launch.Token.IsZero() {
		runs, err := a.sessions(ctx, s)
		if err != nil {
			return bankmux.Connection{}, err
		}
		if !slices.ContainsFunc(runs, linkSession.succeeded) {
			return bankmux.Connection{}, normalize.Unfinished("")
		}
	}
	conn := bankmux.NewConnection(*s, old.Reference(), old.Credential())
	conn.Institution.Country = cmp.Or(conn.Institution.Country, s.Country)
	got.Item.describe(&conn)
	return conn, nil
}

// gone is the error for a reconnect of an Item that was removed, which nothing restores.
func gone(status bankmux.Status) *bankmux.Error {
	return &bankmux.Error{Kind: bankmux.ErrGone, Code: status.Code, Detail: "a reconnect cannot restore the Item"}
}

// succeeded reports whether a run of Link in update mode ended with success. Without its results
// nothing shows how it ended. An exit of any form is one.
func (run linkSession) succeeded() bool {
	left := func(exit json.RawMessage) bool { return len(exit) > 0 && string(exit) != "null" }
	return run.OnSuccess != nil || slices.ContainsFunc(run.added(), addedItem.readable) ||
		run.Results.Value != nil && run.FinishedAt != "" && !left(run.Exit) && !left(run.OnExit)
}

// status is the status of an Item as of now.
func (i *itemData) status() bankmux.Status {
	if i.Error.Value == nil {
		return model.Status("", "")
	}
	return i.Error.Value.status()
}

// products are those that took effect, by Plaid's names.
func (i *itemData) products() []string {
	if i.Products.Value != nil {
		return i.Products.Value
	}
	return i.BilledProducts.Value
}

// describe makes the connection what the Item says. An Item does not say in which country its bank
// is.
func (i *itemData) describe(conn *bankmux.Connection) {
	conn.Institution.ID = cmp.Or(i.InstitutionID, conn.Institution.ID)
	conn.Institution.Name = cmp.Or(i.InstitutionName, conn.Institution.Name)
	conn.Status, conn.Products = i.status(), model.Products(i.products())
	conn.Consent = bankmux.Consent{}
	conn.Consent.ExpiresAt, _ = normalize.Timestamp(i.ConsentEnds)
}

// ConnectionStatus reads the Item, which Plaid also serves if it is broken.
func (a *adapter) ConnectionStatus(ctx context.Context, req bankmux.StatusRequest) (bankmux.StatusResult, error) {
	got, err := a.item(ctx, &req.Connection)
	if err != nil {
		return normalize.StatusAfter(req.Connection, err)
	}
	fresh := req.Connection
	got.Item.describe(&fresh)
	return bankmux.StatusResult{
		Connection: normalize.StatusRead(req.Connection, fresh),
		Products:   got.productStatuses(),
	}, nil
}

// productStatuses returns how fresh each product is. Plaid says it for what it fetches by itself.
func (r *itemResponse) productStatuses() []bankmux.ProductStatus {
	var all []bankmux.ProductStatus
	for _, p := range model.Products(r.Item.products()) {
		st := bankmux.ProductStatus{Product: p}
		switch p {
		case bankmux.ProductTransactions, bankmux.ProductEnrichment:
			r.Status.Transactions.fill(&st)
		case bankmux.ProductInvestments:
			r.Status.Investments.fill(&st)
		}
		all = append(all, st)
	}
	return all
}

// fill completes the status of a product. A failure after the last success is one of the bank,
// since Plaid does not say more.
func (u productUpdates) fill(st *bankmux.ProductStatus) {
	st.RefreshedAt, _ = normalize.Timestamp(u.Succeeded)
	failed, _ := normalize.Timestamp(u.Failed)
	st.AttemptedAt = st.RefreshedAt
	if failed.After(st.RefreshedAt) {
		st.AttemptedAt, st.Kind = failed, bankmux.ErrInstitution
	}
}

// Disconnect removes the Item. An Item that is gone already is a success.
func (a *adapter) Disconnect(ctx context.Context, req bankmux.DisconnectRequest) (bankmux.DisconnectResult, error) {
	_, err := itemRemove.ofItem(ctx, a.api, &req.Connection)
	return normalize.Disconnected(req.Connection, err)
}
