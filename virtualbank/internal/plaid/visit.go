package plaid

// This file plays Plaid behind the pages of Link.

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// visit is a visit to Link.
type visit struct {
	bank    *Provider
	token   *linkToken
	session *linkSession
}

// exitError is the error that Link passes to onExit.
type exitError struct {
	Type    string `json:"error_type"`
	Code    string `json:"error_code"`
	Message string `json:"error_message"`
	Display any    `json:"display_message"`
}

// trouble returns an error as Link shows it and passes it on.
func (c code) trouble(message string, final bool) *bank.Trouble {
	text := c.display
	if text == "" {
		text = "The bank reports: " + message + "."
	}
	return &bank.Trouble{
		Code: c.name, Text: text, Final: final, Wire: exitError{c.kind, c.name, message, bank.Nullable(c.display)},
	}
}

// The codes of Link that no call of the API returns.
var (
	oauthUnknown = code{
		kind: "OAUTH_ERROR", name: "OAUTH_STATE_ID_NOT_FOUND", display: "This login is not known. Start again.",
	}
	oauthProcessed = code{
		kind: "OAUTH_ERROR", name: "OAUTH_STATE_ID_ALREADY_PROCESSED", display: "This login was used already.",
	}
	oauthOtherToken = code{
		kind: "OAUTH_ERROR", name: "INCORRECT_LINK_TOKEN", display: "This login belongs to another session.",
	}
)

// Stray returns the error of a redirect that Link cannot take.
func (*Provider) Stray(known, processed bool) *bank.Trouble {
	switch {
	case !known:
		return oauthUnknown.trouble("the oauth_state_id is not known", true)
	case processed:
		return oauthProcessed.trouble("the oauth_state_id was processed already", true)
	}
	return oauthOtherToken.trouble("the link_token is not that of the redirect", true)
}

// Exit returns error and metadata of onExit for a visit that does not open. Its metadata is the
// bank's own choice.
func (*Provider) Exit(t *bank.Trouble) json.RawMessage {
	return passed(map[string]any{"error": t.Wire, "metadata": map[string]any{
		"institution": nil, "status": nil, "link_session_id": nil, "request_id": nil,
	}})
}

// passed returns error and metadata of an exit as JSON.
func passed(exit map[string]any) json.RawMessage {
	raw, err := json.Marshal(exit)
	if err != nil {
		panic(err) // it has only texts
	}
	return raw
}

// Visit opens Link. The error is a [*bank.Trouble].
func (b *Provider) Visit(o bank.Opening) (bank.Visit, error) {
	b.Lock()
	defer b.Unlock()
	text := o.Token
	if o.Hosted != "" {
		text = tokenPrefix + o.Hosted
	}
	t, refused := b.openToken(ConnectInput{LinkToken: text})
	switch {
	case refused != nil || o.Hosted != "" && !t.hosted:
		c := badLinkToken
		c.display = "This session is not valid. Start again in the application."
		return nil, c.trouble("the provided link token is invalid or has expired", true)
	case t.existing != nil && t.existing.state == bank.StateDeleted:
		return nil, itemNotFound.trouble("the Item of this session was removed", true)
	}
	return &visit{b, t, b.openSession(t)}, nil
}

// Facts returns what the session says.
func (v *visit) Facts() bank.VisitFacts {
	return bank.VisitFacts{
		App: v.token.clientName, Renewal: v.token.existing != nil, Several: v.token.multi && v.token.existing == nil,
		Redirect: v.token.redirect, Completion: v.token.completion,
	}
}

// Choices returns the institutions of the session, ordered by its countries.
func (v *visit) Choices() []bank.Choice {
	v.bank.Lock()
	defer v.bank.Unlock()
	if it := v.token.existing; it != nil {
		return []bank.Choice{choiceOf(it.institution)}
	}
	var all []bank.Choice
	for _, country := range v.token.countries {
		for _, at := range v.bank.Institutions {
			if at.PlaidID == "" || at.Country != country {
				continue
			}
			if _, refused := v.bank.choose(v.token, at.PlaidID); refused == nil {
				all = append(all, choiceOf(at))
			}
		}
	}
	return all
}

func choiceOf(at bank.Institution) bank.Choice {
	return bank.Choice{ID: at.PlaidID, Name: at.Name, Country: at.Country, Domain: at.Domain, OAuth: at.OAuth}
}

// Enter checks a login. The password mfa_device makes Plaid's sandbox ask for the code 1234.
func (v *visit) Enter(e bank.Entry) (string, error) {
	v.bank.Lock()
	defer v.bank.Unlock()
	at, refused := v.institution(e)
	if refused != nil {
		return "", noInstitution.trouble(refused.Reason, true)
	}
	if it := v.token.existing; it != nil && e.Username != it.book.Username {
		c := code{kind: "ITEM_ERROR", name: "INVALID_UPDATED_USERNAME"}
		c.display = "Use the user name of this connection."
		return "", c.trouble("the username changed", false)
	}
	bare := e
	if !at.OAuth {
		bare = e.Bare()
	}
	why, message := v.bank.loginError(at, bare.Username, bare.Password)
	switch {
	case why.name == "" && bare != e:
		return "1234", nil
	case why.name == "":
		return "", nil
	}
	v.bank.note(v.session, "ERROR")
	return "", why.trouble(message, why.name != wrongLogin.name)
}

func (v *visit) institution(e bank.Entry) (bank.Institution, *bank.Refusal) {
	if it := v.token.existing; it != nil {
		return it.institution, nil
	}
	return v.bank.choose(v.token, e.Institution)
}

// words are the products in words for users.
var words = map[string]string{
	"auth": "Account numbers", "identity": "Name and contact details", "transactions": "Transactions",
	"investments": "Investments", "liabilities": "Loans and credit cards",
}

// Offer returns the accounts that the filters of the session show. In update mode the user chooses
// among them if the session has account selection.
func (v *visit) Offer(e bank.Entry) bank.Offer {
	v.bank.Lock()
	defer v.bank.Unlock()
	at, refused := v.institution(e)
	if refused != nil {
		return bank.Offer{}
	}
	offer := bank.Offer{
		Products: []string{"Accounts and balances"}, Accounts: []bank.Shareable{}, Select: bank.SelectAny,
	}
	served := productsOf(at)
	for _, name := range v.token.asked() {
		if slices.Contains(served, name) {
			offer.Products = append(offer.Products, words[name])
		}
	}
	it := v.token.existing
	shown := &item{bank: v.bank, shown: v.token.shown}
	if it != nil {
		shown.book, shown.shown = it.book, it.shown
		if !v.token.selection {
			offer.Select, shown.chosen = bank.SelectNone, it.chosen
		}
	} else {
		shown.book = v.bank.Open(at, e.Username)
	}
	for _, a := range shown.accounts() {
		shared := it != nil && (it.chosen == nil || slices.Contains(it.chosen, a.Name))
		offer.Accounts = append(offer.Accounts, bank.Shareable{Name: a.Name, Mask: a.Mask, Shared: shared})
	}
	return offer
}

// Link makes or heals an Item. It uses the session of the visit.
func (v *visit) Link(e bank.Entry, accounts []string, more bool) (json.RawMessage, error) {
	v.bank.Lock()
	defer v.bank.Unlock()
	e = e.Bare()
	outcome, err := v.bank.run(v.token, v.session, ConnectInput{
		InstitutionID: e.Institution, Username: e.Username, Password: e.Password, Accounts: accounts, More: more,
	})
	if refused, ok := errors.AsType[*bank.Refusal](err); ok {
		c := code{kind: "ITEM_ERROR", name: "NO_ACCOUNTS"}
		return nil, c.trouble(refused.Reason, true)
	}
	return outcome, err
}

// Finish ends a multi-item session. Link then passes nothing to the page. That "nothing" is an
// empty token and empty metadata is the bank's own choice.
func (v *visit) Finish() json.RawMessage {
	v.bank.Lock()
	defer v.bank.Unlock()
	v.bank.finish(v.token, v.session, "SUCCESS")
	return json.RawMessage(`{"public_token": "", "metadata": {}}`)
}

// statuses are the statuses of an exit by step. Those of a user who has not chosen an institution,
// or who could choose another one, are the bank's own choice.
var statuses = map[bank.Step]string{
	bank.StepChoose: requiresCredentials, bank.StepLogin: requiresCredentials, bank.StepCode: "requires_code",
	bank.StepOAuth: "requires_oauth", bank.StepConsent: "requires_account_selection",
	bank.StepMore: requiresCredentials,
}

// Leave returns error and metadata of onExit.
func (v *visit) Leave(at bank.Step, entered bank.Entry, last *bank.Trouble) json.RawMessage {
	v.bank.Lock()
	defer v.bank.Unlock()
	var institution map[string]any
	if in, refused := v.institution(entered); refused == nil && entered.Institution != "" {
		institution = linkInstitution(in)
	}
	var why any
	if last != nil {
		why = last.Wire
	}
	v.bank.leave(v.token, v.session, statuses[at], why, institution)
	return passed(v.session.exit)
}
