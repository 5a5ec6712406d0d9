package virtualbank

import (
	"encoding/json"

	"github.com/bankmux/bankmux/virtualbank/internal/dapi"
)

// DapiEvents are the bank's own names for what Dapi announces; Dapi publishes neither names nor the
// form of a body.
func DapiEvents() []string { return dapi.Events() }

// DapiLink is what a user does in Dapi's Connect. Only the key is needed.
type DapiLink struct {
	AppKey        string   `json:"appKey"`
	InstitutionID string   `json:"institution_id"` // "" takes the first of the countries
	Username      string   `json:"username"`       // "" is [UserGood]
	Password      string   `json:"password"`       // "" is [PassGood]
	Countries     []string `json:"countries"`      // as in Connect's configuration; empty is all
	Environment   string   `json:"environment"`    // "sandbox", also when empty, or "production"
}

// LinkDapi plays the user in Connect and returns the payload that Connect hands to the
// page. The error is a [*Refusal]. Every call makes a new connection, as every login does.
func (b *Bank) LinkDapi(in DapiLink) (json.RawMessage, error) {
	return b.dapi.Link(dapi.ConnectInput(in))
}

// RequireInput makes the next call of that path on a Dapi connection ask the user, one round after
// another: each round lists the kinds of its inputs. Right answers are 123456 (otp, token), 1234
// (pin), BANK7 (captcha), blue (secret_question), true (confirmation) and 0 (multiple_choice).
// operation is a path such as "/data/balance/get"; "" is any data or payment call. The error is a
// [*Refusal].
func (b *Bank) RequireInput(connectionID, operation string, rounds ...[]string) error {
	return b.dapi.RequireInput(connectionID, operation, rounds...)
}

// Defer makes the next call of that path on a Dapi connection answer "initialized"; the operation
// is found running so many times, then done. "" is any data or payment call. The error is a
// [*Refusal].
func (b *Bank) Defer(connectionID, operation string, polls int) error {
	return b.dapi.Defer(connectionID, operation, polls)
}

// DapiWebhooks are what an application sets on Dapi's dashboard. Without URL nothing is announced.
type DapiWebhooks struct {
	URL     string
	Encrypt bool // the body is {"data": base64 of IV and AES-CFB text}; where Dapi puts it is not known
	Legacy  bool // signed with dapi-ts and dapi-signature
}

// AnnounceDapi says where and how Dapi's webhooks go from now on.
func (b *Bank) AnnounceDapi(o DapiWebhooks) { b.dapi.SetWebhooks(dapi.Webhooks(o)) }

// WebhookSecrets are what Dapi's dashboard shows for webhooks: the secrets that sign now, newest
// first, the secret of the older scheme, and the AES key of encrypted payloads.
func (b *Bank) WebhookSecrets() (svix []string, legacy, key string) {
	b.core.Lock()
	defer b.core.Unlock()
	return b.dapi.Secrets()
}
