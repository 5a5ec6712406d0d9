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
	SessionOptions
	ClientName   string              `json:"client_name"`
	Language     string              `json:"language"`
	User         *linkUser           `json:"user,omitempty"`
	Webhook      string              `json:"webhook,omitempty"`
	AccessToken  string              `json:"access_token,omitempty"`
	Update       map[string]bool     `json:"update,omitempty"`
	RedirectURI  string              `json:"redirect_uri,omitempty"`
	Filters      map[string]subtypes `json:"account_filters,omitempty"`
	Transactions map[string]int      `json:"transactions,omitempty"`
	Institution  map[string]string   `json:"institution_data,omitempty"`
}

type linkUser struct {
	ID    string `json:"client_user_id"`
	Phone string `json:"phone_number,omitempty"`
	Email string `json:"email_address,omitempty"`
}

type userResponse struct {
	UserID string `json:"user_id" need:"value"`
}

// subtypes are the subtypes of accounts that a member of its own names.
type subtypes map[string][]string

type linkTokenResponse struct {
	LinkToken  string `json:"link_token"      need:"token"`
	Expiration string `json:"expiration"`
	HostedURL  string `json:"hosted_link_url"`
}

// linkSessionsResponse has what the sessions of a link token made. The results of sessions without
// a hosted page are there only for applications with Link events.
type linkSessionsResponse struct {
	LinkToken string                 `json:"link_token"    need:"value"`
	Sessions  wire.List[linkSession] `json:"link_sessions"`
}

type linkSession struct {
	StartedAt  string `json:"started_at"`
	FinishedAt string `json:"finished_at"`
	// Results decide: read as absent, a session would seem unfinished.
	Results wire.Exact[*struct {
		Added wire.List[wire.Object[addedItem]] `json:"item_add_results"`
	}] `json:"results"`
	OnSuccess *struct {
		PublicToken string `json:"public_token"`
	} `json:"on_success"` // deprecated, one token only
	Exit   json.RawMessage `json:"exit"`
	OnExit json.RawMessage `json:"on_exit"` // deprecated
}

// addedItem is an Item that a session made.
type addedItem struct {
	PublicToken string `json:"public_token"`
	Institution struct {
		ID   string `json:"institution_id"`
		Name string `json:"name"`
	} `json:"institution"`
}

// tokenRequest is the body of the calls about a token of Link.
type tokenRequest struct {
	LinkToken   string `json:"link_token,omitempty"`
	PublicToken string `json:"public_token,omitempty"`
}

type exchangeResponse struct {
	AccessToken string `json:"access_token" need:"token"`
	ItemID      string `json:"item_id"      need:"token"`
}

// itemRequest is the body of the calls about an Item. Each endpoint takes some of the members.
type itemRequest struct {
	AccessToken string       `json:"access_token"`
	WebhookType string       `json:"webhook_type,omitempty"`
	WebhookCode string       `json:"webhook_code,omitempty"`
	Cursor      string       `json:"cursor,omitempty"`
	Count       int          `json:"count,omitempty"` // of a sync
	From        string       `json:"start_date,omitempty"`
	To          string       `json:"end_date,omitempty"`
	Options     *itemOptions `json:"options,omitempty"`
}

// webhookRequest is the body of POST /item/webhook/update. Null removes the address.
type webhookRequest struct {
	AccessToken string  `json:"access_token"`
	Webhook     *string `json:"webhook"`
}

type itemOptions struct {
	Accounts []string `json:"account_ids,omitempty"`
	Count    int      `json:"count,omitempty"`
	Offset   int      `json:"offset,omitempty"`
	// Original asks for the bank's own text. A sync must have the same value on each page.
	Original bool `json:"include_original_description,omitempty"`
	// Async makes the first reading of investments return at once. Otherwise it takes minutes.
	Async bool `json:"async_update,omitempty"`
	// Oldest is the oldest moment that is good enough for a balance. Capital One requires it, and
	// Plaid ignores it for other banks.
	Oldest string `json:"min_last_updated_datetime,omitempty"`
}

// itemData is an Item, which is a connection in Plaid's words.
type itemData struct {
	ItemID          string `json:"item_id"          need:"value"`
	InstitutionID   string `json:"institution_id"`
	InstitutionName string `json:"institution_name"`
	Webhook         string `json:"webhook"`
	// Error decides: if it were read as null, a broken Item would seem to work.
	Error wire.Nullable[envelope] `json:"error" need:"value"`
	// The products that took effect. If they were read as none, debts would lose what is due.
	Products       wire.Exact[[]string] `json:"products"`
	BilledProducts wire.Exact[[]string] `json:"billed_products"         need:"value"`
	ConsentEnds    string               `json:"consent_expiration_time"`
}

// itemResponse also says how fresh the products are that Plaid fetches by itself.
type itemResponse struct {
	Item   itemData `json:"item"`
	Status struct {
		Transactions productUpdates `json:"transactions"`
		Investments  productUpdates `json:"investments"`
	} `json:"status"`
}

type productUpdates struct {
	Succeeded string `json:"last_successful_update"`
	Failed    string `json:"last_failed_update"`
}

// doneResponse is the response of an endpoint without data.
type doneResponse struct {
	RequestID string `json:"request_id" need:"value"`
}

// institutionsRequest is the body of the calls about banks: a page of all, some by name, or one.
type institutionsRequest struct {
	Count     int             `json:"count,omitempty"`
	Offset    *int            `json:"offset,omitempty"`
	Query     string          `json:"query,omitempty"`
	ID        string          `json:"institution_id,omitempty"`
	Countries []string        `json:"country_codes"`
	Options   map[string]bool `json:"options,omitempty"`
}

// withMetadata asks for address and color of a bank.
var withMetadata = map[string]bool{"include_optional_metadata": true}

type foundResponse struct {
	Institutions wire.List[institution] `json:"institutions" need:"value"`
}

type institutionsResponse struct {
	foundResponse
	// Total decides where the list ends, since a page may be shorter than requested.
	Total wire.Exact[*int] `json:"total" need:"value"`
}

type institutionResponse struct {
	Institution wire.Object[institution] `json:"institution"`
}

// Lacks requires the id, since any other member may be absent.
func (r *institutionResponse) Lacks() string {
	return wire.Need(r.Institution.Value.InstitutionID != "", "institution.institution_id")
}

type institution struct {
	InstitutionID string   `json:"institution_id"`
	Name          string   `json:"name"`
	Countries     []string `json:"country_codes"`
	URL           string   `json:"url"`
	Color         string   `json:"primary_color"`
}

type identityResponse struct {
	Accounts wire.List[accountOwners] `json:"accounts" need:"value"`
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
	Key json.RawMessage `json:"key" need:"value"`
}
