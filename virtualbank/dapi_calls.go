package virtualbank

import (
	"net/http"
	"time"
)

type exchangeDone struct {
	envelope
	AccessToken string `json:"accessToken"`
	TokenID     string `json:"tokenID"`
	UserID      string `json:"userID"`
}

// dpExchange serves /auth/ExchangeToken.
func (b *Bank) dpExchange(c *call) reply {
	f, refusal, ok := dpFields(c, "appSecret", "accessCode", "connectionID")
	switch {
	case !ok:
		return refusal
	case !same(f["appSecret"], b.creds.Dapi.AppSecret):
		return dpWrongSecret()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.Now()
	code := b.dp.codes[f["accessCode"]]
	if code != nil {
		code.conn.presented++
	}
	if code == nil || code.used || !now.Before(code.expires) || code.conn.id != f["connectionID"] {
		return dpFail(http.StatusUnauthorized, dpInvalidToken, "accessCode is not valid")
	}
	conn := code.conn
	code.used, conn.day = true, dayOf(now)
	conn.exchanged++
	b.announceDapi(conn, dpStateChanged, nil)
	token := b.gen.hide(b.jwt(map[string]any{
		"salt": b.gen.uuid(), "appKey": b.creds.Dapi.AppKey, "tokenID": conn.tokenID, "iat": now.Unix(),
		"authorizations": map[string]any{"data": true, "payment": true, "products": []string{"data", "payment"}},
	}))
	b.dp.tokens[token] = conn
	return reply{status: http.StatusOK, body: exchangeDone{
		envelope{Success: true, Status: statusDone}, token, conn.tokenID, conn.userID,
	}}
}

// dpConnection checks what every call on a connection must present. Under the mutex.
func (b *Bank) dpConnection(c *call, f map[string]string) (*connection, reply, bool) {
	if !same(f["appSecret"], b.creds.Dapi.AppSecret) {
		return nil, dpWrongSecret(), false
	}
	conn := b.dp.tokens[bearer(c.r)]
	switch {
	case conn == nil:
		return nil, dpFail(http.StatusUnauthorized, dpInvalidToken, "accessToken is not valid"), false
	case !same(f["userSecret"], conn.userSecret):
		return nil, dpFail(http.StatusUnauthorized, dpInvalidLogin, "userSecret is not that of the connection"), false
	case conn.delinked:
		return nil, dpFail(http.StatusUnauthorized, dpDelinked, "the user was delinked"), false
	case conn.lapsed:
		p := dpFail(http.StatusUnauthorized, dpInvalidLogin, "the login is no longer accepted by the bank")
		return conn, b.dpRecord(c, conn, p), false
	}
	return conn, reply{}, true
}

// dpRecord gives an answer its operationID and remembers the operation.
func (b *Bank) dpRecord(c *call, conn *connection, p reply) reply {
	id := conn.bankID + ":" + b.gen.uuid()
	now := b.Now()
	op := operation{start: now, end: now, status: statusDone, path: c.route.path}
	if old, ok := p.body.(envelope); ok && old.Status == statusInitialized {
		op.deferred = true
	}
	switch body := p.body.(type) {
	case envelope:
		body.OperationID = id
		op.status, op.errorType = body.Status, body.Type
		p.body = body
	case metadataDone:
		body.OperationID = id
		p.body = body
	case dpDone:
		body.OperationID = id
		p.body = body
	}
	b.dp.operations[id] = op
	return p
}

func (b *Bank) dpMetadata(c *call) reply {
	f, refusal, ok := dpFields(c, "appSecret", "userSecret")
	if !ok {
		return refusal
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	conn, refusal, ok := b.dpConnection(c, f)
	if !ok {
		return refusal
	}
	conn.pending = nil // another call ends the session that was waiting
	if c.fault.Name == faultInitialized {
		return b.dpRecord(c, conn, reply{status: http.StatusOK, body: envelope{Success: true, Status: statusInitialized}})
	}
	return b.dpRecord(c, conn, reply{status: http.StatusOK, body: metadataDone{
		envelope: envelope{Success: true, Status: statusDone}, Metadata: metadataOf(conn.institution, b.daysServed(conn.institution)),
	}})
}

// dpDelink serves the delink call. What it answers beside the envelope is not documented: nothing, here.
func (b *Bank) dpDelink(c *call) reply {
	f, refusal, ok := dpFields(c, "appSecret", "userSecret")
	if !ok {
		return refusal
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	conn, refusal, ok := b.dpConnection(c, f)
	// A connection whose login lapsed can still be delinked: it is Dapi that forgets it.
	if !ok && (conn == nil || !conn.lapsed) {
		return refusal
	}
	if !conn.delinked {
		b.announceDapi(conn, dpDeleted, nil)
	}
	conn.delinked = true
	return reply{status: http.StatusOK, body: envelope{Success: true, Status: statusDone}}
}

type operationDone struct {
	envelope
	Info operationInfo `json:"opInfo"`
}

type operationInfo struct {
	Start     string `json:"startDate"`
	End       string `json:"endDate"`
	Status    string `json:"status"`
	Type      string `json:"type"`
	ErrorType string `json:"errorType,omitempty"`
}

// dpOperation serves /operation/get in its documented form, with appKey and no bearer. What an
// unknown operation answers is not documented; PARAMETER_ERROR is the bank's choice.
func (b *Bank) dpOperation(c *call) reply {
	f, refusal, ok := dpFields(c, "appKey", "appSecret", "operationID")
	switch {
	case !ok:
		return refusal
	case !same(f["appSecret"], b.creds.Dapi.AppSecret) || !same(f["appKey"], b.creds.Dapi.AppKey):
		return dpWrongSecret()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	op, ok := b.dp.operations[f["operationID"]]
	if !ok {
		return dpFail(http.StatusBadRequest, dpParameter, "no such operation")
	}
	if op.status == statusInitialized {
		if op.polls--; op.polls < 0 {
			op.status = statusDone
		}
		b.dp.operations[f["operationID"]] = op
	}
	const layout = "2006-01-02T15:04:05.000Z"
	at := func(t time.Time) string { return t.UTC().Format(layout) }
	return reply{status: http.StatusOK, body: operationDone{
		envelope{Success: true, Status: statusDone}, operationInfo{at(op.start), at(op.end), op.status, op.path, op.errorType},
	}}
}
