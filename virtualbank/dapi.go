package virtualbank

// This file has what only Dapi has: the login, questions, deferrals and the dashboard.

import (
	"encoding/json"

	"github.com/bankmux/bankmux/virtualbank/internal/dapi"
)

// DapiEvents returns the names of Dapi's webhook events. Dapi publishes neither names nor bodies,
// so both are the bank's choice.
func DapiEvents() []string { return dapi.Events() }

// DapiLink is what a user enters in Dapi's Connect. AppKey suffices.
type DapiLink struct {
	AppKey        string   `json:"appKey"`
	InstitutionID string   `json:"institution_id"` // "" means the first that fits
	Username      string   `json:"username"`       // "" means [UserGood]
	Password      string   `json:"password"`       // "" means [PassGood]
	Countries     []string `json:"countries"`      // as in Connect's configuration; empty means all
	Environment   string   `json:"environment"`    // "sandbox" or "production"; "" means sandbox
}

// LinkDapi plays the user in Dapi's Connect. It returns the JSON that Connect passes to the page.
// Every call makes a new connection, as every login does. The error is a [*Refusal].
func (b *Bank) LinkDapi(in DapiLink) (json.RawMessage, error) {
	return b.dapi.Link(dapi.ConnectInput(in))
}

// RequireInput makes the next call of an operation on a Dapi connection ask the user for input. The
// operation is the path behind the API's version, such as "/data/balance/get". "" means any data or
// payment call. Each round lists the kinds of input that the bank asks for at once, and there is at
// least one. The error is a [*Refusal]. That of an unknown operation lists the known ones.
//
// The correct answers are:
//
//	otp, token       123456
//	pin              1234
//	captcha          BANK7
//	secret_question  blue
//	confirmation     true
//	multiple_choice  0
func (b *Bank) RequireInput(connectionID, operation string, rounds ...[]string) error {
	return b.dapi.RequireInput(connectionID, operation, rounds...)
}

// Defer makes the next call of an operation on a Dapi connection return status "initialized". As
// many status calls as polls says then find it running, and the next one finds it done. The
// operation and the error are as with [Bank.RequireInput].
func (b *Bank) Defer(connectionID, operation string, polls int) error {
	return b.dapi.Defer(connectionID, operation, polls)
}

// DapiWebhooks holds the webhook settings of Dapi's dashboard. If URL is empty, Dapi sends no
// webhooks.
type DapiWebhooks struct {
	URL string

	// Encrypt sends {"data": …}, with an IV and the body encrypted by AES-CFB, in base64. Dapi does
	// not document the name of the member.
	Encrypt bool

	// Legacy signs with the older headers Dapi-Ts and Dapi-Signature.
	Legacy bool
}

// AnnounceDapi sets the address and the form of Dapi's later webhooks.
func (b *Bank) AnnounceDapi(o DapiWebhooks) { b.dapi.SetWebhooks(dapi.Webhooks(o)) }

// WebhookSecrets returns the webhook secrets of Dapi's dashboard. The result svix has the secrets
// that sign now, the newest first. The result legacy is the secret of the older scheme, and the
// result key is the AES key of encrypted bodies.
func (b *Bank) WebhookSecrets() (svix []string, legacy, key string) {
	b.core.Lock()
	defer b.core.Unlock()
	return b.dapi.WebhookSecrets()
}
