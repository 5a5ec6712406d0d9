package dapi

// This file plays the user in Dapi's Connect.

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

// accessCodeTTL is on the bank's clock. Dapi's sources give two values; this is the shorter one.
const accessCodeTTL = 5 * time.Minute

// ConnectInput is what a user enters in Connect. It is virtualbank.DapiLink.
type ConnectInput struct {
	AppKey        string   `json:"appKey"`
	InstitutionID string   `json:"institution_id"`
	Username      string   `json:"username"`
	Password      string   `json:"password"`
	Countries     []string `json:"countries"`
	Environment   string   `json:"environment"`
}

// connectPayload is what Connect passes to onSuccess.
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

// Link is Bank.LinkDapi of package virtualbank.
func (b *Provider) Link(in ConnectInput) (json.RawMessage, error) {
	if refused := b.admit(in); refused != nil {
		return nil, refused
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
	// The same customer at the same institution has the same userID on every connection.
	mac := hmac.New(sha512.New, b.Key)
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

// admit checks what the page opens Connect with.
func (b *Provider) admit(in ConnectInput) *bank.Refusal {
	switch {
	case in.AppKey == "":
		return bank.Refuse(http.StatusBadRequest, "appKey is missing")
	case !bank.Same(in.AppKey, b.appKey):
		return bank.Refuse(http.StatusUnprocessableEntity, "unknown appKey")
	case in.Environment != "" && in.Environment != "sandbox" && in.Environment != "production":
		return bank.Refuse(http.StatusBadRequest, "environment is neither sandbox nor production")
	}
	return nil
}

// choose returns the institution that a user selects.
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

// jwt returns claims as a JWT with HS256, like Dapi's tokens.
func (b *Provider) jwt(claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err) // the claims are texts and numbers
	}
	text := base64.RawURLEncoding.EncodeToString
	signed := text([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + text(payload)
	mac := hmac.New(sha256.New, b.Key)
	mac.Write([]byte(signed))
	return signed + "." + text(mac.Sum(nil))
}
