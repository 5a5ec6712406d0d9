package bankhttp

// This file has the handlers that start and finish a link or a reconnect.

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
)

// started is the response of Link, Reconnect and Session.
type started struct {
	Session   string         `json:"session"`
	Launch    bankmux.Launch `json:"launch"`
	ExpiresAt time.Time      `json:"expires_at"`
}

// asked is what the bodies of Link and Reconnect ask for.
type asked struct {
	country     string
	institution bankmux.InstitutionRef
	language    string
}

func (in *asked) members() members {
	return members{"country": &in.country, "institution": &in.institution, "language": &in.language}
}

// askedFields are the members of the body by the field of a request for a session.
var askedFields = map[string]string{
	"SessionRequest.Country":     "country",
	"SessionRequest.Institution": "institution",
	"SessionRequest.Language":    "language",
}

// Link handles POST. It makes a session and returns what the browser needs for the provider's page.
// The body may name country, institution and language.
func (s *Service) Link() http.Handler {
	return s.user(http.MethodPost, "", func(ctx context.Context, r *request) (any, error) {
		var in asked
		if err := s.object(ctx, r, in.members()); err != nil {
			return nil, err
		}
		return s.start(ctx, r, in, nil)
	})
}

// Reconnect handles POST for a connection of the user, which the path names as {connection}. It
// makes a session that renews the connection. [Service.Finish] finishes it.
func (s *Service) Reconnect() http.Handler {
	return s.user(http.MethodPost, "connection", func(ctx context.Context, r *request) (any, error) {
		var in asked
		if err := s.object(ctx, r, in.members()); err != nil {
			return nil, err
		}
		conn, err := s.store.Connection(ctx, r.user, r.param)
		if err != nil {
			return nil, err
		}
		return s.start(ctx, r, in, &conn)
	})
}

// start makes a session and stores it before the browser gets it.
func (s *Service) start(ctx context.Context, r *request, in asked, old *bankmux.Connection) (any, error) {
	req := s.config.Session
	req.Products, req.Capabilities = slices.Clone(req.Products), slices.Clone(req.Capabilities)
	req.Tags, req.Options = slices.Clone(req.Tags), slices.Clone(req.Options) // PrepareSession may change them
	req.User, req.Reconnect = r.user, old
	req.Country, req.Institution = in.country, in.institution
	if old != nil { // the connection has its own
		req.Country, req.Institution = "", nil
	}
	if in.language != "" {
		req.Language = in.language
	}
	if s.config.PrepareSession != nil {
		if err := s.config.PrepareSession(r.http, &req); err != nil {
			return nil, err
		}
	}
	session, err := ask(ctx, s.config.Registry.CreateSession, req)
	if err != nil {
		return nil, of(err, askedFields, "")
	}
	if err := s.store.SaveSession(ctx, session); err != nil {
		return nil, err
	}
	s.remember(r, session)
	return started{session.ID, session.Launch, session.ExpiresAt}, nil
}

// Session handles GET for a session of the user, which the path names as {session}. It returns what
// Link returned, for a page that was loaded again before the end.
func (s *Service) Session() http.Handler {
	return s.user(http.MethodGet, "session", func(ctx context.Context, r *request) (any, error) {
		session, err := s.store.Session(ctx, bankmux.SessionRef{User: r.user, ID: r.param})
		if err != nil {
			return nil, err
		}
		return started{session.ID, session.Launch, session.ExpiresAt}, nil
	})
}

// linked is the response of Finish.
type linked struct {
	Connections []shown `json:"connections"`
	// Failed has a problem for each further bank of the run that did not become a connection.
	// Posting the payload again exchanges the rest.
	Failed []Problem `json:"failed,omitempty"`
}

// Finish handles POST of what the provider's page gave, as it is, for a session of the user that
// the path names as {session}. It returns the connections.
//
// A payload that is posted again finds its connection. A payload of another open session of the
// user, such as one of another tab, finishes that session. If the browser leaves, the exchange goes
// on.
func (s *Service) Finish() http.Handler {
	return s.user(http.MethodPost, "session", func(ctx context.Context, r *request) (any, error) {
		payload, err := s.body(ctx, r, maxPayload)
		if err != nil {
			return nil, err
		}
		ref := bankmux.SessionRef{User: r.user, ID: r.param}
		res, err := s.finish(ctx, ref, payload)
		if err != nil {
			return nil, of(err, nil, wholeBody)
		}
		out := linked{Connections: s.showLinked(ctx, r.user, res.All())}
		for _, f := range res.Failed {
			out.Failed = append(out.Failed, ProblemOf(f))
		}
		return out, nil
	})
}

// finish exchanges a payload for the connections of a session, and announces them.
func (s *Service) finish(
	ctx context.Context, ref bankmux.SessionRef, payload []byte,
) (bankmux.ExchangeResult, error) {
	if len(payload) > 0 { // some exchanges need none
		if _, err := bankmux.ParsePayload(payload); err != nil {
			return bankmux.ExchangeResult{}, err
		}
	}
	ctx, cancel := s.lasting(ctx)
	defer cancel()
	res, err := s.exchange(ctx, ref, payload)
	if e := bankmux.ErrorOf(err); e != nil && e.Kind == bankmux.ErrInvalid && e.Code == bankmux.CodeOtherSession {
		res, err = s.exchangeElsewhere(ctx, ref, payload, err)
	}
	if bankmux.KindOf(err) == bankmux.ErrTokenSpent {
		res, err = s.madeElsewhere(ctx, ref, payload, err)
	}
	if err != nil {
		return res, err
	}
	for _, conn := range res.All() {
		if err := s.announce(ctx, conn); err != nil {
			return res, err // posting again finds the connection and announces it
		}
	}
	return res, nil
}

// exchange makes the connections of a session, once.
func (s *Service) exchange(
	ctx context.Context, ref bankmux.SessionRef, payload []byte,
) (bankmux.ExchangeResult, error) {
	var session bankmux.Session
	got, kept := made{payload: payload}, true
	key := keyOf(ref, payload)
	res, err := s.store.Exchange(ctx, ref, payload, func(ctx context.Context) (bankmux.ExchangeResult, error) {
		if one, ok := s.held.get(key); ok {
			return one.res, nil
		}
		var err error
		if session, err = s.store.Session(ctx, ref); err != nil {
			return bankmux.ExchangeResult{}, err
		}
		res, err := s.exchangeToken(ctx, session, payload)
		if err == nil {
			got.res = res
			kept = s.held.put(key, got)
		}
		return res, err
	})
	if one, ok := s.held.get(key); ok {
		got = one
	}
	if !kept && err != nil && bankmux.KindOf(err) != bankmux.ErrNotFound {
		s.allStayOpen(ctx, key, got.res, err)
	}
	if bankmux.KindOf(err) == bankmux.ErrTokenSpent && session.ID != "" {
		s.dropped(ctx, key, got, res)
		return s.exchanged(ctx, session, err)
	}
	return s.settle(ctx, key, got, res, err)
}

// settle is the end of an exchange, which made got. What the store could not keep is stored in the
// background.
func (s *Service) settle(
	ctx context.Context, key exchangeKey, got made, stored bankmux.ExchangeResult, err error,
) (bankmux.ExchangeResult, error) {
	if err == nil {
		s.dropped(ctx, key, got, stored)
		s.stopIfIdle(ctx)
		return stored, nil
	}
	if got.res.Connection.ID != "" && s.neverStored(key, err) {
		if endErr := s.endAccess(ctx, key, got.res); endErr != nil {
			err = endErr // posting again tries it again
		} else {
			s.accessEnded(ctx, key, got)
			s.forgetEnded(ctx, key.ref.User)
		}
	}
	s.storeLater(key) //nolint:contextcheck // it goes on after the request, and no user waits for it
	return bankmux.ExchangeResult{}, err
}

// neverStored reports whether the store will not take the result of an exchange any more. Its user
// was deleted meanwhile, or its session has ended, such as by an operator who closed the exchange.
func (s *Service) neverStored(key exchangeKey, err error) bool {
	switch bankmux.KindOf(err) {
	case bankmux.ErrNotFound:
		return true
	case bankmux.ErrTokenSpent:
		_, ok := s.held.get(key) // or another request has settled it
		return ok
	}
	return false
}

// dropped forgets a result, because the store has one. It logs each access that the stored one
// lacks, such as a second one that another process opened, or one that the user ended meanwhile.
func (s *Service) dropped(ctx context.Context, key exchangeKey, got made, stored bankmux.ExchangeResult) {
	s.held.drop(key)
	for _, conn := range got.res.All() {
		has := func(one bankmux.Connection) bool { return one.Reference() == conn.Reference() }
		if conn.ID != "" && !slices.ContainsFunc(stored.All(), has) {
			s.log.LogAttrs(ctx, slog.LevelWarn, "bankhttp: an access was dropped, because another result was stored",
				slog.String("session", key.ref.ID))
		}
	}
}

// endAccess ends the access of connections that an exchange made and the store does not have.
func (s *Service) endAccess(ctx context.Context, key exchangeKey, made bankmux.ExchangeResult) error {
	var all []error
	for _, conn := range made.All() {
		stored, err := s.store.Connection(ctx, conn.User, conn.ID)
		if err == nil { // the session alone was deleted, or the connection was stored before
			if stored.Reference() != conn.Reference() { // at some providers the end of one would end both
				s.staysOpen(ctx, key, errOtherAccess)
			}
			continue
		}
		if bankmux.KindOf(err) == bankmux.ErrNotFound {
			err = s.disconnect(ctx, conn)
		}
		if err != nil {
			s.staysOpen(ctx, key, err)
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

// errOtherAccess is the reason why the access of a reconnect is not ended.
var errOtherAccess = errors.New("the connection has the access of an earlier login")

// staysOpen logs that an access did not end, and that no connection has it. The session is what a
// list of unfinished exchanges names.
func (s *Service) staysOpen(ctx context.Context, key exchangeKey, err error) {
	s.log.LogAttrs(ctx, slog.LevelError, "bankhttp: an access that nothing stores stays open",
		slog.String("session", key.ref.ID), slog.Any("error", err))
}

// allStayOpen logs that the store could not keep what an exchange made.
func (s *Service) allStayOpen(ctx context.Context, key exchangeKey, made bankmux.ExchangeResult, err error) {
	for range made.All() {
		s.staysOpen(ctx, key, err)
	}
}

// exchangeToken sends the exchange to the provider.
func (s *Service) exchangeToken(
	ctx context.Context, session bankmux.Session, payload []byte,
) (bankmux.ExchangeResult, error) {
	req := bankmux.ExchangeRequest{Session: session, User: session.User, Payload: bankmux.NewSecret(payload)}
	if session.Reconnect != nil { // the row as it is now: it may have changed since
		conn, err := s.store.Connection(ctx, session.User, session.ConnectionID)
		if err != nil {
			return bankmux.ExchangeResult{}, err
		}
		req.Connection = &conn
	}
	res, err := ask(ctx, s.config.Registry.ExchangeToken, req)
	if bankmux.LeftOpen(err) {
		s.log.LogAttrs(ctx, slog.LevelError, "bankhttp: a refused access stays open",
			slog.String("session", session.ID), slog.Any("error", err))
	}
	return res, err
}

// exchanged returns the connection that a session has made already, such as with another payload
// that a webhook brought. Without one it returns spent.
func (s *Service) exchanged(
	ctx context.Context, session bankmux.Session, spent error,
) (bankmux.ExchangeResult, error) {
	conn, err := s.store.Connection(ctx, session.User, session.ConnectionID)
	switch {
	case bankmux.KindOf(err) == bankmux.ErrNotFound:
		return bankmux.ExchangeResult{}, spent
	case err != nil:
		return bankmux.ExchangeResult{}, err
	case conn.LinkedAt.Before(session.CreatedAt):
		return bankmux.ExchangeResult{}, spent // of an earlier session
	}
	return bankmux.ExchangeResult{Connection: conn}, nil
}

// maxTries bounds with how many other sessions of the user a payload is tried.
const maxTries = 8

// exchangeElsewhere tries the user's other open sessions with a payload that is of none that was
// tried before. It stops at the one whose provider decides about the payload. If it fits none, it
// returns the error of the first.
func (s *Service) exchangeElsewhere(
	ctx context.Context, not bankmux.SessionRef, payload []byte, first error,
) (bankmux.ExchangeResult, error) {
	all, err := s.store.Sessions(ctx, not.User)
	if err != nil {
		return bankmux.ExchangeResult{}, err
	}
	tries := 0
	for i := range all {
		session := &all[i]
		if session.ID == not.ID {
			continue
		}
		if tries++; tries > maxTries {
			break
		}
		res, err := s.exchange(ctx, session.Ref(), payload)
		e := bankmux.ErrorOf(err)
		if e == nil || e.Kind != bankmux.ErrInvalid || !e.NotSent && e.Code != bankmux.CodeOtherSession {
			return res, err
		}
	}
	return bankmux.ExchangeResult{}, first
}

// madeElsewhere returns the connections that another session of the user made with a payload whose
// token is spent. Without one it returns spent. It sends nothing.
func (s *Service) madeElsewhere(
	ctx context.Context, not bankmux.SessionRef, payload []byte, spent error,
) (bankmux.ExchangeResult, error) {
	all, err := s.store.Sessions(ctx, not.User)
	if err != nil {
		return bankmux.ExchangeResult{}, err
	}
	all = slices.DeleteFunc(all, func(one bankmux.Session) bool { return one.ID == not.ID })
	for i := range all[:min(len(all), maxTries)] {
		key := keyOf(all[i].Ref(), payload)
		one, holds := s.held.get(key) // an error would end its exchange, and it may be lost then
		res, err := s.store.Exchange(ctx, key.ref, payload,
			func(context.Context) (bankmux.ExchangeResult, error) {
				if holds {
					return one.res, nil
				}
				return bankmux.ExchangeResult{}, &bankmux.Error{Kind: bankmux.ErrTokenSpent, NotSent: true}
			})
		if err == nil && holds {
			s.dropped(ctx, key, one, res)
		}
		if err == nil || errors.Is(err, KindStore) || errors.Is(err, bankmux.ErrNotReady) {
			return res, err
		}
	}
	return bankmux.ExchangeResult{}, spent
}

// announce puts the first sync of a connection into the queue, and calls Config.Linked. It has time
// of its own, because the connection is stored, and perhaps no one posts the payload again.
func (s *Service) announce(ctx context.Context, conn bankmux.Connection) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeFor)
	defer cancel()
	err := s.store.Queue(ctx, bankmux.Event{
		Kind: bankmux.EventTransactionsAvailable, Name: EventLinked, Client: conn.Client, Provider: conn.Provider,
		Key: "linked/" + conn.ID + "/" + conn.LinkedAt.UTC().Format(time.RFC3339Nano), At: conn.LinkedAt,
		ReferenceKey: conn.ReferenceKey,
	})
	if err == nil && s.config.Linked != nil {
		s.isolated(ctx, "Config.Linked", func() { s.config.Linked(ctx, conn) })
	}
	return err
}
