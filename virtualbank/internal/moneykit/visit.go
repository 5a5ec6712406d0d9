package moneykit

// This file plays MoneyKit behind the pages of its Connect.

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// visit is a visit to Connect.
type visit struct {
	bank    *Provider
	token   string
	session *linkSession
}

// linkExitError is the error that Connect passes to onExit. Its ids are the bank's own choice. They
// are words of MoneyKit's link errors where one fits.
type linkExitError struct {
	ID        string  `json:"error_id"`
	Message   string  `json:"displayed_message"`
	RequestID *string `json:"request_id"`
}

// trouble returns what went wrong. MoneyKit passes to the page what the user cannot solve.
func trouble(code, text string, final bool) *bank.Trouble {
	t := &bank.Trouble{Code: code, Text: text, Final: final}
	if final {
		t.Wire = linkExitError{code, text, nil}
	}
	return t
}

// Visit opens Connect. The error is a [*bank.Trouble]. The bank's own choice: the page for renewals
// refuses a session for a new link. The page for new links takes a session that renews, and then
// passes no token on, as MoneyKit's package expects.
func (b *Provider) Visit(o bank.Opening) (bank.Visit, error) {
	b.Lock()
	defer b.Unlock()
	s, refused := b.session(ConnectInput{LinkSessionToken: o.Token})
	switch {
	case refused != nil:
		return nil, trouble("invalid_link_session", "This session is not valid. Start again in the application.", true)
	case o.Relink && s.existing == nil:
		return nil, trouble("invalid_link_session", "This session does not renew a connection.", true)
	case s.existing != nil && s.existing.state == bank.StateDeleted:
		return nil, trouble("link_deleted", "This connection was deleted.", true)
	}
	return &visit{b, o.Token, s}, nil
}

// Stray returns the error of a redirect that Connect cannot take.
func (*Provider) Stray(known, processed bool) *bank.Trouble {
	switch {
	case !known:
		return trouble("invalid_redirect", "This login is not known. Start again.", true)
	case processed:
		return trouble("invalid_redirect", "This login was used already.", true)
	}
	return trouble("invalid_redirect", "This login belongs to another session.", true)
}

// Facts returns what the session says.
func (v *visit) Facts() bank.VisitFacts {
	return bank.VisitFacts{Renewal: v.session.existing != nil, Redirect: v.session.redirect}
}

// Choices returns the institutions of the session, ordered by its countries.
func (v *visit) Choices() []bank.Choice {
	v.bank.Lock()
	defer v.bank.Unlock()
	if l := v.session.existing; l != nil {
		return []bank.Choice{choiceOf(l.institution)}
	}
	only := v.session.institution
	var all []bank.Choice
	for _, country := range v.session.countries {
		for _, at := range v.bank.Institutions {
			if at.MoneyKitID == "" || at.Country != country || only != "" && !at.MoneyKitGoesBy(only) {
				continue
			}
			if _, refused := v.bank.choose(v.session, at.MoneyKitID); refused == nil {
				all = append(all, choiceOf(at))
			}
		}
	}
	return all
}

func choiceOf(at bank.Institution) bank.Choice {
	return bank.Choice{
		ID: at.MoneyKitID, Name: at.Name, Country: at.Country, Domain: at.Domain,
		OAuth: at.Login == bank.LoginOAuth, Open: at.Login == bank.LoginNone,
	}
}

// Enter checks a login. A code is asked for the password [bank.PassDevice], and is that of Dapi's
// sandbox. Both are the bank's own choice.
func (v *visit) Enter(e bank.Entry) (string, error) {
	v.bank.Lock()
	defer v.bank.Unlock()
	at, refused := v.institution(e.Institution)
	switch {
	case refused != nil:
		return "", trouble("institution_error", refused.Reason, true)
	case v.bank.Outages[at.Name]:
		return "", trouble("institution_error", at.Name+" is not available. Try again later.", true)
	case at.Login == bank.LoginNone:
		return "", nil
	case e.AsksCode():
		return "123456", nil
	}
	in := ConnectInput{Username: e.Username, Password: e.Password}
	if v.bank.login(v.session, at, in) != nil {
		return "", trouble("invalid_credentials", "The user name or password is wrong.", false)
	}
	return "", nil
}

// institution returns the institution of a login.
func (v *visit) institution(id string) (bank.Institution, *bank.Refusal) {
	if l := v.session.existing; l != nil {
		return l.institution, nil
	}
	return v.bank.choose(v.session, id)
}

// words are the products in words for users.
var words = map[string]string{
	"account_numbers": "Account numbers", "identity": "Name and contact details",
	"transactions": "Transactions", "investments": "Investments",
}

// Offer returns the accounts that the user can share. A renewal cannot withdraw one, as MoneyKit
// documents.
func (v *visit) Offer(e bank.Entry) bank.Offer {
	v.bank.Lock()
	defer v.bank.Unlock()
	at, refused := v.institution(e.Institution)
	if refused != nil {
		return bank.Offer{}
	}
	offer := bank.Offer{
		Products: []string{"Accounts and balances"}, Accounts: []bank.Shareable{}, Select: bank.SelectAny,
	}
	products := v.session.products
	if len(products) == 0 {
		products = settableProducts()
	}
	for _, name := range products {
		if slices.Contains(at.Products, name) {
			offer.Products = append(offer.Products, words[name])
		}
	}
	book := v.book(at, e)
	for _, a := range book.Accounts {
		if v.session.permits(a) {
			shared := v.session.existing != nil && v.session.existing.shares(a)
			offer.Accounts = append(offer.Accounts, bank.Shareable{Name: a.Name, Mask: a.Mask, Shared: shared})
		}
	}
	switch {
	case v.session.existing != nil:
		offer.Select = bank.SelectMore
	case v.session.features["permit_only_one_account"]:
		offer.Select = bank.SelectOne
	}
	return offer
}

// book returns the book of a login.
func (v *visit) book(at bank.Institution, e bank.Entry) *bank.Book {
	if old := v.session.existing; old != nil {
		return old.book
	}
	return v.bank.bookOf(v.session, at, e.Username)
}

// Link ends the visit with a link or a renewal.
func (v *visit) Link(e bank.Entry, accounts []string, _ bool) (json.RawMessage, error) {
	e = e.Bare()
	outcome, err := v.bank.Link(ConnectInput{
		LinkSessionToken: v.token, InstitutionID: e.Institution, Username: e.Username, Password: e.Password,
		Accounts: accounts,
	})
	if refused, ok := errors.AsType[*bank.Refusal](err); ok {
		text := strings.ToUpper(refused.Reason[:1]) + refused.Reason[1:] + "."
		return nil, trouble("institution_error", text, true)
	}
	return outcome, err
}

// Finish does nothing, because a session has one link.
func (*visit) Finish() json.RawMessage { return nil }

// Leave returns the argument of onExit: null if the user only left.
func (*visit) Leave(_ bank.Step, _ bank.Entry, last *bank.Trouble) json.RawMessage {
	return last.Passed()
}

// Exit returns the same for a visit that does not open.
func (*Provider) Exit(t *bank.Trouble) json.RawMessage { return t.Passed() }
