package moneykit

// This file plays the user in MoneyKit's Connect.

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// ConnectInput is what a user enters in Connect. It is virtualbank.MoneyKitLink.
type ConnectInput struct {
	LinkSessionToken string `json:"link_session_token"`
	User             string `json:"user"`
	InstitutionID    string `json:"institution_id"`
	Username         string `json:"username"`
	Password         string `json:"password"`

	// Accounts are the names of the accounts that the user shares. Empty is all. A renewal adds to
	// those that the link has.
	Accounts []string `json:"accounts"`
}

// outcome is what Connect passes to the page.
type outcome struct {
	Token       string             `json:"exchangeable_token,omitempty"`
	Institution connectInstitution `json:"institution"`
}

// connectInstitution is the institution as Connect passes it to the page.
type connectInstitution struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Country  string            `json:"country"`
	Domain   string            `json:"domain"`
	Color    string            `json:"color"`
	Avatar   string            `json:"avatar"`
	Selected []selectedAccount `json:"selectedAccounts"`
	Screens  []any             `json:"trackedScreens"`
}

type selectedAccount struct {
	ID   string `json:"account_id"`
	Type string `json:"account_type"`
	Name string `json:"name"`
	Mask string `json:"account_mask"`
}

// Link is Bank.LinkMoneyKit of package virtualbank.
func (b *Provider) Link(in ConnectInput) (json.RawMessage, error) {
	b.Lock()
	defer b.Unlock()
	s, refused := b.session(in)
	if refused != nil {
		return nil, refused
	}
	if s.existing != nil {
		return b.relink(s, in)
	}
	at, refused := b.choose(s, in.InstitutionID)
	if refused != nil {
		return nil, refused
	}
	if refused := b.login(s, at, in); refused != nil {
		return nil, refused
	}
	now := b.Now()
	l := &link{
		bank:        b,
		id:          "mk_" + b.Gen.Base58(22),
		user:        s.user,
		institution: at,
		provider:    at.Providers[0],
		state:       bank.StateAwaiting,
		created:     now,
		webhook:     s.webhook,
		tags:        s.tags,
		products:    map[string]*linkProduct{"accounts": {}},
		prefetch:    s.prefetch,
		book:        b.bookOf(s, at, in.Username),
	}
	if refused := l.share(s, in.Accounts); refused != nil {
		return nil, refused
	}
	if i := slices.IndexFunc(at.Providers, func(p string) bool { return slices.Contains(s.providers, p) }); i >= 0 {
		l.provider = at.Providers[i]
	}
	if len(s.products) == 0 {
		l.grant(settableProducts())
	} else {
		l.grant(s.products)
	}
	b.links[l.id] = l
	b.order = append(b.order, l)
	token := b.Gen.Hide("mkx_" + b.Gen.URLSafe(40))
	b.exchange[token] = &exchangeable{link: l, expires: now.Add(exchangeableTokenTTL)}
	s.used = true
	return json.Marshal(outcome{Token: token, Institution: l.connectInstitution()})
}

// session returns the session of a token, or a new one of the bank's own for a user.
func (b *Provider) session(in ConnectInput) (*linkSession, *bank.Refusal) {
	s, ok := b.sessions[in.LinkSessionToken]
	own := in.LinkSessionToken == "" && in.User != ""
	if own {
		s, ok = &linkSession{created: b.Now(), user: in.User, countries: countryCodes()}, true
	}
	switch {
	case own && (len(in.User) < 4 || len(in.User) > 150):
		return nil, bank.Refuse(http.StatusBadRequest, "user does not have 4 to 150 characters")
	case in.LinkSessionToken == "" && !own:
		return nil, bank.Refuse(
			http.StatusBadRequest,
			"link_session_token is missing; user is enough for a session of the bank's own",
		)
	case !ok:
		return nil, bank.Refuse(http.StatusNotFound, "unknown link_session_token")
	case s.used:
		return nil, bank.Refuse(http.StatusUnprocessableEntity, "link_session_token was used already")
	case b.Now().Sub(s.created) >= linkSessionTTL:
		return nil, bank.Refuse(http.StatusUnprocessableEntity, "link_session_token expired")
	}
	return s, nil
}

// relink plays the user in a reconnect.
func (b *Provider) relink(s *linkSession, in ConnectInput) (json.RawMessage, error) {
	l := s.existing
	if l.state == bank.StateDeleted {
		return nil, bank.Refuse(http.StatusUnprocessableEntity, "the link of this session was deleted")
	}
	if in.InstitutionID != "" && !l.institution.MoneyKitGoesBy(in.InstitutionID) {
		return nil, bank.Refuse(http.StatusUnprocessableEntity, "the link of this session is at %s", l.institution.Name)
	}
	if refused := b.login(s, l.institution, in); refused != nil {
		return nil, refused
	}
	if refused := l.shareMore(in.Accounts); refused != nil {
		return nil, refused
	}
	// MoneyKit erases what the session leaves out.
	l.webhook, l.tags = s.webhook, s.tags
	for _, name := range s.products {
		if l.products[name] == nil && slices.Contains(s.prefetch, name) {
			l.prefetch = append(l.prefetch, name)
		}
	}
	l.grant(s.products)
	l.connect(b.Now())
	s.used = true
	return json.Marshal(outcome{Institution: l.connectInstitution()})
}

// choose returns the institution that was asked for, the session's, or the first that fits.
func (b *Provider) choose(s *linkSession, id string) (bank.Institution, *bank.Refusal) {
	if id == "" {
		id = s.institution
	}
	if id != "" {
		at, ok := b.Institution(func(in bank.Institution) bool { return in.MoneyKitGoesBy(id) })
		if !ok {
			return at, bank.Refuse(http.StatusNotFound, "MoneyKit serves no institution %q", id)
		}
		if !slices.Contains(s.countries, at.Country) {
			return at, bank.Refuse(
				http.StatusUnprocessableEntity,
				"%s is in %s, which is not among the session's countries",
				at.Name,
				at.Country,
			)
		}
		if why := s.unfit(at); why != "" {
			return at, bank.Refuse(http.StatusUnprocessableEntity, "%s does not fit the session: %s", at.Name, why)
		}
		if s.features["duplicate_institution_rejected"] && b.isLinked(s.user, at) {
			return at, bank.Refuse(http.StatusUnprocessableEntity, "the user has a link at %s already", at.Name)
		}
		return at, nil
	}
	for _, country := range s.countries {
		at, ok := b.Institution(func(in bank.Institution) bool {
			return in.MoneyKitID != "" && in.Country == country && s.unfit(in) == "" &&
				!(s.features["duplicate_institution_rejected"] && b.isLinked(s.user, in))
		})
		if ok {
			return at, nil
		}
	}
	return bank.Institution{}, bank.Refuse(http.StatusUnprocessableEntity, "no institution fits the session")
}

// unfit returns why an institution does not fit the session, or "".
func (s *linkSession) unfit(in bank.Institution) string {
	if len(s.providers) > 0 &&
		!slices.ContainsFunc(in.Providers, func(p string) bool { return slices.Contains(s.providers, p) }) {
		return "none of the session's providers serves it"
	}
	for _, name := range s.required {
		if !slices.Contains(in.Products, name) {
			return "it has no " + name
		}
	}
	return ""
}

// isLinked reports whether a user has a connected link at an institution.
func (b *Provider) isLinked(user string, in bank.Institution) bool {
	return slices.ContainsFunc(b.order, func(l *link) bool {
		return l.user == user && l.institution.MoneyKitID == in.MoneyKitID && l.state == bank.StateConnected
	})
}

// login checks the username and password.
func (b *Provider) login(s *linkSession, at bank.Institution, in ConnectInput) *bank.Refusal {
	if at.Login == bank.LoginNone {
		return nil
	}
	if in.Username == bank.UserCustom && at.MoneyKitID == "credentials_bank" {
		if in.Password != "" && in.Password != bank.PassGood {
			return bank.WrongLogin(at)
		}
		if s.custom == nil && s.existing == nil {
			return bank.Refuse(
				http.StatusUnprocessableEntity, "%s needs custom_sandbox_data in the session", bank.UserCustom)
		}
		return nil
	}
	if !b.Knows(in.Username, in.Password) {
		return bank.WrongLogin(at)
	}
	return nil
}

// bookOf returns the book that a login opens.
func (b *Provider) bookOf(s *linkSession, at bank.Institution, username string) *bank.Book {
	if username == bank.UserCustom {
		return b.Custom(at, s.custom, s.owners)
	}
	return b.Open(at, username)
}

func (l *link) connectInstitution() connectInstitution {
	in := l.institution
	out := connectInstitution{
		ID:       in.MoneyKitID,
		Name:     in.Name,
		Country:  in.Country,
		Domain:   in.Domain,
		Color:    "#1F4E79",
		Avatar:   avatarOf(in),
		Selected: []selectedAccount{},
		Screens:  []any{},
	}
	for _, a := range l.accounts() {
		out.Selected = append(out.Selected, selectedAccount{l.accountID(a), a.Kind.MoneyKit, a.Name, a.Mask})
	}
	return out
}
