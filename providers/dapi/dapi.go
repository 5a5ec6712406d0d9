// Package dapi is the bankmux adapter for Dapi (United Arab Emirates, Saudi
// Arabia and others of the region, and the United States).
//
// [New] returns a guarded [bankmux.Client]. The front end opens Dapi's Connect with the values of
// Launch and posts what onSuccess gets as it is, or {"error": … or null} from onFailure.
//
// # Integrity
//
// Dapi has no server-side session, and nothing in what Connect returns ties it to one: a payload
// proves a login at a bank, not whose it is. The application must bind it to its logged-in user, as
// [bankmux.ExchangeRequest] demands. What the payload says of the bank is not trusted: after the
// exchange the adapter asks Dapi itself, refuses a sandbox bank on a production client, and another
// bank on a reconnect: one of which neither id, SWIFT code nor name agrees. A user may link two
// banks from one session; each gets a connection id of its own. The access token of a refused login
// is dropped, not delinked: that could end another connection of the same user.
//
// # An exchange whose bank cannot be read
//
// If the token was exchanged and Dapi does not tell the bank (an outage between the two calls),
// ExchangeToken returns the connection as [bankmux.StateUnverified] rather than lose the one-time
// token. Every call refuses it until ConnectionStatus has read and checked the bank.
//
// # Signs and running balances
//
// The type of a transaction decides its direction; a minus before the amount does not count. Where
// both running balances are told and move the other way, a negative amount takes their direction:
// it is money back. Any other such row is in Failed. Each row is judged alone, so its sign never
// depends on the rows beside it. For cards the type always decides, since their balance may be what
// is owed. [bankmux.Transaction.BalanceAfter] is in the account's currency as
// [bankmux.Client.Accounts] listed it; where it was not listed, it is absent unless the two
// balances differ by the amount.
//
// # One call at a time
//
// Dapi fails all calls on an access token that is used by two at once, so calls on one connection
// queue.
package dapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/dapi"
)

// Name is the adapter's name, the key of its ids in a [bankmux.InstitutionRef].
const Name = "dapi"

// DefaultBaseURL serves sandbox and production alike (Dapi's documentation).
const DefaultBaseURL = "https://api.dapi.com/v2"

// DefaultScriptURL is Dapi's Connect for web pages (Dapi's documentation).
const DefaultScriptURL = "https://cdn.dapi.com/connect/v3/connector.js"

// Dapi works at the bank while a call is open and gives up after 120 s, or 240 s
// for a payment (its documentation); a client that is less patient misses the answer.
const (
	patience    = 125 * time.Second
	payPatience = 245 * time.Second
)

// Config configures one Dapi application. AppKey, AppSecret and Environment are required.
type Config struct {
	Name        string // registered name; "" means "dapi". Two applications in one process need two names
	AppKey      string // public
	AppSecret   bankmux.Secret
	Environment bankmux.Environment // chosen when Connect opens; a property of the connection ever after

	BaseURL   string // "" means [DefaultBaseURL]; https, or http on loopback
	ScriptURL string // "" means [DefaultScriptURL]
	// copied; its transport repeats nothing and keeps contexts; nil means its own, for many callers
	HTTPClient *http.Client
	BodyLimit  int          // most bytes of an answer after decompression; 0 means 8 MiB
	Guard      *guard.Guard // shared by clients for one health page; nil means one with the defaults

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
	if cfg.ScriptURL == "" {
		cfg.ScriptURL = DefaultScriptURL
	}
	if cfg.Guard == nil {
		cfg.Guard = guard.New(guard.Options{})
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	urlFault := rest.CheckURL(cfg.BaseURL)
	scriptFault := rest.CheckURL(cfg.ScriptURL)
	webhooks, webhookErr := newWebhooks(cfg.Webhook, cfg.Now)
	switch {
	case cfg.AppKey == "":
		return nil, refuse("Config.AppKey", "is empty")
	case cfg.AppSecret.IsZero():
		return nil, refuse("Config.AppSecret", "is empty")
	case cfg.Environment != bankmux.Sandbox && cfg.Environment != bankmux.Production:
		return nil, refuse("Config.Environment", "is neither sandbox nor production")
	case cfg.BodyLimit < 0:
		return nil, refuse("Config.BodyLimit", "is negative")
	case urlFault != "":
		return nil, refuse("Config.BaseURL", urlFault)
	case scriptFault != "":
		return nil, refuse("Config.ScriptURL", scriptFault)
	case webhookErr != nil:
		return nil, webhookErr
	}
	a := &adapter{
		env:       cfg.Environment,
		appKey:    cfg.AppKey,
		scriptURL: cfg.ScriptURL,
		api:       newAPI(cfg),
		webhooks:  webhooks,
		clock:     cfg.Now,
	}
	return bankmux.NewClient(cfg.Name, a, cfg.Guard.Interceptors(suitDapi)...), nil
}

// suitDapi sets what the application left open.
func suitDapi(o *guard.Options) {
	o.OnePerConnection, o.Hold = true, true
	if o.AtInstitution == nil {
		o.AtInstitution = atBank
	}
	for _, d := range []*time.Duration{&o.Deadline.Link, &o.Deadline.Data} {
		if *d == 0 {
			*d = patience
		}
	}
	if o.Deadline.Pay == 0 {
		o.Deadline.Pay = payPatience
	}
}

// atBank reports which calls the bank answers while they are open: all reads of data but those
// about the bank or an operation.
func atBank(op bankmux.Op) bool {
	return op.Group == bankmux.GroupData && op.Name != opBank.Name && op.Name != opOperation.Name
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
	env       bankmux.Environment
	appKey    string
	scriptURL string
	api       *api
	webhooks  webhooks
	clock     func() time.Time
	ranges    ranges
}

// Describe names the adapter.
func (a *adapter) Describe() bankmux.Description {
	return bankmux.Description{Provider: Name, Environment: a.env, PerAccount: true}
}

// Effect: a session is made here, without a call.
func (a *adapter) Effect(op bankmux.Op) bankmux.Effect {
	if op.Name == bankmux.OpCreateSession {
		return bankmux.Local
	}
	return op.Effect
}

// CreateSession writes the launch configuration. It sends nothing, and is
// refused all the same while Dapi is known to be down.
func (a *adapter) CreateSession(_ context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	s := bankmux.NewSession(req)
	opts, _ := bankmux.OptionOf[SessionOptions](req)
	for _, p := range req.Products {
		if p.Required && !model.Product(p.Product) {
			return bankmux.Session{}, &bankmux.Error{
				Kind: bankmux.ErrUnsupported, Field: "SessionRequest.Products",
				Detail: "Dapi has no " + normalize.CleanCode(string(p.Product)), NotSent: true,
			}
		}
	}
	s.Launch.Provider, s.Launch.Environment = Name, a.env
	s.Launch.AppKey, s.Launch.ScriptURL = a.appKey, a.scriptURL
	s.Launch.Countries = opts.Countries
	if len(s.Launch.Countries) == 0 && req.Country != "" {
		s.Launch.Countries = []string{req.Country}
	}
	switch {
	case req.Reconnect != nil:
		if old := req.Reconnect.Institution; old.ID != old.BIC {
			s.Launch.Institution = old.ID
		}
	case len(req.Institution) > 0:
		id, ok := req.Institution[Name]
		if !ok {
			return bankmux.Session{}, &bankmux.Error{
				Kind:    bankmux.ErrUnsupported,
				Field:   "SessionRequest.Institution",
				Detail:  "has no id for dapi",
				NotSent: true,
			}
		}
		s.Launch.Institution = id
	}
	s.Launch.Parameters = opts.parameters(req.Language)
	return s, nil
}

// ExchangeToken exchanges the access code, then reads the bank.
func (a *adapter) ExchangeToken(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.ExchangeResult, error) {
	conn, err := a.connect(ctx, req)
	return bankmux.ExchangeResult{Connection: conn}, err
}

func (a *adapter) connect(ctx context.Context, req bankmux.ExchangeRequest) (bankmux.Connection, error) {
	fields, err := req.Fields()
	if err != nil {
		return bankmux.Connection{}, err
	}
	if fields.Has("exchangeable_token") {
		return bankmux.Connection{}, &bankmux.Error{
			Kind: bankmux.ErrInvalid, Field: "ExchangeRequest.Payload", Code: bankmux.CodeOtherSession,
			Detail: "is of another provider's Connect", NotSent: true,
		}
	}
	code, err := fields.Text("accessCode")
	if err != nil {
		return bankmux.Connection{}, err
	}
	connectionID, err := fields.Text("connectionID")
	if err != nil {
		return bankmux.Connection{}, err
	}
	userSecret, err := fields.Text("userSecret")
	if err != nil {
		return bankmux.Connection{}, err
	}
	for _, token := range []string{code, userSecret, connectionID} {
		if !normalize.Token(token) {
			return bankmux.Connection{}, normalize.UnsendableToken()
		}
	}
	answer, err := a.api.exchangeToken(ctx, code, connectionID)
	if err != nil {
		return bankmux.Connection{}, err
	}
	institution, err := a.bank(ctx, access{answer.AccessToken, userSecret})
	if err != nil && !firm(err) {
		institution, err = bankmux.Institution{}, nil // exchanged: kept as unverified
	}
	if err != nil {
		return bankmux.Connection{}, err
	}
	grant, err := model.NewGrant(answer.AccessToken, userSecret, connectionID, model.IDs{
		User: told(answer.UserID, fields, "userID"), Token: told(answer.TokenID, fields, "tokenID"),
	})
	if err != nil {
		return bankmux.Connection{}, err
	}
	conn, err := model.Connection(req.Session, grant, institution)
	if err != nil {
		return bankmux.Connection{}, err
	}
	if old := req.Session.Reconnect; old != nil {
		if err := otherBank(old.Institution, institution); err != nil {
			return bankmux.Connection{}, err
		}
	}
	return conn, nil
}

// told is an id that calls do not need: that of the answer, else that of the payload.
func told(id string, fields bankmux.Payload, key string) string {
	if id == "" && fields.Has(key) {
		id, _ = fields.Text(key)
	}
	return id
}

// otherBank refuses a login at a bank other than the one before, where both are known.
func otherBank(before, now bankmux.Institution) error {
	if !model.AnotherBank(before, now) {
		return nil
	}
	return &bankmux.Error{
		Kind:   bankmux.ErrInvalid,
		Field:  "ExchangeRequest.Payload",
		Status: http.StatusOK,
		Detail: "the user logged in at another bank than the connection's",
	}
}

// firm reports whether a failure to read the bank is a verdict on the connection, so that keeping
// it would not help: Dapi's own word, or the adapter's. A bare status is not a verdict, for it may
// be a proxy's.
func firm(err error) bool {
	e := asError(err)
	if e == nil || e.Unlisted {
		return false
	}
	switch e.Kind {
	case bankmux.ErrInvalid,
		bankmux.ErrReauth,
		bankmux.ErrGone,
		bankmux.ErrTokenSpent,
		bankmux.ErrCredentials,
		bankmux.ErrNotPermitted:
		return e.Code != "" || e.Field != ""
	}
	return false
}

// bank reads what Dapi says of a connection's bank, and refuses a sandbox bank in production.
func (a *adapter) bank(ctx context.Context, to access) (bankmux.Institution, error) {
	answer, err := a.api.metadata(ctx, to)
	if err != nil {
		return bankmux.Institution{}, err
	}
	b := answer.bank()
	if b.BankID == "" && b.SwiftCode == "" && b.Name == "" {
		return bankmux.Institution{}, &bankmux.Error{
			Kind:   bankmux.ErrMalformed,
			Status: http.StatusOK,
			Detail: "the answer does not say which bank it is",
		}
	}
	if a.env == bankmux.Production && model.SandboxBank(b) {
		return bankmux.Institution{}, &bankmux.Error{
			Kind: bankmux.ErrInvalid, Field: "ExchangeRequest.Payload", Status: http.StatusOK,
			Detail: "the login is at a sandbox bank, and the client is for production",
		}
	}
	return model.Institution(b)
}

// ConnectionStatus reads the bank's metadata, which proves that the connection lives and never asks
// the user for anything. The login is the one that was checked when it was exchanged, so a bank
// that goes by another name or code now has merged, and the connection is brought up to date.
func (a *adapter) ConnectionStatus(ctx context.Context, req bankmux.StatusRequest) (bankmux.StatusResult, error) {
	conn := req.Connection
	to, err := accessOf(conn)
	if err != nil {
		return bankmux.StatusResult{}, err
	}
	institution, err := a.bank(ctx, to)
	if err == nil && conn.Status.State == bankmux.StateUnverified { // the check that a reconnect could not make
		err = otherBank(conn.Institution, institution)
	}
	switch {
	case err == nil:
		conn.Institution = updated(conn.Institution, institution)
		if conn.Status.State == bankmux.StateUnverified {
			conn.Status.State = bankmux.StateActive
		}
	case bankmux.KindOf(err).State() == "":
		return bankmux.StatusResult{}, err
	}
	conn.Status = conn.Status.After(err)
	conn.UpdatedAt = time.Now().UTC().Truncate(time.Millisecond)
	return bankmux.StatusResult{Connection: conn}, nil
}

// updated is what is known of a bank after an answer about it. What the answer does not say stays:
// the country decides which day is today.
func updated(before, now bankmux.Institution) bankmux.Institution {
	if before.ID != "" && (now.ID == "" || now.ID == now.BIC) { // the answer has no id of its own
		now.ID = before.ID
	}
	now.Name = cmp.Or(now.Name, before.Name)
	now.Country = cmp.Or(now.Country, before.Country)
	now.BIC = cmp.Or(now.BIC, before.BIC)
	now.LogoURL = cmp.Or(now.LogoURL, before.LogoURL)
	return now
}

// Disconnect delinks the user at the bank.
func (a *adapter) Disconnect(ctx context.Context, req bankmux.DisconnectRequest) (bankmux.DisconnectResult, error) {
	conn := req.Connection
	to, err := accessOf(conn)
	if err != nil {
		return bankmux.DisconnectResult{}, err
	}
	err = a.api.delink(ctx, to)
	if err != nil && !errors.Is(err, bankmux.ErrGone) && !tokenDead(err) {
		return bankmux.DisconnectResult{}, err
	}
	conn.UpdatedAt = time.Now().UTC().Truncate(time.Millisecond)
	conn.Status = bankmux.Status{State: bankmux.StateGone, At: conn.UpdatedAt}
	return bankmux.DisconnectResult{Connection: conn}, nil
}

// tokenDead reports whether Dapi refused the access token itself, which then gives no access. A
// bank login that changed is another matter: Dapi still has the connection.
func tokenDead(err error) bool {
	e := asError(err)
	return e != nil && e.Code == "INVALID_TOKEN"
}

// Interfaces the adapter satisfies: its capabilities. Dapi has no call that
// checks an application's credentials alone, so it is no CredentialChecker.
var (
	_ bankmux.Provider      = (*adapter)(nil)
	_ bankmux.Describer     = (*adapter)(nil)
	_ bankmux.EffectDecider = (*adapter)(nil)
	_ bankmux.StatusReader  = (*adapter)(nil)
	_ bankmux.Disconnector  = (*adapter)(nil)

	_ bankmux.AccountLister             = (*adapter)(nil)
	_ bankmux.BalanceReader             = (*adapter)(nil)
	_ bankmux.AccountNumberReader       = (*adapter)(nil)
	_ bankmux.IdentityReader            = (*adapter)(nil)
	_ bankmux.CardLister                = (*adapter)(nil)
	_ bankmux.TransactionLister         = (*adapter)(nil)
	_ bankmux.EnrichedTransactionLister = (*adapter)(nil)
	_ bankmux.TransactionSyncer         = (*adapter)(nil)
	_ bankmux.WebhookReader             = (*adapter)(nil)
)
