package moneykit

// This file makes, checks and ends connections.

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/moneykit"
)

// ExchangeToken exchanges the token. After a reconnect it reads the link back.
func (a *adapter) ExchangeToken(
	ctx context.Context, req bankmux.ExchangeRequest,
) (res bankmux.ExchangeResult, err error) {
	link, err := a.linkOf(ctx, &req)
	if err == nil {
		err = connect(&req.Session, link, &res.Connection)
	}
	return res, err
}

// connect makes the connection of a session. The parts of a call are functions of their own, so
// that little is on the stack while it waits for its response.
//
//go:noinline
func connect(s *bankmux.Session, l *linkData, conn *bankmux.Connection) (err error) {
	*conn, err = connection(s, l)
	return err
}

// linkOf returns the link that the user made or renewed.
func (a *adapter) linkOf(ctx context.Context, req *bankmux.ExchangeRequest) (*linkData, error) {
	token, err := posted(req)
	if err != nil {
		return nil, err
	}
	if req.Session.Reconnect != nil {
		return a.readBack(ctx, &req.Session)
	}
	link, err := a.exchange(ctx, &req.Session, token)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(link.LinkTags, sessionTag(req.Session.ID)) {
		return nil, &bankmux.Error{
			Kind:   bankmux.ErrInvalid,
			Field:  "ExchangeRequest.Payload",
			Status: http.StatusCreated,
			Code:   bankmux.CodeOtherSession,
			Detail: "the token belongs to a link of another session",
		}
	}
	return link, nil
}

// posted returns the token that the front end posted. A reconnect has none.
func posted(req *bankmux.ExchangeRequest) (string, error) {
	fields, err := normalize.PayloadOf(*req, "accessCode")
	switch {
	case err != nil:
		return "", err
	case req.Session.Reconnect == nil:
		return normalize.PayloadToken(fields, "exchangeable_token")
	case fields.Has("exchangeable_token"):
		return "", normalize.OtherSession("has an exchangeable_token, which a reconnect does not")
	}
	return "", nil
}

// exchange sends the token once. If the response is lost, or says that the token is spent, the link
// may still exist. Then it is found by the session's tag.
func (a *adapter) exchange(ctx context.Context, s *bankmux.Session, token string) (*linkData, error) {
	sending, cancel := leaveTime(ctx)
	defer cancel()
	got := new(exchangeResponse)
	err := exchangeToken.into(sending, a.api, &rest.Request{JSON: exchangeBody{token}}, got)
	if err == nil {
		got.Link.LinkID = cmp.Or(got.Link.LinkID, got.LinkID)
		return got.Link, nil
	}
	return a.afterFailure(ctx, s, err)
}

// afterFailure finds the link of an exchange that failed, if there may be one.
func (a *adapter) afterFailure(ctx context.Context, s *bankmux.Session, err error) (*linkData, error) {
	if ctx.Err() != nil {
		return nil, err
	}
	if e := bankmux.ErrorOf(err); e != nil && e.Kind == bankmux.ErrContextDone { // the share of the exchange ended
		slow := *e
		slow.Kind = bankmux.ErrUnavailable
		err = &slow
	}
	if errors.Is(err, bankmux.ErrTokenSpent) || !bankmux.OutcomeKnown(err) {
		found, ok, unread := a.linkOfSession(ctx, s)
		switch {
		case ok:
			return found, nil
		// the token is spent, perhaps on a link of this session, but that is not known yet
		case unread != nil && bankmux.OutcomeKnown(err):
			return nil, &bankmux.Error{
				Kind:   bankmux.ErrUnavailable,
				Detail: "the token was used, and the links could not be read to see for which one",
				Err:    unread,
			}
		}
	}
	return nil, err
}

// leaveTime keeps a quarter of the time for finding the outcome of an exchange without a response.
func leaveTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/4*3)
}

// linkOfSession looks for a finished link with the session's tag among the user's.
func (a *adapter) linkOfSession(ctx context.Context, s *bankmux.Session) (*linkData, bool, error) {
	user, err := getUserLinks.fetch(ctx, a.api, ofUser(s.User))
	if err != nil {
		return nil, false, err
	}
	for _, l := range user.Links {
		finished := l.State == stateConnected || l.State == stateError
		if finished && l.LinkID != "" && slices.Contains(l.LinkTags, sessionTag(s.ID)) {
			return &l, true, nil
		}
	}
	return nil, false, nil
}

// readBack checks that the user finished the reconnect: the link works, and it was broken before or
// has this session's tag.
func (a *adapter) readBack(ctx context.Context, s *bankmux.Session) (*linkData, error) {
	linkID := s.Reconnect.Reference()
	if linkID == "" {
		return nil, normalize.LostByJSON(
			"the link that it renews", ", or set ExchangeRequest.Connection")
	}
	link, err := getLink.fetch(ctx, a.api, &rest.Request{PathParams: byID(linkID)})
	if err != nil {
		return nil, err
	}
	status := link.status()
	wasBroken := s.Reconnect.Status.State != bankmux.StateActive
	switch {
	case link.LinkID != linkID:
		return nil, normalize.AboutAnother("link")
	case status.State == bankmux.StateGone:
		return nil, &bankmux.Error{Kind: bankmux.ErrGone, Detail: "the link was deleted"}
	case status.State != bankmux.StateActive,
		!wasBroken && !slices.Contains(link.LinkTags, sessionTag(s.ID)):
		return nil, normalize.Unfinished(status.Code)
	}
	return &link, nil
}

// ConnectionStatus reads the link.
func (a *adapter) ConnectionStatus(ctx context.Context, req bankmux.StatusRequest) (bankmux.StatusResult, error) {
	conn := req.Connection
	link, err := getLink.fetch(ctx, a.api, ofLink(&conn, nil))
	if err != nil {
		return normalize.StatusAfter(conn, err)
	}
	s := bankmux.Session{ConnectionID: conn.ID, User: conn.User, Reconnect: &conn}
	fresh, err := connection(&s, &link)
	if err != nil {
		return bankmux.StatusResult{}, err
	}
	return bankmux.StatusResult{
		Connection: normalize.StatusRead(conn, fresh), Products: productStatuses(link.Products),
	}, nil
}

// Disconnect deletes the link.
func (a *adapter) Disconnect(ctx context.Context, req bankmux.DisconnectRequest) (bankmux.DisconnectResult, error) {
	_, err := deleteLink.fetch(ctx, a.api, ofLink(&req.Connection, nil))
	return normalize.Disconnected(req.Connection, err)
}

// connection returns the link in the model.
func connection(s *bankmux.Session, l *linkData) (bankmux.Connection, error) {
	at := l.institution()
	at.Country = s.Country
	return model.Connection(*s, bankmux.NewSecret(l.LinkID), at, l.status(), granted(l.Products))
}

// institution is the bank of a link. A link does not have its country.
func (l *linkData) institution() bankmux.Institution {
	return bankmux.Institution{ID: l.InstitutionID, Name: l.InstitutionName, LogoURL: l.InstitutionAvatar}
}

// status is the status of a link.
func (l *linkData) status() bankmux.Status { return model.Status(l.State, l.ErrorCode) }

// granted returns the names of the granted products, sorted.
func granted(products map[string]*linkProduct) []string {
	var names []string
	for name, p := range products {
		if p != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// productStatuses returns how fresh each granted product is.
func productStatuses(products map[string]*linkProduct) []bankmux.ProductStatus {
	names := granted(products)
	if len(names) == 0 {
		return nil
	}
	all := make([]bankmux.ProductStatus, 0, len(names))
	for _, name := range names {
		p := products[name]
		st := bankmux.ProductStatus{
			Product:           model.ProductOf(name),
			Unavailable:       p.Unavailable != "",
			UnavailableReason: normalize.Reason(p.Unavailable),
		}
		st.RefreshedAt, _ = normalize.Timestamp(p.RefreshedAt)
		st.AttemptedAt, _ = normalize.Timestamp(p.LastAttemptedAt)
		if code := p.ErrorCode; code != "" {
			e := model.ProductErrors().Error(normalize.Failure{Code: code})
			st.Kind, st.Code = e.Kind, e.Code
		}
		all = append(all, st)
	}
	return all
}
