package dapi

// This file serves the exchange, the metadata and the delink call.

import (
	"net/http"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// exchangeReply is the response with an access token.
type exchangeReply struct {
	envelope
	AccessToken string `json:"accessToken"`
	TokenID     string `json:"tokenID"`
	UserID      string `json:"userID"`
}

// exchangeToken serves /auth/ExchangeToken. The response has an operationID only if a fault or a
// script made the exchange an operation.
func (b *Provider) exchangeToken(c *bank.Call) bank.Reply {
	f, refusal, ok := readFields(c, "appSecret", "accessCode", "connectionID")
	switch {
	case !ok:
		return refusal
	case !bank.Same(f["appSecret"], b.appSecret):
		return wrongSecret()
	}
	in, refusal, ok := readBody(c)
	if !ok {
		return refusal
	}
	b.Lock()
	defer b.Unlock()
	now := b.Now()
	code := b.codes[f["accessCode"]]
	if code != nil {
		code.conn.Presented++
	}
	if code == nil || code.used || !now.Before(code.expires) || code.conn.id != f["connectionID"] {
		p := fail(http.StatusUnauthorized, typeInvalidToken, "accessCode is not valid")
		if code != nil && code.conn.id == f["connectionID"] && b.continues(c, code.conn, in) {
			return b.end(c, code.conn, in, p)
		}
		return p
	}
	conn := code.conn
	id, p, unfinished := b.prepare(c, conn, in)
	if unfinished {
		return p // the code can be used again
	}
	code.used, conn.day = true, bank.DayOf(now)
	conn.Exchanged++
	b.announce(conn, eventStateChanged)
	token := b.Gen.Hide(b.jwt(map[string]any{
		"salt": b.Gen.UUID(), "appKey": b.appKey, "tokenID": conn.tokenID, "iat": now.Unix(),
		"authorizations": map[string]any{"data": true, "payment": true, "products": []string{"data", "payment"}},
	}))
	b.tokens[token] = conn
	p = bank.Reply{Status: http.StatusOK, Body: exchangeReply{done(), token, conn.tokenID, conn.userID}}
	if id == "" {
		return p
	}
	return b.record(c, conn, id, p)
}

// authorize checks the secrets of a call and the state of its connection. Callers hold the mutex.
func (b *Provider) authorize(c *bank.Call, f map[string]string, in callBody) (*connection, bank.Reply, bool) {
	if !bank.Same(f["appSecret"], b.appSecret) {
		return nil, wrongSecret(), false
	}
	conn := b.tokens[bearer(c.Request)]
	switch {
	case conn == nil:
		return nil, fail(http.StatusUnauthorized, typeInvalidToken, "accessToken is not valid"), false
	case !bank.Same(f["userSecret"], conn.userSecret):
		return nil, fail(http.StatusUnauthorized, typeInvalidLogin, "userSecret is not that of the connection"), false
	case conn.delinked:
		return nil, fail(http.StatusUnauthorized, typeDelinked, "the user was delinked"), false
	case conn.lapsed:
		p := fail(http.StatusUnauthorized, typeInvalidLogin, "the login is no longer accepted by the bank")
		return conn, b.end(c, conn, in, p), false
	}
	return conn, bank.Reply{}, true
}

// serveMetadata serves /metadata/accounts/get.
func (b *Provider) serveMetadata(c *bank.Call) bank.Reply {
	return b.serveCall(c, false, func(conn *connection, _ callBody) bank.Reply {
		return bank.Reply{Status: http.StatusOK, Body: metadataReply{
			envelope: done(), Metadata: metadataOf(conn.institution, b.DaysServed(conn.institution)),
		}}
	})
}

// delink serves the delink call. Dapi does not document what the response has besides the envelope;
// the bank's has nothing.
func (b *Provider) delink(c *bank.Call) bank.Reply {
	f, refusal, ok := readFields(c, "appSecret", "userSecret")
	if !ok {
		return refusal
	}
	in, refusal, ok := readBody(c)
	if !ok {
		return refusal
	}
	b.Lock()
	defer b.Unlock()
	conn, refusal, ok := b.authorize(c, f, in)
	// A connection whose login lapsed can be delinked, because the institution takes no part in it.
	if !ok && (conn == nil || !conn.lapsed) {
		return refusal
	}
	id, p, unfinished := b.prepare(c, conn, in)
	if unfinished {
		return p
	}
	if !conn.delinked {
		b.announce(conn, eventDeleted)
	}
	conn.delinked = true
	if p = (bank.Reply{Status: http.StatusOK, Body: done()}); id == "" {
		return p
	}
	return b.record(c, conn, id, p)
}
