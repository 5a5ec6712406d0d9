// Package moneykit is the bankmux adapter for MoneyKit (United States, United
// Kingdom, Canada).
//
// [New] returns a guarded [bankmux.Client]. The front end runs MoneyKit's Connect with
// Launch.Token: link for [bankmux.ModeLink], relink for [bankmux.ModeRelink], and posts
//
//	{"exchangeable_token": "…", "institution": {…}}   (no token after relink)
//	{"error": … or null}                              (the user did not finish)
//
// # Integrity
//
// The session's id travels as a link tag. A link without the tag of its session is refused as
// [bankmux.CodeOtherSession], so a token of another user or session is worth nothing. A link whose
// exchange answer was lost, or whose token was posted with another session, is found again by it.
//
// # Reconnect
//
// MoneyKit erases the webhook and tags that a reconnect leaves out, so
// CreateSession reads the link and sends them again. Nothing is exchanged afterwards:
// ExchangeToken reads the link back and checks that the user finished.
package moneykit

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/adapter/webhook"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/moneykit"
)

// Name is the adapter's name, the key of its ids in a [bankmux.InstitutionRef].
const Name = "moneykit"

// DefaultBaseURL serves sandbox and live alike; the credentials choose (MoneyKit's SDKs and
// integration guide).
const DefaultBaseURL = "https://api.moneykit.com"

// Auth says how requests prove who sends them.
type Auth string

// The ways to authenticate.
const (
	// AuthBearer fetches and caches an access token; the default, as in MoneyKit's SDKs.
	AuthBearer Auth = ""
	// AuthHeaders sends X-Client-Id and X-Client-Secret on each call, as
	// MoneyKit's newer documentation shows.
	AuthHeaders Auth = "headers"
)

// Config configures one MoneyKit application. ClientID, ClientSecret and Environment are required.
type Config struct {
	Name         string // registered name; "" means "moneykit". Two applications in one process need two names
	ClientID     string
	ClientSecret bankmux.Secret
	Environment  bankmux.Environment // what the credentials reach; MoneyKit does not say itself

	BaseURL string // "" means [DefaultBaseURL]; https, or http on loopback
	Auth    Auth
	Scope   string // space-separated actions for the access token; "" means all the application may do
	// copied; its transport repeats nothing and keeps contexts; nil means its own, for many callers
	HTTPClient *http.Client
	BodyLimit  int // most bytes of an answer after decompression; 0 means 8 MiB
	// shared by clients for one health page and one set of webhook keys; nil means one of its own with the defaults
	Guard *guard.Guard

	// Now is the day and time by which days are asked for; nil means the machine's. It is for tests
	// against a bank whose clock is set: virtualbank's Bank.Now.
	Now func() time.Time

	Webhook WebhookConfig
}

// New checks the configuration, sends nothing, and returns the guarded client.
// The error is [bankmux.ErrInvalid] and names the field.
func New(cfg Config) (*bankmux.Client, error) {
	if cfg.Name == "" {
		cfg.Name = Name
	}
	if cfg.BaseURL == "" {
		cfg.BaseURL = DefaultBaseURL
	}
	if cfg.Guard == nil {
		cfg.Guard = guard.New(guard.Options{})
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	urlFault := rest.CheckURL(cfg.BaseURL)
	switch {
	case cfg.ClientID == "":
		return nil, refuse("Config.ClientID", "is empty")
	case cfg.ClientSecret.IsZero():
		return nil, refuse("Config.ClientSecret", "is empty")
	case !normalize.Token(cfg.ClientID):
		return nil, refuse("Config.ClientID", "cannot be sent in a header")
	case cfg.Auth == AuthHeaders && !normalize.Token(cfg.ClientSecret.Reveal()):
		return nil, refuse("Config.ClientSecret", "cannot be sent in a header")
	case cfg.Environment != bankmux.Sandbox && cfg.Environment != bankmux.Production:
		return nil, refuse("Config.Environment", "is neither sandbox nor production")
	case cfg.Auth != AuthBearer && cfg.Auth != AuthHeaders:
		return nil, refuse("Config.Auth", "is neither AuthBearer nor AuthHeaders")
	case cfg.Webhook.Age < 0:
		return nil, refuse("Config.Webhook.Age", "is negative")
	case cfg.BodyLimit < 0:
		return nil, refuse("Config.BodyLimit", "is negative")
	case urlFault != "":
		return nil, refuse("Config.BaseURL", urlFault)
	}
	api := newAPI(cfg)
	webhooks, err := newWebhooks(cfg, api)
	if err != nil {
		return nil, refuse("Config.Webhook", err.Error())
	}
	a := &adapter{env: cfg.Environment, api: api, webhooks: webhooks, clock: cfg.Now}
	return bankmux.NewClient(cfg.Name, a, cfg.Guard.Interceptors(suitMoneyKit)...), nil
}

// suitMoneyKit sets what the application left open: of all calls only a refresh goes to the bank,
// and its end tells how that went.
func suitMoneyKit(o *guard.Options) {
	if o.AtInstitution == nil {
		o.AtInstitution = func(op bankmux.Op) bool { return op.Name == bankmux.OpRefresh || op.Name == bankmux.OpAwaitRefresh }
	}
}

func refuse(field, detail string) *bankmux.Error {
	return &bankmux.Error{
		Kind:     bankmux.ErrInvalid,
		Provider: Name,
		Field:    Name + "." + field,
		Detail:   detail,
		NotSent:  true,
	}
}

type adapter struct {
	env      bankmux.Environment
	api      *api
	webhooks webhook.Verifier
	clock    func() time.Time
}

// Describe names the adapter.
func (a *adapter) Describe() bankmux.Description {
	return bankmux.Description{Provider: Name, Environment: a.env}
}

// Effect: after a reconnect nothing is exchanged, the link is only read.
func (a *adapter) Effect(op bankmux.Op) bankmux.Effect {
	if op.Name == bankmux.OpExchangeToken && op.Reconnect {
		return bankmux.Read
	}
	return op.Effect
}

// CreateSession opens a link session.
func (a *adapter) CreateSession(ctx context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	s := bankmux.NewSession(req)
	body, err := sessionBody(req, s.ID)
	if err != nil {
		return bankmux.Session{}, err
	}
	if req.Reconnect != nil {
		link, err := a.linkToRenew(ctx, req.Reconnect)
		if err != nil {
			return bankmux.Session{}, err
		}
		status := model.Status(link.State, link.ErrorCode)
		if status.State == bankmux.StateGone {
			return bankmux.Session{}, &bankmux.Error{Kind: bankmux.ErrGone, Detail: "the link was deleted"}
		}
		s.Reconnect.Status = status
		keepUnlessOverridden(&body, req, link)
		body.ExistingLinkID = link.LinkID
	}
	token, err := a.api.createLinkSession(ctx, body)
	if err != nil {
		return bankmux.Session{}, err
	}
	s.Launch.Provider, s.Launch.Environment, s.Launch.Token = Name, a.env, bankmux.NewLaunchToken(token)
	return s, nil
}

// linkToRenew reads the link that a reconnect renews. MoneyKit may answer the read of a broken link
// with what is broken (link_error.bad_state) in place of the link; then it is found among the
// user's, with the webhook and tags that a reconnect must send again.
func (a *adapter) linkToRenew(ctx context.Context, conn *bankmux.Connection) (linkData, error) {
	id := conn.Credential().Reveal()
	link, err := a.api.link(ctx, id)
	e, ok := errors.AsType[*bankmux.Error](err)
	if !ok || !strings.HasPrefix(e.Code, badState) {
		return link, err
	}
	links, unread := a.api.userLinks(ctx, conn.User)
	if unread != nil {
		return linkData{}, unread
	}
	if known, ok := links[id]; ok && known.LinkID == id {
		return known, nil
	}
	return linkData{}, err
}

// badState begins the code of a link that cannot be used as it is.
const badState = "link_error.bad_state"

// ExchangeToken exchanges the token, or after a reconnect reads the link back.
func (a *adapter) ExchangeToken(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	conn, err := a.connect(ctx, req)
	return bankmux.ExchangeResult{Connection: conn}, err
}

func (a *adapter) connect(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.Connection, error) {
	fields, err := req.Fields()
	if err != nil {
		return bankmux.Connection{}, err
	}
	if fields.Has("accessCode") {
		return bankmux.Connection{}, otherSession("is of another provider's Connect")
	}
	if req.Session.Reconnect != nil {
		if fields.Has("exchangeable_token") {
			return bankmux.Connection{}, otherSession("has an exchangeable_token, which a reconnect does not")
		}
		return a.readBack(ctx, req.Session)
	}
	token, err := fields.Text("exchangeable_token")
	if err != nil {
		return bankmux.Connection{}, err
	}
	if !normalize.Token(token) {
		return bankmux.Connection{}, normalize.UnsendableToken()
	}
	link, err := a.exchange(ctx, req.Session, token)
	if err != nil {
		return bankmux.Connection{}, err
	}
	if !slices.Contains(link.LinkTags, sessionTag(req.Session.ID)) {
		return bankmux.Connection{}, &bankmux.Error{
			Kind:   bankmux.ErrInvalid,
			Field:  "ExchangeRequest.Payload",
			Status: http.StatusCreated,
			Code:   bankmux.CodeOtherSession,
			Detail: "the token belongs to a link of another session",
		}
	}
	return connection(req.Session, link)
}

// otherSession refuses, before anything is sent, a payload that cannot be one of the session.
func otherSession(detail string) *bankmux.Error {
	return &bankmux.Error{
		Kind:    bankmux.ErrInvalid,
		Field:   "ExchangeRequest.Payload",
		Code:    bankmux.CodeOtherSession,
		Detail:  detail,
		NotSent: true,
	}
}

// exchange sends the token once. Where the answer is lost, or says that the
// token is spent, the link may exist all the same: it carries the session's tag.
func (a *adapter) exchange(ctx context.Context, s bankmux.Session, token string) (linkData, error) {
	sending, cancel := leaveTime(ctx)
	defer cancel()
	link, err := a.api.exchangeToken(sending, token)
	if err == nil || ctx.Err() != nil {
		return link, err
	}
	if errors.Is(err, bankmux.ErrContextDone) { // our share of the time ended, not the caller's
		e, _ := errors.AsType[*bankmux.Error](err)
		slow := *e
		slow.Kind = bankmux.ErrUnavailable
		err = &slow
	}
	if errors.Is(err, bankmux.ErrTokenSpent) || !bankmux.OutcomeKnown(err) {
		found, ok, unread := a.linkOfSession(ctx, s)
		switch {
		case ok:
			return found, nil
		// spent, perhaps on a link of this very session: nobody knows yet
		case unread != nil && bankmux.OutcomeKnown(err):
			return linkData{}, &bankmux.Error{
				Kind:   bankmux.ErrUnavailable,
				Detail: "the token was used, and the links could not be read to find out for what",
				Err:    unread,
			}
		}
	}
	return linkData{}, err
}

// leaveTime keeps a quarter of the time for finding out what became of an exchange that does not
// answer.
func leaveTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/4*3)
}

// linkOfSession looks for a finished link with the session's tag among the user's.
func (a *adapter) linkOfSession(ctx context.Context, s bankmux.Session) (linkData, bool, error) {
	links, err := a.api.userLinks(ctx, s.User)
	if err != nil {
		return linkData{}, false, err
	}
	for _, l := range links {
		finished := l.State == stateConnected || l.State == stateError
		if finished && l.LinkID != "" && slices.Contains(l.LinkTags, sessionTag(s.ID)) {
			return l, true, nil
		}
	}
	return linkData{}, false, nil
}

// readBack checks that the user finished the reconnect: the link works, and
// either it was broken before or it carries this session's tag.
func (a *adapter) readBack(ctx context.Context, s bankmux.Session) (bankmux.Connection, error) {
	linkID := s.Reconnect.Reference()
	if linkID == "" {
		return bankmux.Connection{}, &bankmux.Error{
			Kind:    bankmux.ErrInvalid,
			Field:   "ExchangeRequest.Session",
			NotSent: true,
			Detail:  "lost the link that it renews, as plain JSON does: keep the session with Session.Seal, or set ExchangeRequest.Connection",
		}
	}
	link, err := a.api.link(ctx, linkID)
	if err != nil {
		return bankmux.Connection{}, err
	}
	status := model.Status(link.State, link.ErrorCode)
	wasBroken := s.Reconnect.Status.State != bankmux.StateActive
	switch {
	case link.LinkID != linkID:
		return bankmux.Connection{}, &bankmux.Error{
			Kind:   bankmux.ErrMalformed,
			Detail: "the answer is about another link",
		}
	case status.State == bankmux.StateGone:
		return bankmux.Connection{}, &bankmux.Error{Kind: bankmux.ErrGone, Detail: "the link was deleted"}
	case status.State != bankmux.StateActive,
		!wasBroken && !slices.Contains(link.LinkTags, sessionTag(s.ID)):
		return bankmux.Connection{}, &bankmux.Error{
			Kind: bankmux.ErrUserAction, Code: normalize.CleanCode(status.Code), Status: http.StatusOK,
			Detail: "the user has not finished the reconnect",
		}
	}
	return connection(s, link)
}

// ConnectionStatus reads the link.
func (a *adapter) ConnectionStatus(ctx context.Context, req bankmux.StatusRequest) (bankmux.StatusResult, error) {
	conn := req.Connection
	link, err := a.api.link(ctx, conn.Credential().Reveal())
	switch {
	case err == nil:
	case bankmux.KindOf(err).State() != "":
		conn.Status = conn.Status.After(err)
		conn.UpdatedAt = time.Now().UTC().Truncate(time.Millisecond)
		return bankmux.StatusResult{Connection: conn}, nil
	default:
		return bankmux.StatusResult{}, err
	}
	s := bankmux.Session{ConnectionID: conn.ID, User: conn.User, Reconnect: &conn}
	fresh, err := connection(s, link)
	if err != nil {
		return bankmux.StatusResult{}, err
	}
	fresh.Status.AskedAt = conn.Status.AskedAt
	if fresh.Status.State == conn.Status.State && fresh.Status.Code == conn.Status.Code {
		fresh.Status.At = conn.Status.At // since when, not when last asked
	}
	return bankmux.StatusResult{Connection: fresh, Products: productStatuses(link.Products)}, nil
}

// Disconnect deletes the link.
func (a *adapter) Disconnect(ctx context.Context, req bankmux.DisconnectRequest) (bankmux.DisconnectResult, error) {
	conn := req.Connection
	err := a.api.deleteLink(ctx, conn.Credential().Reveal())
	if err != nil && !errors.Is(err, bankmux.ErrGone) {
		return bankmux.DisconnectResult{}, err
	}
	conn.UpdatedAt = time.Now().UTC().Truncate(time.Millisecond)
	conn.Status = bankmux.Status{State: bankmux.StateGone, At: conn.UpdatedAt}
	return bankmux.DisconnectResult{Connection: conn}, nil
}

// CheckCredentials introspects the credentials.
func (a *adapter) CheckCredentials(ctx context.Context, _ bankmux.CheckRequest) (bankmux.CheckResult, error) {
	app, err := a.api.introspect(ctx)
	return bankmux.CheckResult{App: app}, err
}

// connection turns a link into the model.
func connection(s bankmux.Session, l linkData) (bankmux.Connection, error) {
	return model.Connection(s, model.Link{
		ID: bankmux.NewSecret(l.LinkID), InstitutionID: l.InstitutionID, InstitutionName: l.InstitutionName,
		InstitutionAvatar: l.InstitutionAvatar, State: l.State, ErrorCode: l.ErrorCode,
		Products: granted(l.Products), Country: s.Country,
	})
}

func granted(products map[string]*linkProduct) []string {
	var names []string
	for name, p := range products {
		if p != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func productStatuses(products map[string]*linkProduct) []bankmux.ProductStatus {
	names := granted(products)
	if len(names) == 0 {
		return nil
	}
	all := make([]bankmux.ProductStatus, 0, len(names))
	for _, name := range names {
		p := products[name]
		st := bankmux.ProductStatus{
			Product: model.ProductOf(
				name,
			),
			Unavailable:       p.Unavailable != "",
			UnavailableReason: normalize.Reason(p.Unavailable),
		}
		st.RefreshedAt, _ = normalize.Timestamp(p.RefreshedAt)
		st.AttemptedAt, _ = normalize.Timestamp(p.LastAttemptedAt)
		if code := p.ErrorCode; code != "" {
			e := model.ProductErrors().Error(normalize.Failure{Code: code})
			st.Kind, st.Code = e.Kind, e.Code
		}
		all = append(all, st)
	}
	return all
}

// sessionTag is the link tag that ties a link to its session.
func sessionTag(id string) string { return tagPrefix + id }

const tagPrefix = "bankmux-session:"

func isSessionTag(tag string) bool { return strings.HasPrefix(tag, tagPrefix) }

// Interfaces the adapter satisfies: its capabilities.
var (
	_ bankmux.Provider          = (*adapter)(nil)
	_ bankmux.Describer         = (*adapter)(nil)
	_ bankmux.EffectDecider     = (*adapter)(nil)
	_ bankmux.StatusReader      = (*adapter)(nil)
	_ bankmux.Disconnector      = (*adapter)(nil)
	_ bankmux.CredentialChecker = (*adapter)(nil)

	_ bankmux.InstitutionLister           = (*adapter)(nil)
	_ bankmux.AccountLister               = (*adapter)(nil)
	_ bankmux.BalanceReader               = (*adapter)(nil)
	_ bankmux.AccountNumberReader         = (*adapter)(nil)
	_ bankmux.IdentityReader              = (*adapter)(nil)
	_ bankmux.TransactionLister           = (*adapter)(nil)
	_ bankmux.EnrichedTransactionLister   = (*adapter)(nil)
	_ bankmux.TransactionSyncer           = (*adapter)(nil)
	_ bankmux.HoldingReader               = (*adapter)(nil)
	_ bankmux.InvestmentTransactionLister = (*adapter)(nil)
	_ bankmux.WebhookReader               = (*adapter)(nil)
	_ bankmux.Refresher                   = (*adapter)(nil)
)
