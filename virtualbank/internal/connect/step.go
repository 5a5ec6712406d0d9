package connect

// This file carries out the steps of a user.

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// request is what a page sends for a step.
type request struct {
	bank.Opening

	Run         string   `json:"run"`
	Step        string   `json:"step"`
	Institution string   `json:"institution"`
	Username    string   `json:"username"`
	Password    string   `json:"password"`
	Code        string   `json:"code"`
	Accounts    []string `json:"accounts"`
	More        bool     `json:"more"`
	Redirect    string   `json:"redirect"` // the address that an institution's own page returned to
	Login       string   `json:"login"`    // the id of a login at an institution's own page
	Popup       bool     `json:"popup"`    // the institution's page is in a window of its own
}

// View is what a page shows next.
type View struct {
	Run     string `json:"run,omitempty"`
	View    string `json:"view"`
	App     string `json:"app,omitempty"`
	Renewal bool   `json:"renewal,omitempty"`
	Relink  bool   `json:"relink,omitempty"`
	Note    string `json:"note,omitempty"` // what went wrong, for the user
	Code    string `json:"code,omitempty"` // the provider's word for it
	Final   bool   `json:"final,omitempty"`

	Hint string `json:"hint,omitempty"` // what works in tests

	Institutions []bank.Choice `json:"institutions,omitempty"`
	Institution  *bank.Choice  `json:"institution,omitempty"`
	CanGoBack    bool          `json:"can_go_back,omitempty"`
	Popup        string        `json:"popup,omitempty"` // the institution's page, for a window of its own
	Page         string        `json:"page,omitempty"`  // the same, for the window of the application
	Offer        *bank.Offer   `json:"offer,omitempty"`
	Linked       []string      `json:"linked,omitempty"`

	Result     json.RawMessage `json:"result,omitempty"`     // of a visit that ended
	Completion string          `json:"completion,omitempty"` // where Plaid's own page returns to
	Return     string          `json:"return,omitempty"`     // where the institution's page returns to
}

// do carries out a step and returns what the page shows next.
func (s *Server) do(in request) View {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch in.Step {
	case "open":
		return s.open(in)
	case "resume":
		return s.resume(in)
	case "bank", "approve", "deny":
		return s.atBank(in)
	}
	r := s.runs[in.Run]
	if r == nil || r.ended {
		return expired()
	}
	switch in.Step {
	case "choose":
		return s.choose(r, in.Institution)
	case "back":
		r.step, r.chosen, r.last, r.code = bank.StepChoose, bank.Choice{}, nil, ""
		return s.show(r)
	case "login":
		return s.login(r, in)
	case "code":
		return s.answer(r, in.Code)
	case "consent":
		return s.link(r, in.Accounts)
	case "finish":
		if r.step == bank.StepMore {
			return s.end(r, "done", r.visit.Finish())
		}
	case "leave":
		return s.end(r, "left", r.visit.Leave(r.step, r.entered, r.last))
	}
	return s.show(r)
}

// expired returns the view of a page that the bank does not know any more.
func expired() View {
	return View{View: "failed", Note: "This page has expired. Start again in the application.", Final: true}
}

// loginHint is a login that works at every institution.
const loginHint = bank.UserGood + ", " + bank.PassGood

// open starts a run.
func (s *Server) open(in request) View {
	visit, err := s.pages.Visit(in.Opening)
	if err != nil {
		return s.failed(err)
	}
	r := &run{token: in.Token, relink: in.Relink, visit: visit, choices: visit.Choices(), step: bank.StepChoose}
	s.add(r)
	if len(r.choices) == 1 {
		return s.choose(r, r.choices[0].ID)
	}
	return s.show(r)
}

// failed returns the view of a visit that did not open. The page passes the result on when the user
// leaves.
func (s *Server) failed(err error) View {
	t := asTrouble(err)
	return View{View: "failed", Note: t.Text, Code: t.Code, Final: true, Result: s.pages.Exit(t)}
}

// show returns the view of the step.
func (s *Server) show(r *run) View {
	facts := r.visit.Facts()
	v := View{
		Run: r.id, View: string(r.step), App: facts.App, Renewal: facts.Renewal, Relink: r.relink, Linked: r.linked,
	}
	if r.last != nil {
		v.Note, v.Code, v.Final = r.last.Text, r.last.Code, r.last.Final
	}
	if r.chosen.ID != "" {
		v.Institution, v.CanGoBack = &r.chosen, len(r.choices) > 1
	}
	if v.Final {
		v.View = "failed"
		return v
	}
	switch r.step {
	case bank.StepChoose:
		v.Institutions = append([]bank.Choice{}, r.choices...)
	case bank.StepOAuth:
		v.Popup, v.Page = s.oauth(r, facts)
	case bank.StepConsent:
		offer := r.visit.Offer(r.entered)
		v.Offer = &offer
	case bank.StepLogin:
		v.Hint = loginHint
	case bank.StepCode:
		v.Hint = r.code
	}
	return v
}

// choose continues at an institution.
func (s *Server) choose(r *run, id string) View {
	i := slices.IndexFunc(r.choices, func(c bank.Choice) bool { return c.ID == id })
	if i < 0 {
		return s.show(r)
	}
	r.chosen, r.entered, r.last, r.code = r.choices[i], bank.Entry{Institution: id}, nil, ""
	switch {
	case r.chosen.OAuth:
		r.step = bank.StepOAuth
	case r.chosen.Open:
		return s.enter(r, bank.Entry{Institution: id})
	default:
		r.step = bank.StepLogin
	}
	return s.show(r)
}

// login takes a user name and a password.
func (s *Server) login(r *run, in request) View {
	if r.step != bank.StepLogin && r.step != bank.StepCode {
		return s.show(r)
	}
	if in.Username == "" || in.Password == "" {
		r.last = &bank.Trouble{Text: "Enter your user name and your password."}
		return s.show(r)
	}
	return s.enter(r, bank.Entry{Institution: r.chosen.ID, Username: in.Username, Password: in.Password})
}

// enter checks a login, and continues with the code or the consent.
func (s *Server) enter(r *run, e bank.Entry) View {
	code, err := r.visit.Enter(e)
	r.last, r.code = nil, code
	switch {
	case err != nil:
		r.last = asTrouble(err)
	case code != "":
		r.entered, r.step = e, bank.StepCode
	default:
		r.entered, r.step = e, bank.StepConsent
	}
	return s.show(r)
}

// asTrouble returns the trouble of a provider's error.
func asTrouble(err error) *bank.Trouble {
	if t, ok := errors.AsType[*bank.Trouble](err); ok {
		return t
	}
	return &bank.Trouble{Text: "Something went wrong at the bank.", Final: true}
}

// answer takes a code. A wrong one can be entered again, as often as the user likes, which is the
// bank's own choice.
func (s *Server) answer(r *run, code string) View {
	if r.step != bank.StepCode {
		return s.show(r)
	}
	r.last = nil
	if code != r.code {
		r.last = &bank.Trouble{Code: "INVALID_MFA", Text: "The code is wrong. Try again."}
		return s.show(r)
	}
	r.step = bank.StepConsent
	return s.show(r)
}

// link ends the run with the accounts that the user shares.
func (s *Server) link(r *run, accounts []string) View {
	if r.step != bank.StepConsent {
		return s.show(r)
	}
	offer := r.visit.Offer(r.entered)
	if offer.Select == bank.SelectAny || offer.Select == bank.SelectOne {
		if len(accounts) == 0 || offer.Select == bank.SelectOne && len(accounts) != 1 {
			r.last = &bank.Trouble{Text: "Choose an account."}
			return s.show(r)
		}
		if len(accounts) == len(offer.Accounts) && offer.Select == bank.SelectAny {
			accounts = nil // all, and those to come
		}
	}
	if offer.Select == bank.SelectNone {
		accounts = nil
	}
	several := r.visit.Facts().Several
	result, err := r.visit.Link(r.entered, accounts, several)
	if err != nil {
		r.last = asTrouble(err)
		return s.show(r)
	}
	r.linked = append(r.linked, r.chosen.Name)
	r.last = nil
	if several {
		r.step = bank.StepMore
		return s.show(r)
	}
	return s.end(r, "done", result)
}

// end ends a run.
func (s *Server) end(r *run, view string, result json.RawMessage) View {
	r.ended = true
	v := View{
		Run: r.id, View: view, Relink: r.relink, Result: result, Completion: r.visit.Facts().Completion,
	}
	if r.chosen.ID != "" {
		v.Institution = &r.chosen
	}
	return v
}

// withQuery returns an address with a member of the query more.
func withQuery(address, name, value string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}
