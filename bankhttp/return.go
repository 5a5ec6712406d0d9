package bankhttp

// This file handles the browser that comes back from a page of a provider or a bank.

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/bankmux/bankmux"
)

// cookieName is the cookie with the id of the session whose page the browser was sent to. The id
// opens nothing: only the session's user can use it.
const cookieName = "bankmux_session"

// remember sets the cookie for a flow that ends in a redirect.
func (s *Service) remember(r *request, session bankmux.Session) {
	http.SetCookie(r.w, &http.Cookie{
		Name: cookieName, Value: session.ID, Path: s.prefix + "/", Expires: session.ExpiresAt,
		Secure:   r.http.TLS != nil || strings.HasPrefix(s.config.PublicURL, "https:"),
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// Return handles GET of a browser that comes back from another page. Set its address as
// [bankmux.SessionRequest.RedirectURI]; [Config.PublicURL] does it.
//
// If the provider's flow is a hosted one ([bankmux.Launch.URL]), it exchanges the query for the
// connection. Then it sends the browser to [Config.ReturnTo] with session and connection in the
// query, or with the [Problem.Kind] as problem. For other flows it sends the browser there with
// session and return, which is the whole address. The page passes that to the launcher.
//
// The query does not name the session, so a cookie of [Service.Link] does. Without the cookie, and
// if it names the session of another tab, Return tries the user's other open sessions.
func (s *Service) Return() http.Handler {
	return s.user(http.MethodGet, func(ctx context.Context, r *request) (any, error) {
		session, err := s.returning(ctx, r)
		if err != nil {
			return nil, err
		}
		to := url.Values{"session": {session.ID}}
		if session.Launch.URL.IsZero() {
			to.Set("return", s.addressOf(r.http))
			return nil, s.sendBack(r, to)
		}
		payload, err := bankmux.PayloadFromQuery(r.http.URL.Query())
		var res bankmux.ExchangeResult
		if err == nil {
			res, err = s.finish(ctx, session.Ref(), payload)
		}
		if err != nil {
			to.Set("problem", string(s.problem(ctx, r, err).Kind))
		} else {
			to.Set("connection", res.Connection.ID)
		}
		return nil, s.sendBack(r, to)
	})
}

// returning returns the session of the browser, the user's newest one if nothing names it.
func (s *Service) returning(ctx context.Context, r *request) (bankmux.Session, error) {
	if cookie, err := r.http.Cookie(cookieName); err == nil && cookie.Value != "" {
		session, err := s.store.Session(ctx, bankmux.SessionRef{User: r.user, ID: cookie.Value})
		if bankmux.KindOf(err) != bankmux.ErrNotFound {
			return session, err
		}
	}
	all, err := s.store.Sessions(ctx, r.user)
	if err != nil {
		return bankmux.Session{}, err
	}
	if len(all) == 0 {
		return bankmux.Session{}, bankmux.ErrNotFound
	}
	return all[0], nil
}

// addressOf returns the address to which the provider sent the browser.
func (s *Service) addressOf(r *http.Request) string {
	return s.config.Session.RedirectURI + "?" + r.URL.RawQuery
}

// sendBack redirects the browser to the application's page.
func (s *Service) sendBack(r *request, query url.Values) error {
	to, err := url.Parse(s.config.ReturnTo)
	if err != nil {
		return err
	}
	all := to.Query()
	for name := range query {
		all.Set(name, query.Get(name))
	}
	to.RawQuery = all.Encode()
	h := r.w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer") // the query of this address must not be passed on
	h.Set("X-Content-Type-Options", "nosniff")
	http.Redirect(r.w, r.http, to.String(), http.StatusSeeOther)
	return nil
}
