package moneykit

// This file serves access tokens, the introspection and the keys of webhooks.

import (
	"cmp"
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// tokenReply is the response with an access token.
type tokenReply struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
}

// serveToken serves POST /auth/token. The client is in the form or in an HTTP Basic header.
func (b *Provider) serveToken(c *bank.Call) bank.Reply {
	kind, _, _ := mime.ParseMediaType(c.Request.Header.Get("Content-Type"))
	if kind != "application/x-www-form-urlencoded" {
		return invalidRequest(
			validationItem{[]any{"body"}, "Content-Type must be application/x-www-form-urlencoded", "value_error"},
		)
	}
	form, err := url.ParseQuery(string(c.Body))
	if err != nil {
		return invalidRequest(validationItem{[]any{"body"}, "malformed form", "value_error"})
	}
	// The schema says that grant_type is optional. Every SDK sends it, so the bank requires it.
	if form.Get("grant_type") != "client_credentials" {
		return fail(http.StatusBadRequest, codeUnauthorized, "Unsupported grant_type")
	}
	id, secret, ok := signIn(form, c.Request.Header.Get("Authorization"))
	if !ok || !b.isClient(id, secret) {
		return fail(http.StatusUnauthorized, codeUnauthorized, "Unauthorized")
	}
	ttl := accessTokenTTL
	if c.Fault == faultShortToken {
		ttl = time.Second
	}
	b.Lock()
	defer b.Unlock()
	token := b.Gen.Hide(b.Gen.URLSafe(64))
	b.tokens[token] = &accessToken{expires: b.Now().Add(ttl), scope: form.Get("scope")}
	return bank.Reply{Status: http.StatusCreated, Body: tokenReply{token, "bearer", int(ttl / time.Second)}}
}

// signIn returns the client from the form, from an HTTP Basic header, or from both. Empty values
// count as absent: MoneyKit's Ruby SDK sends the client in the form, and an empty user and password
// in the header. Two rules are the bank's choice: two different values are an error, and so is a
// Basic header that cannot be decoded.
func signIn(form url.Values, header string) (id, secret string, ok bool) {
	id, secret = form.Get("client_id"), form.Get("client_secret")
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") || strings.TrimSpace(encoded) == "" {
		return id, secret, true
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	user, pass, found := strings.Cut(string(raw), ":")
	if err != nil || !found || (id != "" && user != "" && id != user) ||
		(secret != "" && pass != "" && secret != pass) {
		return "", "", false
	}
	return cmp.Or(id, user), cmp.Or(secret, pass), true
}

// introspection is the response of GET /auth/introspect.
type introspection struct {
	ClientID   string  `json:"client_id"`
	ClientName string  `json:"client_name"`
	Scope      string  `json:"scope"`
	App        app     `json:"app"`
	DisabledAt *string `json:"disabled_at"`
}

type app struct {
	AppID   string `json:"app_id"`
	Name    string `json:"name"`
	ID      string `json:"id"`
	AppName string `json:"app_name"`
}

// introspect serves GET /auth/introspect.
func (b *Provider) introspect(c *bank.Call) bank.Reply {
	b.Lock()
	defer b.Unlock()
	scope := ""
	if header := c.Request.Header.Get("Authorization"); len(header) > len("Bearer ") {
		if t, ok := b.tokens[header[len("Bearer "):]]; ok {
			scope = t.scope
		}
	}
	const name = "Virtual bank app"
	return bank.Reply{Status: http.StatusOK, Body: introspection{
		ClientID: b.clientID, ClientName: "unused", Scope: scope,
		App: app{AppID: b.appID, Name: name, ID: b.appID, AppName: name},
	}}
}

type jwk struct {
	Kid string `json:"kid"`
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y"`
	Use string `json:"use"`
	Alg string `json:"alg"`
}

// serveKeys serves GET /.well-known/jwks.json.
func (b *Provider) serveKeys(*bank.Call) bank.Reply {
	b.Lock()
	defer b.Unlock()
	text := base64.RawURLEncoding.EncodeToString
	var all []jwk
	for _, k := range b.keys {
		// Bytes returns 0x04 and then X and Y of 32 bytes each.
		point, err := k.key.PublicKey.Bytes()
		if err != nil {
			panic(err) // the key is valid
		}
		all = append(
			all,
			jwk{
				Kid: k.id,
				Kty: "EC",
				Crv: "P-256",
				X:   text(point[1:33]),
				Y:   text(point[33:]),
				Use: "sig",
				Alg: "ES256",
			},
		)
	}
	return bank.Reply{Status: http.StatusOK, Body: map[string][]jwk{"keys": all}}
}
