package connect

// This file has the logins at an institution's own page.

import (
	"crypto/rand"
	"net/url"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
	"github.com/bankmux/bankmux/virtualbank/internal/plaid"
)

// oauth prepares a login at the institution's own page. It returns the address of that page, once
// for a window of its own and once for the window of the application. The second is empty if the
// session has no address to return to.
func (s *Server) oauth(r *run, facts bank.VisitFacts) (popup, page string) {
	id := rand.Text()
	s.logins[id] = &oauthLogin{run: r}
	r.logins = append(r.logins, id)
	page = bankPath + "?login=" + id
	popup = page + "&popup=1"
	if facts.Redirect == "" {
		page = ""
	}
	return popup, page
}

// atBank carries out a step on the institution's own page.
func (s *Server) atBank(in request) View {
	l := s.logins[in.Login]
	if l == nil || l.run.ended || l.done {
		return expired()
	}
	r := l.run
	v := View{View: "bank", App: r.visit.Facts().App, Institution: &r.chosen, Hint: loginHint}
	switch in.Step {
	case "bank":
		return v
	case "deny":
		l.done, l.denied = true, true
	default:
		e := bank.Entry{Institution: r.chosen.ID, Username: in.Username, Password: in.Password}
		if e.Username == "" || e.Password == "" {
			v.Note = "Enter your user name and your password."
			return v
		}
		if _, err := r.visit.Enter(e); err != nil {
			v.Note = asTrouble(err).Text
			return v
		}
		l.done, r.entered = true, e
	}
	return View{View: "return", Return: s.returns(r, in.Login, in.Popup)}
}

// returns is where the institution's page sends the user. Plaid's Link takes the result of a window
// of its own without the application, as Plaid documents. MoneyKit's Connect always goes through
// the application.
func (s *Server) returns(r *run, login string, popup bool) string {
	target := r.visit.Facts().Redirect
	if popup && s.provider == plaid.Name || target == "" {
		target = returnPath
	}
	return withQuery(target, s.oauthKey, login)
}

// resume continues a run after the institution's own page. A page that was opened again names the
// session by its token.
func (s *Server) resume(in request) View {
	u, err := url.Parse(in.Redirect)
	if err != nil {
		u = &url.URL{}
	}
	l := s.logins[u.Query().Get(s.oauthKey)]
	switch {
	case l == nil || !l.done:
		return s.failed(s.pages.Stray(false, false))
	case l.processed || l.run.ended:
		return s.failed(s.pages.Stray(true, true))
	case in.Run != l.run.id && in.Token != l.run.token:
		return s.failed(s.pages.Stray(true, false))
	}
	l.processed = true
	r := l.run
	r.last = nil
	if l.denied {
		r.last = &bank.Trouble{Code: "user_oauth_denied", Text: "You did not give access at " + r.chosen.Name + "."}
		return s.show(r)
	}
	r.step = bank.StepConsent
	return s.show(r)
}
