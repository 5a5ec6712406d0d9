package plaid

import (
	"encoding/json"

	"github.com/bankmux/bankmux/adapter/wire"
)

// The types of this file are Plaid's wire format, from its OpenAPI document of 2026. In a response,
// null is read as the zero value, and so is a member of another shape: see [wire.Decode].

// linkTokenRequest is the body of POST /link/token/create. In update mode it has an access token
// and no products.
type linkTokenRequest struct {
	ClientName   string    `json:"client_name"`
	Language     string    `json:"language"`
	CountryCodes []string  `json:"country_codes"`
	User         *linkUser `json:"user,omitempty"`
	UserID       string    `json:"user_id,omitempty"`

	productLists
	Webhook      string              `json:"webhook,omitempty"`
	AccessToken  string              `json:"access_token,omitempty"`
	Update       *linkUpdate         `json:"update,omitempty"`
	RedirectURI  string              `json:"redirect_uri,omitempty"`
	Android      string              `json:"android_package_name,omitempty"`
	Custom       string              `json:"link_customization_name,omitempty"`
	Filters      map[string]subtypes `json:"account_filters,omitempty"`
	Transactions *linkTransactions   `json:"transactions,omitempty"`
	Institution  *linkInstitution    `json:"institution_data,omitempty"`
	Hosted       *HostedLink         `json:"hosted_link,omitempty"`
	Multi        bool                `json:"enable_multi_item_link,omitempty"`
}

// productLists are the four lists of products. No product may be in two of them.
type productLists struct {
	Products    []string `json:"products,omitempty"`
	IfSupported []string `json:"required_if_supported_products,omitempty"`
	Optional    []string `json:"optional_products,omitempty"`
	Consented   []string `json:"additional_consented_products,omitempty"`
}

type linkUser struct {
	ID    string `json:"client_user_id"`
	Phone string `json:"phone_number,omitempty"`
	Email string `json:"email_address,omitempty"`
}

type userResponse struct {
	UserID string `json:"user_id"`
}

type linkUpdate struct {
	AccountSelection bool `json:"account_selection_enabled"`
}

type subtypes struct {
	Subtypes []string `json:"account_subtypes"`
}

type linkTransactions struct {
	Days int `json:"days_requested"`
}

type linkInstitution struct {
	RoutingNumber string `json:"routing_number"`
}

type linkTokenResponse struct {
	LinkToken  string `json:"link_token"`
	Expiration string `json:"expiration"`
	HostedURL  string `json:"hosted_link_url"`
}

// linkSessionsResponse has what the sessions of a link token made. The results of sessions without
// a hosted page are there only for applications with Link events.
type linkSessionsResponse struct {
	LinkToken string                 `json:"link_token"`
	Sessions  wire.List[linkSession] `json:"link_sessions"`
}

type linkSession struct {
	SessionID  string `json:"link_session_id"`
	StartedAt  string `json:"started_at"`
	FinishedAt string `json:"finished_at"`
	Results    *struct {
		Added wire.List[addedItem] `json:"item_add_results"`
	} `json:"results"`
	OnSuccess *struct {
		PublicToken string `json:"public_token"`
	} `json:"on_success"` // deprecated, one token only
	Exit *struct {
		Error *envelope `json:"error"`
	} `json:"exit"`
}

// addedItem is an Item that a session made.
type addedItem struct {
	PublicToken string `json:"public_token"`
	Institution struct {
		ID   string `json:"institution_id"`
		Name string `json:"name"`
	} `json:"institution"`
}

type exchangeResponse struct {
	AccessToken string `json:"access_token"`
	ItemID      string `json:"item_id"`
}

// itemRequest names the Item by its access token.
type itemRequest struct {
	AccessToken string `json:"access_token"`
}

// webhookRequest changes the webhook of an Item.
type webhookRequest struct {
	AccessToken string `json:"access_token"`
	Webhook     string `json:"webhook"`
}

// itemData is an Item, which is a connection in Plaid's words.
type itemData struct {
	ItemID          string `json:"item_id"`
	InstitutionID   string `json:"institution_id"`
	InstitutionName string `json:"institution_name"`
	Webhook         string `json:"webhook"`
	// Error decides: read as absent, a broken Item would seem to work.
	Error          wire.Exact[*envelope] `json:"error"`
	Products       []string              `json:"products"` // those that took effect
	BilledProducts []string              `json:"billed_products"`
	ConsentEnds    string                `json:"consent_expiration_time"`
}

// itemResponse also says how fresh the products are that Plaid fetches by itself.
type itemResponse struct {
	Item   itemData `json:"item"`
	Status struct {
		Transactions *productUpdates `json:"transactions"`
		Investments  *productUpdates `json:"investments"`
	} `json:"status"`
}

type productUpdates struct {
	Succeeded string `json:"last_successful_update"`
	Failed    string `json:"last_failed_update"`
}

// doneResponse is the response of an endpoint without data.
type doneResponse struct {
	RequestID string `json:"request_id"`
}

type institutionsRequest struct {
	Count     int                `json:"count"`
	Offset    int                `json:"offset"`
	Countries []string           `json:"country_codes"`
	Options   institutionOptions `json:"options"`
}

type institutionRequest struct {
	ID        string             `json:"institution_id"`
	Countries []string           `json:"country_codes"`
	Options   institutionOptions `json:"options"`
}

type searchRequest struct {
	Query     string             `json:"query"`
	Countries []string           `json:"country_codes"`
	Options   institutionOptions `json:"options"`
}

// institutionOptions ask for address and color.
type institutionOptions struct {
	Metadata bool `json:"include_optional_metadata"`
}

type institutionsResponse struct {
	Institutions wire.List[institution] `json:"institutions"`
	// Total decides where the list ends, since a page may be shorter than requested.
	Total wire.Exact[int] `json:"total"`
}

type institutionResponse struct {
	Institution wire.Object[institution] `json:"institution"`
}

type institution struct {
	InstitutionID string   `json:"institution_id"`
	Name          string   `json:"name"`
	Countries     []string `json:"country_codes"`
	URL           string   `json:"url"`
	Color         string   `json:"primary_color"`
}

type identityResponse struct {
	Accounts wire.List[accountOwners] `json:"accounts"`
}

type accountOwners struct {
	AccountID string           `json:"account_id"`
	Owners    wire.List[owner] `json:"owners"`
}

type owner struct {
	Names     []string `json:"names"`
	Addresses []struct {
		Primary bool `json:"primary"`
		Data    struct {
			Street     string `json:"street"`
			City       string `json:"city"`
			Region     string `json:"region"`
			PostalCode string `json:"postal_code"`
			Country    string `json:"country"`
		} `json:"data"`
	} `json:"addresses"`
	Phones []struct {
		Number  string `json:"data"`
		Type    string `json:"type"`
		Primary bool   `json:"primary"`
	} `json:"phone_numbers"`
	Emails []struct {
		Address string `json:"data"`
		Primary bool   `json:"primary"`
	} `json:"emails"`
}

// keyResponse has one JSON Web Key, with expired_at beside its members.
type keyResponse struct {
	Key json.RawMessage `json:"key"`
}
