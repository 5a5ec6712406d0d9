package dapi

// This file plays Dapi behind the pages of its Connect.

import (
	"encoding/json"
	"errors"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// visit is a visit to Connect.
type visit struct {
	bank *Provider
	in   ConnectInput
}

// failure is the argument of onFailure. Dapi does not document its form, so this one is the bank's
// own choice. A user who leaves makes it null.
type failure struct {
	Type string `json:"type"`
	Msg  string `json:"msg"`
}

func trouble(kind, text string, final bool) *bank.Trouble {
	t := &bank.Trouble{Code: kind, Text: text, Final: final}
	if final {
		t.Wire = failure{kind, text}
	}
	return t
}

// Visit opens Connect. The error is a [*bank.Trouble].
func (b *Provider) Visit(o bank.Opening) (bank.Visit, error) {
	in := ConnectInput{AppKey: o.AppKey, Countries: o.Countries, Environment: o.Environment}
	if refused := b.admit(in); refused != nil {
		return nil, trouble(typeInvalidArgs, "The application is not known: "+refused.Reason+".", true)
	}
	v := &visit{b, in}
	if len(v.Choices()) == 0 {
		return nil, trouble(typeInvalidArgs, "There is no bank in the countries of the application.", true)
	}
	return v, nil
}

// Stray returns the error of a redirect. Dapi's Connect has none.
func (*Provider) Stray(bool, bool) *bank.Trouble {
	return trouble(typeInvalidArgs, "This login is not known. Start again.", true)
}

// Facts is empty. Dapi's Connect has no redirects and no renewals: the user links again.
func (*visit) Facts() bank.VisitFacts { return bank.VisitFacts{} }

// Choices returns the institutions of the countries.
func (v *visit) Choices() []bank.Choice {
	var all []bank.Choice
	for _, at := range v.bank.Institutions {
		if at.DapiID == "" {
			continue
		}
		in := v.in
		if in.InstitutionID = at.DapiID; in.Environment == "production" {
			in.InstitutionID = at.DapiProductionID
		}
		if _, refused := v.bank.choose(in); refused == nil {
			all = append(all, bank.Choice{
				ID: in.InstitutionID, Name: at.Name, Country: at.Country, Domain: at.Domain,
			})
		}
	}
	return all
}

// Enter checks a login. Institutions that ask for a one-time password before they return data ask
// for one here too.
func (v *visit) Enter(e bank.Entry) (string, error) {
	v.bank.Lock()
	defer v.bank.Unlock()
	at, refused := v.institution(e)
	switch {
	case refused != nil:
		return "", trouble(typeInvalidArgs, refused.Reason, true)
	case v.bank.Outages[at.Name]:
		return "", trouble(typeUnknown, at.Name+" is not available. Try again later.", true)
	case !e.AsksCode() && !v.bank.Knows(e.Username, e.Password):
		return "", trouble(typeInvalidLogin, "The user name or password is wrong.", false)
	case at.AsksOTP || e.AsksCode():
		return answerTo("otp"), nil
	}
	return "", nil
}

func (v *visit) institution(e bank.Entry) (bank.Institution, *bank.Refusal) {
	in := v.in
	in.InstitutionID = e.Institution
	return v.bank.choose(in)
}

// Offer returns the accounts and cards of the login. The user shares them all, because no source
// shows a choice.
func (v *visit) Offer(e bank.Entry) bank.Offer {
	v.bank.Lock()
	defer v.bank.Unlock()
	offer := bank.Offer{
		Products: []string{"Name and contact details", "Accounts and balances", "Transactions"},
		Accounts: []bank.Shareable{}, Select: bank.SelectNone,
	}
	if at, refused := v.institution(e); refused == nil {
		for _, a := range v.bank.Open(at, e.Username).Accounts {
			offer.Accounts = append(offer.Accounts, bank.Shareable{Name: a.Name, Mask: a.Mask})
		}
	}
	return offer
}

// Link ends the visit with a connection.
func (v *visit) Link(e bank.Entry, _ []string, _ bool) (json.RawMessage, error) {
	e, in := e.Bare(), v.in
	in.InstitutionID, in.Username, in.Password = e.Institution, e.Username, e.Password
	payload, err := v.bank.Link(in)
	if refused, ok := errors.AsType[*bank.Refusal](err); ok {
		return nil, trouble(typeUnknown, refused.Reason, true)
	}
	return payload, err
}

// Finish does nothing, because a visit makes one connection.
func (*visit) Finish() json.RawMessage { return nil }

// Leave returns the argument of onFailure.
func (*visit) Leave(_ bank.Step, _ bank.Entry, last *bank.Trouble) json.RawMessage {
	return last.Passed()
}

// Exit returns the same for a visit that does not open.
func (*Provider) Exit(t *bank.Trouble) json.RawMessage { return t.Passed() }
