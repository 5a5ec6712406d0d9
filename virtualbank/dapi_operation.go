package virtualbank

import (
	"net/http"
	"time"
)

// operation is what Dapi remembers of a call that reached the bank.
type operation struct {
	conn       *connection
	start, end time.Time
	status     string
	path       string
	errorType  string
	msg        string
	code       int  // the HTTP status of the answer in which it failed
	polls      int  // how often it is still found running
	deferred   bool // it answered "initialized" once
}

// poll looks at an operation that is running, which brings it nearer to its end.
func (op *operation) poll() {
	if op.status != statusInitialized {
		return
	}
	if op.polls--; op.polls < 0 {
		op.status = statusDone
	}
}

// initialized is the answer of a call whose operation is running.
func (*operation) initialized(id string) reply {
	return reply{status: http.StatusOK, body: envelope{OperationID: id, Success: true, Status: statusInitialized}}
}

// dpRecord remembers how an operation stands and puts its id into the answer. "" begins a new
// operation. Under the mutex.
func (b *dpProvider) dpRecord(c *call, conn *connection, id string, p reply) reply {
	now := b.Now()
	op := b.operations[id]
	if op == nil {
		id = conn.bankID + ":" + b.gen.uuid()
		op = &operation{conn: conn, start: now, path: c.route.path}
		b.operations[id] = op
	}
	op.end, op.status, op.errorType, op.msg = now, statusDone, "", ""
	told := func(e envelope) envelope {
		e.OperationID = id
		op.status, op.errorType, op.msg, op.code = e.Status, e.Type, e.Msg, p.status
		return e
	}
	switch body := p.body.(type) {
	case envelope:
		p.body = told(body)
	case exchangeDone:
		body.envelope = told(body.envelope)
		p.body = body
	case metadataDone:
		body.envelope = told(body.envelope)
		p.body = body
	case dpDone:
		body.envelope = told(body.envelope)
		p.body = body
	case dpAsking:
		body.envelope = told(body.envelope)
		p.body = body
	case dpPayees:
		body.envelope = told(body.envelope)
		p.body = body
	case dpCooling:
		body.envelope = told(body.envelope)
		p.body = body
	}
	return p
}

// dpRunning answers "initialized": the operation is found running so many times.
func (b *dpProvider) dpRunning(c *call, conn *connection, id string, polls int) reply {
	p := b.dpRecord(c, conn, id, (*operation)(nil).initialized(""))
	op := b.operations[p.body.(envelope).OperationID]
	op.polls, op.deferred = polls, true
	return p
}

// dpAdvance brings a call to where its work can be done, under the id of the operation with which
// it goes on. unfinished is true where p answers instead: the bank asks the user, or takes its
// time.
func (b *dpProvider) dpAdvance(c *call, conn *connection, in dpBody) (id string, p reply, unfinished bool) {
	id, p, asking := b.dpInteract(c, conn, in)
	if asking {
		return id, p, true
	}
	if c.fault == faultInitialized {
		return id, b.dpRunning(c, conn, id, 0), true
	}
	if polls, ok := conn.defers(c.route.op); ok {
		return id, b.dpRunning(c, conn, id, polls), true
	}
	return id, reply{}, false
}

// dpGoesOn reports whether a call names an operation of its own connection and path.
func (b *dpProvider) dpGoesOn(c *call, conn *connection, in dpBody) bool {
	op := b.operations[in.OperationID]
	return op != nil && op.conn == conn && op.path == c.route.path
}

// dpEnd fails a call, and the operation with which it goes on. One that has failed repeats its
// failure, and one that is done stays so.
func (b *dpProvider) dpEnd(c *call, conn *connection, in dpBody, p reply) reply {
	id := in.OperationID
	if !b.dpGoesOn(c, conn, in) {
		return b.dpRecord(c, conn, "", p)
	}
	b.dpExpire(conn)
	switch b.operations[id].status {
	case statusFailed:
		return b.dpLate(c, conn, id)
	case statusDone:
		return under(p, id)
	}
	if conn.pending != nil && conn.pending.id == id {
		conn.pending = nil
	}
	return b.dpRecord(c, conn, id, p)
}

// under is a failure under the id of an operation that it leaves as it is.
func under(p reply, id string) reply {
	if e, ok := p.body.(envelope); ok {
		e.OperationID = id
		p.body = e
	}
	return p
}

// dpDrop ends the operation that waits for the user, if there is one.
func (b *dpProvider) dpDrop(conn *connection, errorType string) {
	if conn.pending == nil {
		return
	}
	op := b.operations[conn.pending.id]
	op.status, op.errorType, op.msg, op.code = statusFailed, errorType, "the session with the bank ended", http.StatusUnauthorized
	op.end, conn.pending = b.Now(), nil
}

// dpExpire ends the operation that waits for the user, if its time is over.
func (b *dpProvider) dpExpire(conn *connection) {
	if p := conn.pending; p != nil && !b.Now().Before(p.expires) {
		b.dpDrop(conn, dpExpired)
	}
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

// dpFindOperation looks an operation up, which ends one whose user did not answer in time. Under
// the mutex. What an unknown operation answers is not documented; PARAMETER_ERROR is the bank's
// choice.
func (b *dpProvider) dpFindOperation(id string) (*operation, reply, bool) {
	op := b.operations[id]
	if op == nil {
		return nil, dpFail(http.StatusBadRequest, dpParameter, "no such operation"), false
	}
	b.dpExpire(op.conn)
	op.poll()
	return op, reply{}, true
}

// dpOperationGet serves /operation/get in its documented form, with appKey and no bearer.
func (b *dpProvider) dpOperationGet(c *call) reply {
	f, refusal, ok := dpFields(c, "appKey", "appSecret", "operationID")
	switch {
	case !ok:
		return refusal
	case !same(f["appSecret"], b.appSecret) || !same(f["appKey"], b.appKey):
		return dpWrongSecret()
	}
	b.Lock()
	defer b.Unlock()
	op, refusal, ok := b.dpFindOperation(f["operationID"])
	if !ok {
		return refusal
	}
	const layout = "2006-01-02T15:04:05.000Z"
	at := func(t time.Time) string { return t.UTC().Format(layout) }
	return reply{status: http.StatusOK, body: operationDone{
		done(), operationInfo{at(op.start), at(op.end), op.status, op.path, op.errorType},
	}}
}

// dpOperationStatus serves /operation/status, which Dapi's Node and Go SDKs call: without appKey,
// and the envelope is the operation's own, questions included. The results that Node's types have
// room for are not in it, as in the other form: the bank's choice.
func (b *dpProvider) dpOperationStatus(c *call) reply {
	f, refusal, ok := dpFields(c, "appSecret", "operationID")
	switch {
	case !ok:
		return refusal
	case !same(f["appSecret"], b.appSecret):
		return dpWrongSecret()
	}
	b.Lock()
	defer b.Unlock()
	id := f["operationID"]
	op, refusal, ok := b.dpFindOperation(id)
	if !ok {
		return refusal
	}
	if p := op.conn.pending; p != nil && p.id == id {
		return p.ask()
	}
	return reply{status: http.StatusOK, body: envelope{
		OperationID: id, Success: op.status != statusFailed, Status: op.status, Type: op.errorType, Msg: op.msg,
	}}
}
