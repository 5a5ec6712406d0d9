package dapi

// This file has operations: their states, their ids and the status calls.

import (
	"net/http"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// operation is a call that reached the institution.
type operation struct {
	conn       *connection
	start, end time.Time
	status     string
	path       string
	errorType  string
	msg        string
	code       int  // the HTTP status of the failure
	polls      int  // how many polls still find it running
	deferred   bool // a response was "initialized"
}

// poll counts a poll of a running operation. The last one ends it.
func (op *operation) poll() {
	if op.status != statusInitialized {
		return
	}
	if op.polls--; op.polls < 0 {
		op.status = statusDone
	}
}

// initialized returns the response of a call whose operation is running.
func (*operation) initialized(id string) bank.Reply {
	return bank.Reply{Status: http.StatusOK, Body: envelope{OperationID: id, Success: true, Status: statusInitialized}}
}

// record stores the result of an operation and returns the response with its id.
func (b *Provider) record(c *bank.Call, conn *connection, id string, p bank.Reply) bank.Reply {
	_, p = b.store(c, conn, id, p)
	return p
}

// store stores the result of an operation. It returns the operation's id and the response with it.
// An empty id means a new operation. Callers hold the mutex.
func (b *Provider) store(c *bank.Call, conn *connection, id string, p bank.Reply) (string, bank.Reply) {
	now := b.Now()
	op := b.operations[id]
	if op == nil {
		id = conn.bankID + ":" + b.Gen.UUID()
		op = &operation{conn: conn, start: now, path: c.Route.Path}
		b.operations[id] = op
	}
	op.end, op.status, op.errorType, op.msg = now, statusDone, "", ""
	stamped := func(e envelope) envelope {
		e.OperationID = id
		op.status, op.errorType, op.msg, op.code = e.Status, e.Type, e.Msg, p.Status
		return e
	}
	switch body := p.Body.(type) {
	case envelope:
		p.Body = stamped(body)
	case exchangeReply:
		body.envelope = stamped(body.envelope)
		p.Body = body
	case metadataReply:
		body.envelope = stamped(body.envelope)
		p.Body = body
	case dataReply:
		body.envelope = stamped(body.envelope)
		p.Body = body
	case askingReply:
		body.envelope = stamped(body.envelope)
		p.Body = body
	case payeesReply:
		body.envelope = stamped(body.envelope)
		p.Body = body
	case coolingReply:
		body.envelope = stamped(body.envelope)
		p.Body = body
	}
	return id, p
}

// startRunning returns "initialized". The next polls find the operation running.
func (b *Provider) startRunning(c *bank.Call, conn *connection, id string, polls int) bank.Reply {
	id, p := b.store(c, conn, id, (*operation)(nil).initialized(""))
	op := b.operations[id]
	op.polls, op.deferred = polls, true
	return p
}

// prepare lets the bank ask the user or take its time before a call does its work. If unfinished is
// set, p is the response. Otherwise id is the operation that the call continues, or "".
func (b *Provider) prepare(c *bank.Call, conn *connection, in callBody) (id string, p bank.Reply, unfinished bool) {
	id, p, asking := b.interact(c, conn, in)
	if asking {
		return id, p, true
	}
	if c.Fault == faultInitialized {
		return id, b.startRunning(c, conn, id, 0), true
	}
	if polls, ok := conn.defers(c.Route.Operation); ok {
		return id, b.startRunning(c, conn, id, polls), true
	}
	return id, bank.Reply{}, false
}

// continues reports whether a call names an operation of its connection and path.
func (b *Provider) continues(c *bank.Call, conn *connection, in callBody) bool {
	op := b.operations[in.OperationID]
	return op != nil && op.conn == conn && op.path == c.Route.Path
}

// end fails a call and the operation that it continues. A failed operation repeats its failure, and
// an operation that is done does not change.
func (b *Provider) end(c *bank.Call, conn *connection, in callBody, p bank.Reply) bank.Reply {
	id := in.OperationID
	if !b.continues(c, conn, in) {
		return b.record(c, conn, "", p)
	}
	b.expire(conn)
	switch b.operations[id].status {
	case statusFailed:
		return b.refuseAnswer(c, conn, id)
	case statusDone:
		return under(p, id)
	}
	if conn.pending != nil && conn.pending.id == id {
		conn.pending = nil
	}
	return b.record(c, conn, id, p)
}

// under returns a failure with the id of an operation, which does not change.
func under(p bank.Reply, id string) bank.Reply {
	if e, ok := p.Body.(envelope); ok {
		e.OperationID = id
		p.Body = e
	}
	return p
}

// drop fails the operation that waits for the user, if there is one.
func (b *Provider) drop(conn *connection, errorType string) {
	if conn.pending == nil {
		return
	}
	op := b.operations[conn.pending.id]
	op.status, op.errorType, op.code = statusFailed, errorType, http.StatusUnauthorized
	op.msg = "the session with the bank ended"
	op.end, conn.pending = b.Now(), nil
}

// expire fails the operation that waits for the user, if its challenge expired.
func (b *Provider) expire(conn *connection) {
	if p := conn.pending; p != nil && !b.Now().Before(p.expires) {
		b.drop(conn, typeExpired)
	}
}

// operationReply is the response of /operation/get.
type operationReply struct {
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

// findOperation returns an operation. It first fails an operation whose challenge expired. Dapi
// does not document the failure for an unknown operation; PARAMETER_ERROR is the bank's choice.
// Callers hold the mutex.
func (b *Provider) findOperation(id string) (*operation, bank.Reply, bool) {
	op := b.operations[id]
	if op == nil {
		return nil, fail(http.StatusBadRequest, typeParameter, "no such operation"), false
	}
	b.expire(op.conn)
	op.poll()
	return op, bank.Reply{}, true
}

// serveOperation serves /operation/get as documented, with appKey and without a bearer token.
func (b *Provider) serveOperation(c *bank.Call) bank.Reply {
	f, refusal, ok := readFields(c, "appKey", "appSecret", "operationID")
	switch {
	case !ok:
		return refusal
	case !bank.Same(f["appSecret"], b.appSecret) || !bank.Same(f["appKey"], b.appKey):
		return wrongSecret()
	}
	b.Lock()
	defer b.Unlock()
	op, refusal, ok := b.findOperation(f["operationID"])
	if !ok {
		return refusal
	}
	const layout = "2006-01-02T15:04:05.000Z"
	at := func(t time.Time) string { return t.UTC().Format(layout) }
	return bank.Reply{Status: http.StatusOK, Body: operationReply{
		done(), operationInfo{at(op.start), at(op.end), op.status, op.path, op.errorType},
	}}
}

// serveOperationStatus serves /operation/status, which Dapi's Node and Go SDKs call without appKey.
// The response is the envelope of the operation, including open questions. The types of the Node
// SDK also have members for results. The bank's choice is to leave them out, as in the other call.
func (b *Provider) serveOperationStatus(c *bank.Call) bank.Reply {
	f, refusal, ok := readFields(c, "appSecret", "operationID")
	switch {
	case !ok:
		return refusal
	case !bank.Same(f["appSecret"], b.appSecret):
		return wrongSecret()
	}
	b.Lock()
	defer b.Unlock()
	id := f["operationID"]
	op, refusal, ok := b.findOperation(id)
	if !ok {
		return refusal
	}
	if p := op.conn.pending; p != nil && p.id == id {
		return p.ask()
	}
	return bank.Reply{Status: http.StatusOK, Body: envelope{
		OperationID: id, Success: op.status != statusFailed, Status: op.status, Type: op.errorType, Msg: op.msg,
	}}
}
