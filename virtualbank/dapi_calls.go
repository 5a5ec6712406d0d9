package virtualbank

import (
	"net/http"
)

type exchangeDone struct {
	envelope
	AccessToken string `json:"accessToken"`
	TokenID     string `json:"tokenID"`
	UserID      string `json:"userID"`
}

// dpExchange serves /auth/ExchangeToken. Its answer has no operation id, except where an injected
// fault or a script made it an operation that went on.
func (b *dpProvider) dpExchange(c *call) reply {
	f, refusal, ok := dpFields(c, "appSecret", "accessCode", "connectionID")
	switch {
	case !ok:
		return refusal
	case !same(f["appSecret"], b.appSecret):
		return dpWrongSecret()
	}
	in, refusal, ok := dpRead(c)
	if !ok {
		return refusal
	}
	b.Lock()
	defer b.Unlock()
	now := b.Now()
	code := b.codes[f["accessCode"]]
	if code != nil {
		code.conn.presented++
	}
	if code == nil || code.used || !now.Before(code.expires) || code.conn.id != f["connectionID"] {
		p := dpFail(http.StatusUnauthorized, dpInvalidToken, "accessCode is not valid")
		if code != nil && code.conn.id == f["connectionID"] && b.dpGoesOn(c, code.conn, in) {
			return b.dpEnd(c, code.conn, in, p)
		}
		return p
	}
	conn := code.conn
	id, p, unfinished := b.dpAdvance(c, conn, in)
	if unfinished {
		return p // and the code is good for another call
	}
	code.used, conn.day = true, dayOf(now)
	conn.exchanged++
	b.announceDapi(conn, dpStateChanged, nil)
	token := b.gen.hide(b.jwt(map[string]any{
		"salt": b.gen.uuid(), "appKey": b.appKey, "tokenID": conn.tokenID, "iat": now.Unix(),
		"authorizations": map[string]any{"data": true, "payment": true, "products": []string{"data", "payment"}},
	}))
	b.tokens[token] = conn
	p = reply{status: http.StatusOK, body: exchangeDone{done(), token, conn.tokenID, conn.userID}}
	if id == "" {
		return p
	}
	return b.dpRecord(c, conn, id, p)
}

// dpConnection checks what every call on a connection must present. Under the mutex.
func (b *dpProvider) dpConnection(c *call, f map[string]string, in dpBody) (*connection, reply, bool) {
	if !same(f["appSecret"], b.appSecret) {
		return nil, dpWrongSecret(), false
	}
	conn := b.tokens[bearer(c.r)]
	switch {
	case conn == nil:
		return nil, dpFail(http.StatusUnauthorized, dpInvalidToken, "accessToken is not valid"), false
	case !same(f["userSecret"], conn.userSecret):
		return nil, dpFail(http.StatusUnauthorized, dpInvalidLogin, "userSecret is not that of the connection"), false
	case conn.delinked:
		return nil, dpFail(http.StatusUnauthorized, dpDelinked, "the user was delinked"), false
	case conn.lapsed:
		p := dpFail(http.StatusUnauthorized, dpInvalidLogin, "the login is no longer accepted by the bank")
		return conn, b.dpEnd(c, conn, in, p), false
	}
	return conn, reply{}, true
}

func (b *dpProvider) dpMetadata(c *call) reply {
	f, refusal, ok := dpFields(c, "appSecret", "userSecret")
	if !ok {
		return refusal
	}
	in, refusal, ok := dpRead(c)
	if !ok {
		return refusal
	}
	b.Lock()
	defer b.Unlock()
	conn, refusal, ok := b.dpConnection(c, f, in)
	if !ok {
		return refusal
	}
	id, p, unfinished := b.dpAdvance(c, conn, in)
	if unfinished {
		return p
	}
	return b.dpRecord(c, conn, id, reply{status: http.StatusOK, body: metadataDone{
		envelope: done(), Metadata: metadataOf(conn.institution, b.daysServed(conn.institution)),
	}})
}

// dpDelink serves the delink call. What it answers beside the envelope is not documented: nothing,
// here.
func (b *dpProvider) dpDelink(c *call) reply {
	f, refusal, ok := dpFields(c, "appSecret", "userSecret")
	if !ok {
		return refusal
	}
	in, refusal, ok := dpRead(c)
	if !ok {
		return refusal
	}
	b.Lock()
	defer b.Unlock()
	conn, refusal, ok := b.dpConnection(c, f, in)
	// A connection whose login lapsed can still be delinked: it is Dapi that forgets it.
	if !ok && (conn == nil || !conn.lapsed) {
		return refusal
	}
	id, p, unfinished := b.dpAdvance(c, conn, in)
	if unfinished {
		return p
	}
	if !conn.delinked {
		b.announceDapi(conn, dpDeleted, nil)
	}
	conn.delinked = true
	if p = (reply{status: http.StatusOK, body: done()}); id == "" {
		return p
	}
	return b.dpRecord(c, conn, id, p)
}
