package moneykit

import (
	"encoding/json"
	"reflect"

	"github.com/bankmux/bankmux/adapter/wire"
)

// The types of this file are MoneyKit's wire format, from its SDK models. In a response, null is
// read as the zero value, and so is a member of another shape: see [wire.Decode].

// createLinkSession is the body of POST /link-session.
type createLinkSession struct {
	Settings          *linkSettings      `json:"settings,omitempty"`
	CustomerUser      customerUser       `json:"customer_user"`
	ExistingLinkID    string             `json:"existing_link_id,omitempty"`
	InstitutionID     string             `json:"institution_id,omitempty"`
	RedirectURI       string             `json:"redirect_uri"`
	Webhook           string             `json:"webhook,omitempty"`
	LinkTags          []string           `json:"link_tags,omitempty"`
	ConnectFeatures   *ConnectFeatures   `json:"connect_features,omitempty"`
	CustomSandboxData *CustomSandboxData `json:"custom_sandbox_data,omitempty"`
}

// customerUser is the application's user.
type customerUser struct {
	ID    string         `json:"id"`
	Email *customerEmail `json:"email,omitempty"`
	Phone *customerPhone `json:"phone,omitempty"`
}

// customerEmail is the user's e-mail address.
type customerEmail struct {
	Address    string `json:"address"`
	VerifiedAt string `json:"customer_verified_at,omitempty"`
}

// customerPhone is the user's telephone number.
type customerPhone struct {
	Number     string `json:"number"`
	Country    string `json:"country,omitempty"`
	VerifiedAt string `json:"customer_verified_at,omitempty"`
}

// linkSettings replace the application's defaults for one session.
type linkSettings struct {
	Providers []string                   `json:"providers,omitempty"`
	Products  map[string]productSettings `json:"products,omitempty"`
	Countries []string                   `json:"countries,omitempty"`
}

// productSettings say how a product is requested.
type productSettings struct {
	Required          bool   `json:"required"`
	RequirePermission bool   `json:"require_permission"`
	Prefetch          bool   `json:"prefetch"`
	Reason            string `json:"reason,omitempty"`
}

// linkData is a link, which is a connection in MoneyKit's words.
type linkData struct {
	LinkID            string                  `json:"link_id"            need:"value"`
	InstitutionID     string                  `json:"institution_id"`
	InstitutionName   string                  `json:"institution_name"`
	InstitutionAvatar string                  `json:"institution_avatar"`
	State             string                  `json:"state"              need:"value"`
	ErrorCode         string                  `json:"error_code"`
	LinkTags          []string                `json:"link_tags"`
	Webhook           string                  `json:"webhook"`
	Products          map[string]*linkProduct `json:"products"`
	AvailableProducts []string                `json:"available_products"`
}

// The link states that the adapter treats by name.
const (
	stateConnected = "connected"
	stateError     = "error"
	stateDeleted   = "deleted"
)

// changedLink is the link in the response to a change of it.
type changedLink struct{ linkData }

// deletedLink is the response to the end of a link, which may be empty: see nothing.
type deletedLink struct{}

// linkProduct says how fresh one product of a link is.
type linkProduct struct {
	RefreshedAt     string `json:"refreshed_at"`
	LastAttemptedAt string `json:"last_attempted_at"`
	ErrorCode       string `json:"error_code"`
	Unavailable     string `json:"unavailable"` // why it cannot be refreshed now

	odd bool // granted, but of another shape
}

// NoteOtherShape keeps a product of another shape. Only null says that it was not granted.
func (p *linkProduct) NoteOtherShape() { p.odd = true }

type exchangeBody struct {
	ExchangeableToken string `json:"exchangeable_token"`
}

// exchangeResponse has link_id beside link. It is deprecated, but still sent.
type exchangeResponse struct {
	LinkID string    `json:"link_id"`
	Link   *linkData `json:"link"`
}

type linkSessionResponse struct {
	LinkSessionToken string `json:"link_session_token" need:"token"`
}

type userLinksResponse struct {
	Links map[string]linkData `json:"links" need:"value"`
}

type tokenResponse struct {
	AccessToken string       `json:"access_token" need:"token"`
	ExpiresIn   wire.Seconds `json:"expires_in"`
}

type introspectResponse struct {
	ClientID string `json:"client_id" need:"value"`
	App      struct {
		Name    string `json:"name"`
		AppName string `json:"app_name"`
	} `json:"app"`
}

// keysResponse has JSON Web Keys.
type keysResponse struct {
	Keys []json.RawMessage `json:"keys"`
}

// linksResponse is a page of links. Both members are optional, and null counts as present.
type linksResponse struct {
	Links      present[wire.List[listedLink]] `json:"links"`
	NextCursor present[wire.Text]             `json:"next_cursor"` // "", the declared default, is the end
	Others     map[string]struct{}            `json:",embed"`
}

// present is a member that knows whether it was in the response. Null counts.
type present[T any] struct {
	Value T
	Found bool
}

// KeysMayRepeat says that the value checks its own keys.
func (*present[T]) KeysMayRepeat() {}

// InspectAs names the members of T: see [wire.Inspect].
func (*present[T]) InspectAs() reflect.Type { return reflect.TypeFor[T]() }

// UnmarshalJSON reads what T reads.
func (p *present[T]) UnmarshalJSON(raw []byte) error {
	p.Found = true
	if string(raw) == "null" {
		return nil
	}
	return wire.Decode(raw, &p.Value)
}

type listedLink struct {
	LinkID    string `json:"link_id"`
	CreatedAt string `json:"created_at"`
}

type correctionBody struct {
	Category    string `json:"category"`
	Subcategory string `json:"subcategory,omitempty"`
}

type webhookTestBody struct {
	Event string `json:"webhook_event"`
	Key   string `json:"webhook_idempotency_key"`
}

type webhookTestResponse struct {
	DeliveryToken string `json:"delivery_token" need:"value"`
}

type refreshBody struct {
	Products []string `json:"products"`
}

// institution has the country GB, not UK.
type institution struct {
	InstitutionID string   `json:"institution_id"         need:"value"`
	Aliases       []string `json:"institution_id_aliases"`
	Name          string   `json:"name"`
	Country       string   `json:"country"`
	Domain        string   `json:"domain"`
	Color         string   `json:"color"`
	ColorDark     string   `json:"color_dark"`
	IsFeatured    bool     `json:"is_featured"`
}

type institutionsResponse struct {
	Institutions wire.List[institution] `json:"institutions" need:"value"`
	Cursors      struct {
		Next wire.Text `json:"next"`
	} `json:"cursors"`
}

// webhookBody has the members that are common to all deliveries, and some of particular events.
type webhookBody struct {
	Event     string   `json:"webhook_event"`
	Major     *int     `json:"webhook_major_version"`
	Timestamp string   `json:"webhook_timestamp"`
	Key       string   `json:"webhook_idempotency_key"`
	LinkID    string   `json:"link_id"`
	LinkTags  []string `json:"link_tags"`

	State   string `json:"state"`
	Error   string `json:"error"`
	Product string `json:"product"`
}
