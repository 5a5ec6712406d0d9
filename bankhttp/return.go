package bankhttp

// This file handles the browser that comes back from a page of a provider or a bank.

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/httpbody"
)

// cookieName is the cookie with the id of the session whose page the browser was sent to. The id
// opens nothing: only the session's user can use it.
const cookieName = "bankmux_session"

// remember sets the cookie for a flow that may end in a redirect. The browser sends it to the
// address of that redirect alone.
func (s *Service) remember(r *request, session bankmux.Session) {
	path, public := "/", cmp.Or(session.RedirectURI, s.config.PublicURL)
	if back, err := url.Parse(session.RedirectURI); err == nil && back.Path != "" {
		path = back.EscapedPath()
	}
	http.SetCookie(r.w, &http.Cookie{ //nolint:gosec // Secure unless the application is served by plain HTTP
		Name: cookieName, Value: session.ID, Path: path, Expires: session.ExpiresAt,
		Secure:   r.http.TLS != nil || strings.HasPrefix(public, "https:"),
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// Return handles GET of a browser that comes back from another page. Set its address as
// [bankmux.SessionRequest.RedirectURI]; [Config.PublicURL] does it. It always sends the browser on
// to [Config.ReturnTo], with these query parameters:
//
//	session     the id of the session
//	connection  after a hosted flow that made or renewed a connection: its id
//	return      after any other flow: the whole address, for resume of the launcher
//	problem     the Kind of the Problem, if something failed
//
// If the provider's flow is a hosted one ([bankmux.Launch.URL]), Return exchanges the query for the
// connection. It exchanges nothing of a query with a malformed part: problem is then
// [bankmux.ErrInvalid]. If no user is logged in, problem is [KindNoUser] and return is the whole
// address. Send the browser there again after the login. Give the cookie of your login session
// SameSite=Lax, since a browser that comes from a bank does not send a strict one.
//
// The query does not name the session, so a cookie of [Service.Link] does. The browser has one for
// all tabs, which names the newest session. A hosted flow of another tab finds its own, because
// Return tries the user's other open sessions. In any other flow the page must know the session of
// its tab, such as in sessionStorage. The parameter session is for a page that has lost it.
func (s *Service) Return() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			refuseMethod(w, r, http.MethodGet)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.config.HandleFor)
		defer cancel()
		req, to := &request{http: r, w: w}, url.Values{}
		_, err := s.handle(ctx, req, func(ctx context.Context, r *request) (any, error) {
			return nil, s.back(ctx, r, to)
		})
		httpbody.CloseUnread(w, r)
		if err != nil {
			kind := s.problem(ctx, req, err).Kind
			to.Set("problem", string(kind))
			if kind == KindNoUser {
				to.Set("return", s.addressOf(r, s.sessionOfCookie(ctx, r)))
			}
		}
		s.sendOn(w, r, to)
	})
}

// back finishes a hosted flow. It adds to the query of the page that the browser is sent to.
func (s *Service) back(ctx context.Context, r *request, to url.Values) error {
	session, err := s.returning(ctx, r)
	if err != nil {
		return err
	}
	to.Set("session", session.ID)
	if session.Launch.URL.IsZero() {
		to.Set("return", s.addressOf(r.http, session))
		return nil
	}
	query, err := queryIn(r.http)
	if err != nil {
		return err
	}
	payload, err := bankmux.PayloadFromQuery(query)
	if err != nil {
		return err
	}
	res, err := s.finish(ctx, session.Ref(), payload)
	if err != nil {
		return err
	}
	to.Set("connection", res.Connection.ID)
	return nil
}

// returning returns the session of the browser, the user's newest one if nothing names it.
func (s *Service) returning(ctx context.Context, r *request) (bankmux.Session, error) {
	if cookie, err := r.http.Cookie(cookieName); err == nil && cookie.Value != "" {
		session, err := s.store.Session(ctx, bankmux.SessionRef{User: r.user, ID: cookie.Value})
		if kind := bankmux.KindOf(err); kind != bankmux.ErrNotFound && kind != bankmux.ErrTokenSpent {
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

// sessionOfCookie returns the session of a browser in which no user is logged in, and a zero one if
// there is none.
func (s *Service) sessionOfCookie(ctx context.Context, r *http.Request) (session bankmux.Session) {
	if cookie, err := r.Cookie(cookieName); err == nil && cookie.Value != "" {
		session, _ = s.store.FindSession(ctx, cookie.Value)
	}
	return session
}

// addressOf returns the address to which the other page sent the browser.
func (s *Service) addressOf(r *http.Request, session bankmux.Session) string {
	return cmp.Or(session.RedirectURI, s.config.Session.RedirectURI, r.URL.Path) + "?" + r.URL.RawQuery
}

// sendOn redirects the browser to the application's page.
func (s *Service) sendOn(w http.ResponseWriter, r *http.Request, query url.Values) {
	to := s.returnTo
	all := to.Query()
	for name := range query {
		all.Set(name, query.Get(name))
	}
	to.RawQuery = all.Encode()
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer") // the query of this address must not be passed on
	h.Set("X-Content-Type-Options", "nosniff")
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}
