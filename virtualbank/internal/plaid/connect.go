package plaid

// This file plays the user in Link.

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// ConnectInput is what a user does in Link. Only the link token is needed.
type ConnectInput struct {
	LinkToken string `json:"link_token"`
	// without a token: the bank makes one for this user of the application's
	User          string `json:"user"`
	InstitutionID string `json:"institution_id"` // "" takes the first that fits
	Username      string `json:"username"`       // "" is [bank.UserGood]
	Password      string `json:"password"`       // "" is [bank.PassGood]
	Exit          bool   `json:"exit"`           // the user leaves Link
	More          bool   `json:"more"`           // a multi-item session stays open for another login

	// Accounts are the names of the accounts that the user shares. Empty is all. In update mode it
	// counts where the session has account selection, and empty leaves the choice as it is.
	Accounts []string `json:"accounts"`
}

// unknownAccount returns the first of the names that the Item does not have, "" for none.
func (it *item) unknownAccount(names []string) string {
	for _, name := range names {
		if !slices.ContainsFunc(it.book.Accounts, func(a *bank.Account) bool { return a.Name == name }) {
			return name
		}
	}
	return ""
}

// share lets the user choose accounts.
func (it *item) share(names []string) *bank.Refusal {
	if name := it.unknownAccount(names); name != "" {
		return bank.Refuse(http.StatusUnprocessableEntity, "%s has no account %q", it.institution.Name, name)
	}
	if len(names) > 0 {
		it.chosen = names
	}
	return nil
}

// linkSession is one run of Link.
type linkSession struct {
	id                string
	started, finished time.Time
	added             []*publicToken
	exit              map[string]any // error and metadata, as Link passes them to onExit
	events            []any
}

// publicToken is a one-time token for the back end.
type publicToken struct {
	token   string
	item    *item
	expires time.Time
	used    bool
}

// outcome is what onSuccess hands to the page.
type outcome struct {
	PublicToken *string         `json:"public_token"`
	Metadata    outcomeMetadata `json:"metadata"`
}

type outcomeMetadata struct {
	Institution any              `json:"institution"`
	Accounts    []map[string]any `json:"accounts"`
	SessionID   string           `json:"link_session_id"`
}

// outcome returns the outcome of a session. The token is nil in update mode.
func (it *item) outcome(s *linkSession, token *string) outcome {
	return outcome{token, outcomeMetadata{linkInstitution(it.institution), it.linkAccounts(), s.id}}
}

// Link plays the user in Link and returns what the page gets: public_token and metadata, with a
// null token in update mode. The error is a [*bank.Refusal]. As in the sandbox, a link token may be
// used again. Each login is then another session, and in multi-item Link another Item of the
// session.
func (b *Provider) Link(in ConnectInput) (json.RawMessage, error) {
	b.Lock()
	defer b.Unlock()
	t, refused := b.openToken(in)
	if refused != nil {
		return nil, refused
	}
	s := b.openSession(t)
	if in.Exit {
		b.leave(t, s, requiresCredentials, nil, nil)
		return json.Marshal(s.exit)
	}
	return b.run(t, s, in)
}

// run plays the user in a session.
func (b *Provider) run(t *linkToken, s *linkSession, in ConnectInput) (json.RawMessage, error) {
	if t.existing != nil {
		return b.relink(t, s, in)
	}
	at, refused := b.choose(t, in.InstitutionID)
	if refused != nil {
		return nil, refused
	}
	if refused := b.login(t, s, at, in); refused != nil {
		return nil, refused
	}
	it := b.newItem(at, t, in.Username)
	if refused := it.share(in.Accounts); refused != nil {
		return nil, refused
	}
	if refused := it.fits(); refused != nil {
		return nil, refused
	}
	token := b.publish(it)
	s.added = append(s.added, token)
	b.note(s, "HANDOFF")
	if t.multi {
		b.announceLink(t, "ITEM_ADD_RESULT", map[string]any{"link_session_id": s.id, "public_token": token.token})
	}
	if !in.More || !t.multi {
		b.finish(t, s, "SUCCESS")
	}
	return json.Marshal(it.outcome(s, &token.token))
}

// openToken returns the link token that the user continues, or one of the bank's own.
func (b *Provider) openToken(in ConnectInput) (*linkToken, *bank.Refusal) {
	if in.LinkToken == "" && in.User != "" {
		return &linkToken{
			user: in.User, created: b.Now(), expires: b.Now().Add(linkTokenTTL), countries: countryCodes(),
			products: []string{"transactions"}, optional: []string{"auth", "identity", "investments", "liabilities"},
			days: defaultDays,
		}, nil
	}
	t, known := b.linkTokens[in.LinkToken]
	switch {
	case in.LinkToken == "":
		return nil, bank.Refuse(http.StatusBadRequest, "link_token is missing, or user for a session of the bank's own")
	case !known:
		return nil, bank.Refuse(http.StatusNotFound, "unknown link_token")
	case !b.Now().Before(t.expires):
		return nil, bank.Refuse(http.StatusUnprocessableEntity, "link_token expired")
	}
	return t, nil
}

// openSession starts a session, or continues that of a multi-item token.
func (b *Provider) openSession(t *linkToken) *linkSession {
	if t.multi && len(t.sessions) > 0 {
		return t.sessions[len(t.sessions)-1]
	}
	s := &linkSession{id: b.draw.UUID(), started: b.Now(), events: []any{}}
	t.sessions = append(t.sessions, s)
	b.note(s, "OPEN")
	return s
}

// note writes down an event of a session.
func (b *Provider) note(s *linkSession, name string) {
	s.events = append(s.events, map[string]any{
		"event_name": name, "timestamp": instant(b.Now()), "event_id": b.draw.UUID(),
		"event_metadata": map[string]any{},
	})
}

// finish ends a session, which hosted and multi-item sessions announce.
func (b *Provider) finish(t *linkToken, s *linkSession, status string) {
	s.finished = b.Now()
	if !t.hosted && !t.multi {
		return
	}
	members := map[string]any{"status": status, "link_session_id": s.id}
	if len(s.added) > 0 {
		tokens := []string{}
		for _, token := range s.added {
			tokens = append(tokens, token.token)
		}
		members["public_tokens"], members["public_token"] = tokens, tokens[len(tokens)-1]
	}
	b.announceLink(t, "SESSION_FINISHED", members)
}

// requiresCredentials is the status of an exit before a login succeeds.
const requiresCredentials = "requires_credentials"

// leave ends a session without success, at a status of Link's. why is nil where the user only left.
func (b *Provider) leave(t *linkToken, s *linkSession, status string, why any, institution map[string]any) {
	s.exit = map[string]any{"error": why, "metadata": map[string]any{
		"institution": institution, "status": status, "link_session_id": s.id,
		"request_id": b.draw.Alphanumeric(15),
	}}
	b.note(s, "EXIT")
	result := "EXITED"
	if len(s.added) > 0 { // what was linked before stays linked
		result = "SUCCESS"
	}
	b.finish(t, s, result)
}

// relink heals the Item of an update session. Its token stays, and nothing is exchanged.
func (b *Provider) relink(t *linkToken, s *linkSession, in ConnectInput) (json.RawMessage, error) {
	it := t.existing
	switch {
	case it.state == bank.StateDeleted:
		return nil, bank.Refuse(http.StatusUnprocessableEntity, "the Item of this session was removed")
	case in.InstitutionID != "" && in.InstitutionID != it.institution.PlaidID:
		return nil, bank.Refuse(http.StatusUnprocessableEntity,
			"the Item of this session is at %s", it.institution.Name)
	case in.Username != "" && in.Username != it.book.Username:
		changed := code{kind: "ITEM_ERROR", name: "INVALID_UPDATED_USERNAME"}
		b.leave(t, s, requiresCredentials, changed.envelope("the username changed"), nil)
		return nil, bank.Refuse(http.StatusUnprocessableEntity, "%s: the Item is of another user name", changed.name)
	}
	in.Username = it.book.Username
	if refused := b.login(t, s, it.institution, in); refused != nil {
		return nil, refused
	}
	if t.selection {
		if refused := it.share(in.Accounts); refused != nil {
			return nil, refused
		}
	}
	it.consent(t.consented)
	it.heal(b.Now())
	b.finish(t, s, "SUCCESS")
	return json.Marshal(it.outcome(s, nil))
}

// choose picks the institution: the one asked for, or the first that fits.
func (b *Provider) choose(t *linkToken, id string) (bank.Institution, *bank.Refusal) {
	if id == "" {
		for _, country := range t.countries {
			at, ok := b.Institution(func(in bank.Institution) bool {
				return in.PlaidID != "" && in.Country == country && lacks(in, t.products) == ""
			})
			if ok {
				return at, nil
			}
		}
		return bank.Institution{}, bank.Refuse(http.StatusUnprocessableEntity, "no institution fits the session")
	}
	at, ok := b.byID(id)
	switch {
	case !ok:
		return at, bank.Refuse(http.StatusNotFound, "Plaid serves no institution %q", id)
	case !slices.Contains(t.countries, at.Country):
		return at, bank.Refuse(http.StatusUnprocessableEntity,
			"%s is in %s, which is not among the session's countries", at.Name, at.Country)
	case lacks(at, t.products) != "":
		return at, bank.Refuse(http.StatusUnprocessableEntity,
			"%s does not fit the session: it has no %s", at.Name, lacks(at, t.products))
	}
	return at, nil
}

// dynamicUsers log in with any password. Only the first has rows of its own; the others are
// customers like any.
func dynamicUsers() []string {
	return []string{userDynamic, "user_ewa_user", "user_yuppie", "user_small_business"}
}

// userDynamic has the rows that the sandbox moves with each refresh.
const userDynamic = "user_transactions_dynamic"

// login checks the login. A password such as error_ITEM_LOCKED makes Link show that error.
func (b *Provider) login(t *linkToken, s *linkSession, at bank.Institution, in ConnectInput) *bank.Refusal {
	why, message := b.loginError(at, in.Username, in.Password)
	if why.name == "" {
		return nil
	}
	b.note(s, "ERROR")
	b.leave(t, s, requiresCredentials, why.envelope(message), linkInstitution(at))
	if why.name == wrongLogin.name {
		return bank.WrongLogin(at)
	}
	return bank.Refuse(http.StatusUnprocessableEntity, "%s: %s", why.name, message)
}

func (b *Provider) loginError(at bank.Institution, username, password string) (c code, message string) {
	name, isError := strings.CutPrefix(password, "error_")
	switch {
	case at.Health == bank.Unsupported: // which code Plaid gives is not documented
		return code{kind: "INSTITUTION_ERROR", name: "INSTITUTION_NO_LONGER_SUPPORTED"},
			"this institution is no longer supported"
	case b.Outages[at.Name] || at.Health == bank.Down:
		return institutionDown, "this institution is not currently responding to this request"
	case isError && cmp.Or(username, bank.UserGood) == bank.UserGood:
		return named(name), "the error that the password asks for"
	case slices.Contains(dynamicUsers(), username) || b.Knows(username, password):
		return code{}, ""
	}
	return wrongLogin, "the provided credentials were not correct"
}

// publish makes a public token for an Item.
func (b *Provider) publish(it *item) *publicToken {
	token := &publicToken{
		token: b.draw.Hide("public-sandbox-" + b.draw.UUID()), item: it, expires: b.Now().Add(publicTokenTTL),
	}
	b.public[token.token] = token
	return token
}
