package moneykit

// The wire types, as MoneyKit's SDK models have them. In an answer null is read as the zero value.

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

// linkSettings override the application's defaults for one session.
type linkSettings struct {
	Providers []string                   `json:"providers,omitempty"`
	Products  map[string]productSettings `json:"products,omitempty"`
	Countries []string                   `json:"countries,omitempty"`
}

// productSettings say how much a product is wanted.
type productSettings struct {
	Required          bool   `json:"required"`
	RequirePermission bool   `json:"require_permission"`
	Prefetch          bool   `json:"prefetch"`
	Reason            string `json:"reason,omitempty"`
}

// linkData is a connection as MoneyKit sees it.
type linkData struct {
	LinkID            string                  `json:"link_id"`
	InstitutionID     string                  `json:"institution_id"`
	InstitutionName   string                  `json:"institution_name"`
	InstitutionAvatar string                  `json:"institution_avatar"`
	State             string                  `json:"state"`
	ErrorCode         string                  `json:"error_code"`
	LinkTags          []string                `json:"link_tags"`
	Webhook           string                  `json:"webhook"`
	Products          map[string]*linkProduct `json:"products"`
}

// The link states this file's neighbours ask for by name.
const (
	stateConnected = "connected"
	stateError     = "error"
)

// linkProduct says how fresh one product of a link is.
type linkProduct struct {
	RefreshedAt     string `json:"refreshed_at"`
	LastAttemptedAt string `json:"last_attempted_at"`
	ErrorCode       string `json:"error_code"`
}

type exchangeBody struct {
	ExchangeableToken string `json:"exchangeable_token"`
}

// exchangeAnswer: link_id beside link is deprecated but still sent.
type exchangeAnswer struct {
	LinkID string    `json:"link_id"`
	Link   *linkData `json:"link"`
}

type linkSessionAnswer struct {
	LinkSessionToken string `json:"link_session_token"`
}

type userLinksAnswer struct {
	Links map[string]linkData `json:"links"`
}

type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int64  `json:"expires_in"`
}

type introspectAnswer struct {
	ClientID string `json:"client_id"`
	App      struct {
		Name    string `json:"name"`
		AppName string `json:"app_name"`
	} `json:"app"`
}
