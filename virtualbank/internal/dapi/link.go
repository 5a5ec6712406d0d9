package dapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// accessCodeTTL on the bank's clock: the shorter of the two lives that sources give.
const accessCodeTTL = 5 * time.Minute

// ConnectInput is what a user does in Dapi's Connect. Only the key is needed.
type ConnectInput struct {
	AppKey        string   `json:"appKey"`
	InstitutionID string   `json:"institution_id"` // "" takes the first of the countries
	Username      string   `json:"username"`       // "" is [UserGood]
	Password      string   `json:"password"`       // "" is [PassGood]
	Countries     []string `json:"countries"`      // as in Connect's configuration; empty is all
	Environment   string   `json:"environment"`    // "sandbox", also when empty, or "production"
}

// connectPayload is what Dapi's Connect hands to onSuccess.
type connectPayload struct {
	Success      bool   `json:"success"`
	Status       string `json:"status"`
	OperationID  string `json:"operationID"`
	AccessCode   string `json:"accessCode"`
	ConnectionID string `json:"connectionID"`
	UserSecret   string `json:"userSecret"`
	UserID       string `json:"userID"`
	TokenID      string `json:"tokenID"`
}

// Link plays the user in Connect and returns the payload that Connect hands to the
// page. The error is a [*Refusal]. Every call makes a new connection, as every login does.
func (b *Provider) Link(in ConnectInput) (json.RawMessage, error) {
	switch {
	case in.AppKey == "":
		return nil, bank.Refuse(http.StatusBadRequest, "appKey is missing")
	case !bank.Same(in.AppKey, b.appKey):
		return nil, bank.Refuse(http.StatusUnprocessableEntity, "unknown appKey")
	case in.Environment != "" && in.Environment != "sandbox" && in.Environment != "production":
		return nil, bank.Refuse(http.StatusBadRequest, "environment is neither sandbox nor production")
	}
	at, refused := b.choose(in)
	if refused != nil {
		return nil, refused
	}
	username, _ := bank.OrGood(in.Username, in.Password)
	if !b.Knows(in.Username, in.Password) {
		return nil, bank.WrongLogin(at)
	}
	b.Lock()
	defer b.Unlock()
	conn := &connection{
		bank: b,
		id:   b.Gen.UUID(), institution: at, bankID: at.DapiID, tokenID: b.Gen.UUID(), book: b.Open(at, username),
		userSecret: b.Gen.Hide(base64.StdEncoding.EncodeToString(b.Gen.Bytes(525))),
	}
	if in.Environment == "production" {
		conn.bankID = at.DapiProductionID
	}
	// The same person at the same bank is the same user, however often linked.
	mac := hmac.New(sha512.New, b.JwtKey)
	mac.Write([]byte(conn.bankID + "\x00" + username))
	conn.userID = base64.StdEncoding.EncodeToString(mac.Sum(nil))
	now := b.Now()
	code := b.Gen.Hide(b.jwt(map[string]any{
		"salt":    b.Gen.UUID(),
		"appKey":  b.appKey,
		"tokenID": conn.tokenID,
		"iat":     now.Unix(),
		"exp":     now.Add(accessCodeTTL).Unix(),
	}))
	b.connections[conn.id] = conn
	b.order = append(b.order, conn)
	b.codes[code] = &accessCode{conn: conn, expires: now.Add(accessCodeTTL)}
	return json.Marshal(connectPayload{
		Success: true, Status: statusDone, OperationID: conn.bankID + ":" + b.Gen.UUID(), AccessCode: code,
		ConnectionID: conn.id, UserSecret: conn.userSecret, UserID: conn.userID, TokenID: conn.tokenID,
	})
}

func (b *Provider) choose(in ConnectInput) (bank.Institution, *bank.Refusal) {
	fits := func(at bank.Institution) bool {
		return at.DapiID != "" && (len(in.Countries) == 0 || slices.Contains(in.Countries, at.Country))
	}
	if in.InstitutionID == "" {
		at, ok := b.Institution(fits)
		if !ok {
			return at, bank.Refuse(http.StatusUnprocessableEntity, "Dapi serves no institution in the countries given")
		}
		return at, nil
	}
	at, ok := b.Institution(func(at bank.Institution) bool {
		return at.DapiID != "" && (in.InstitutionID == at.DapiID || in.InstitutionID == at.DapiProductionID)
	})
	switch {
	case !ok:
		return at, bank.Refuse(http.StatusNotFound, "Dapi serves no institution %q", in.InstitutionID)
	case !fits(at):
		return at, bank.Refuse(
			http.StatusUnprocessableEntity,
			"%s is in %s, which is not among the countries given",
			at.Name,
			at.Country,
		)
	}
	return at, nil
}

// jwt signs claims with HS256, as Dapi's tokens are.
func (b *Provider) jwt(claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err) // the claims are written in this package
	}
	text := base64.RawURLEncoding.EncodeToString
	signed := text([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + text(payload)
	mac := hmac.New(sha256.New, b.JwtKey)
	mac.Write([]byte(signed))
	return signed + "." + text(mac.Sum(nil))
}
