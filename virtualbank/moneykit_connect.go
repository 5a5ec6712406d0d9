package virtualbank

import (
	"encoding/json"
	"net/http"
	"slices"
)

// mkConnect is what a user does in MoneyKit's Connect. Only the token is needed.
type mkConnect struct {
	LinkSessionToken string `json:"link_session_token"`
	// without a token: the bank opens a session for this user of the application's
	User          string `json:"user"`
	InstitutionID string `json:"institution_id"` // "" takes the session's, or the first that fits
	Username      string `json:"username"`       // "" is [UserGood]
	Password      string `json:"password"`       // "" is [PassGood]
}

type moneyKitOutcome struct {
	Token       string             `json:"exchangeable_token,omitempty"`
	Institution connectInstitution `json:"institution"`
}

// connectInstitution is the institution as MoneyKit's Connect hands it to the page.
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

// Link plays the user in Connect and returns what Connect hands to the page:
// exchangeable_token and institution, or the institution alone on a reconnect. The
// error is a [*Refusal]. A session whose login failed may be tried again; one that
// succeeded may not.
func (b *mkProvider) Link(in mkConnect) (json.RawMessage, error) {
	b.Lock()
	defer b.Unlock()
	s, ok := b.sessions[in.LinkSessionToken]
	own := in.LinkSessionToken == "" && in.User != ""
	if own {
		s, ok = &linkSession{created: b.Now(), user: in.User, countries: countryCodes()}, true
	}
	switch {
	case own && (len(in.User) < 4 || len(in.User) > 150):
		return nil, refuse(http.StatusBadRequest, "user has not 4 to 150 characters")
	case in.LinkSessionToken == "" && !own:
		return nil, refuse(
			http.StatusBadRequest,
			"link_session_token is missing, or user for a session of the bank's own",
		)
	case !ok:
		return nil, refuse(http.StatusNotFound, "unknown link_session_token")
	case s.used:
		return nil, refuse(http.StatusUnprocessableEntity, "link_session_token was used already")
	case b.Now().Sub(s.created) >= linkSessionLife:
		return nil, refuse(http.StatusUnprocessableEntity, "link_session_token expired")
	}
	if s.existing != nil {
		return b.relinkMoneyKit(s, in)
	}
	at, refused := b.mkChoose(s, in.InstitutionID)
	if refused != nil {
		return nil, refused
	}
	if refused := b.mkLogin(s, at, in); refused != nil {
		return nil, refused
	}
	now := b.Now()
	l := &link{
		bank: b,
		id: "mk_" + b.gen.base58(
			22,
		),
		user:        s.user,
		institution: at,
		provider:    at.Providers[0],
		state:       stateAwaiting,
		created:     now,
		webhook:     s.webhook,
		tags:        s.tags,
		products:    map[string]*linkProduct{"accounts": {}},
		prefetch:    s.prefetch,
		book:        b.mkBook(s, at, in.Username),
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
	token := b.gen.hide("mkx_" + b.gen.urlSafe(40))
	b.exchange[token] = &exchangeable{link: l, expires: now.Add(exchangeableTokenLife)}
	s.used = true
	return json.Marshal(moneyKitOutcome{Token: token, Institution: l.connectInstitution()})
}

func (b *mkProvider) relinkMoneyKit(s *linkSession, in mkConnect) (json.RawMessage, error) {
	l := s.existing
	if l.state == stateDeleted {
		return nil, refuse(http.StatusUnprocessableEntity, "the link of this session was deleted")
	}
	if in.InstitutionID != "" && !l.institution.moneyKitGoesBy(in.InstitutionID) {
		return nil, refuse(http.StatusUnprocessableEntity, "the link of this session is at %s", l.institution.Name)
	}
	if refused := b.mkLogin(s, l.institution, in); refused != nil {
		return nil, refused
	}
	// What the session leaves out is erased, as MoneyKit does.
	l.webhook, l.tags = s.webhook, s.tags
	for _, name := range s.products {
		if l.products[name] == nil && slices.Contains(s.prefetch, name) {
			l.prefetch = append(l.prefetch, name)
		}
	}
	l.grant(s.products)
	l.connect(b.Now())
	s.used = true
	return json.Marshal(moneyKitOutcome{Institution: l.connectInstitution()})
}

// mkChoose picks the institution: the one asked for, the session's, or the first that fits.
func (b *mkProvider) mkChoose(s *linkSession, id string) (coreInstitution, *Refusal) {
	if id == "" {
		id = s.institution
	}
	if id != "" {
		at, ok := b.institution(func(in coreInstitution) bool { return in.moneyKitGoesBy(id) })
		if !ok {
			return at, refuse(http.StatusNotFound, "MoneyKit serves no institution %q", id)
		}
		if !slices.Contains(s.countries, at.Country) {
			return at, refuse(
				http.StatusUnprocessableEntity,
				"%s is in %s, which is not among the session's countries",
				at.Name,
				at.Country,
			)
		}
		if why := s.unfit(at); why != "" {
			return at, refuse(http.StatusUnprocessableEntity, "%s does not fit the session: %s", at.Name, why)
		}
		if s.features["duplicate_institution_rejected"] && b.mkLinked(s.user, at) {
			return at, refuse(http.StatusUnprocessableEntity, "the user has a link at %s already", at.Name)
		}
		return at, nil
	}
	for _, country := range s.countries {
		at, ok := b.institution(func(in coreInstitution) bool {
			return in.MoneyKitID != "" && in.Country == country && s.unfit(in) == "" &&
				!(s.features["duplicate_institution_rejected"] && b.mkLinked(s.user, in))
		})
		if ok {
			return at, nil
		}
	}
	return coreInstitution{}, refuse(http.StatusUnprocessableEntity, "no institution fits the session")
}

func (s *linkSession) unfit(in coreInstitution) string {
	if len(s.providers) > 0 &&
		!slices.ContainsFunc(in.Providers, func(p string) bool { return slices.Contains(s.providers, p) }) {
		return "it is reached through none of the session's providers"
	}
	for _, name := range s.required {
		if !slices.Contains(in.Products, name) {
			return "it has no " + name
		}
	}
	return ""
}

func (b *mkProvider) mkLinked(user string, in coreInstitution) bool {
	return slices.ContainsFunc(b.order, func(l *link) bool {
		return l.user == user && l.institution.MoneyKitID == in.MoneyKitID && l.state == stateConnected
	})
}

func (b *mkProvider) mkLogin(s *linkSession, at coreInstitution, in mkConnect) *Refusal {
	if at.Login == loginNone {
		return nil
	}
	if in.Username == userCustom && at.MoneyKitID == "credentials_bank" {
		if in.Password != "" && in.Password != passGood {
			return wrongLogin(at)
		}
		if s.custom == nil && s.existing == nil {
			return refuse(http.StatusUnprocessableEntity, "%s needs custom_sandbox_data in the session", userCustom)
		}
		return nil
	}
	if !b.knows(in.Username, in.Password) {
		return wrongLogin(at)
	}
	return nil
}

func (b *mkProvider) mkBook(s *linkSession, at coreInstitution, username string) *book {
	if username == userCustom {
		return b.custom(at, s.custom, s.owners)
	}
	return b.open(at, username)
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
	for _, a := range l.book.accounts {
		out.Selected = append(out.Selected, selectedAccount{l.accountID(a), a.kind.moneykit, a.name, a.mask})
	}
	return out
}
