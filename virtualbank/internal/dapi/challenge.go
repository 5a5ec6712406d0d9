package dapi

// This file asks the user and checks the answers.

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// answerTo returns the correct answer to an input of a kind. The OTP is the one of Dapi's sandbox.
// The others are the bank's own.
func answerTo(kind string) string {
	switch kind {
	case "otp", "token":
		return "123456"
	case "pin":
		return "1234"
	case "captcha":
		return "BANK7"
	case "secret_question":
		return "blue"
	case "confirmation":
		return "true"
	case "multiple_choice":
		return "0"
	}
	return ""
}

// The TTLs of an open challenge and of the trust after a correct answer, on the bank's clock. Dapi
// publishes neither.
const (
	challengeTTL = 5 * time.Minute
	trustTTL     = 10 * time.Minute
)

// RequireInput is Bank.RequireInput of package virtualbank.
func (b *Provider) RequireInput(connectionID, operation string, rounds ...[]string) error {
	b.Lock()
	defer b.Unlock()
	conn, err := b.scripted(connectionID, operation)
	if err != nil {
		return err
	}
	if len(rounds) == 0 {
		return bank.Refuse(http.StatusBadRequest, "there is no round of inputs to ask for")
	}
	for _, round := range rounds {
		if len(round) == 0 {
			return bank.Refuse(http.StatusBadRequest, "a round asks for no input")
		}
		for _, kind := range round {
			if answerTo(kind) == "" {
				return bank.Refuse(http.StatusBadRequest, "unknown kind of input %q", kind)
			}
		}
	}
	conn.wanted = append(conn.wanted, inputScript{operation, rounds})
	return nil
}

// Defer is Bank.Defer of package virtualbank.
func (b *Provider) Defer(connectionID, operation string, polls int) error {
	b.Lock()
	defer b.Unlock()
	conn, err := b.scripted(connectionID, operation)
	if err != nil {
		return err
	}
	if polls < 0 {
		return bank.Refuse(http.StatusBadRequest, "polls is negative")
	}
	conn.deferred = append(conn.deferred, deferral{operation, polls})
	return nil
}

// unscripted are the operations that no script changes. They look up other operations.
var unscripted = []string{"/operation/get", "/operation/status"}

// scripted returns the connection of a script for an operation. It refuses unknown ones.
func (b *Provider) scripted(connectionID, operation string) (*connection, error) {
	conn, ok := b.connections[connectionID]
	if !ok {
		return nil, bank.Refuse(http.StatusNotFound, "there is no such connection at Dapi")
	}
	var known []string
	for _, route := range b.Routes() {
		if !slices.Contains(unscripted, route.Operation) {
			known = append(known, route.Operation)
		}
	}
	if operation != "" && !slices.Contains(known, operation) {
		return nil, bank.Refuse(http.StatusBadRequest,
			`unknown operation %q; known are "" for any data or payment call, and %s`,
			operation, strings.Join(known, ", "))
	}
	return conn, nil
}

// inputScript makes a call of an operation ask in rounds.
type inputScript struct {
	operation string
	rounds    [][]string
}

// deferral makes a call of an operation return "initialized".
type deferral struct {
	operation string
	polls     int
}

// callBody holds the members of a data call besides the secrets.
type callBody struct {
	OperationID string      `json:"operationID"`
	UserInputs  []userInput `json:"userInputs"`
	AccountID   string      `json:"accountID"`
	CardID      string      `json:"cardID"`
	FromDate    string      `json:"fromDate"`
	ToDate      string      `json:"toDate"`

	raw    []byte // the whole body
	either bool   // accountID may be the id of a card
}

// members returns all members of the body.
func (in callBody) members() map[string]any {
	dec := json.NewDecoder(bytes.NewReader(in.raw))
	dec.UseNumber()
	var all map[string]any
	if err := dec.Decode(&all); err != nil {
		panic(err) // the body was decoded before
	}
	return all
}

// arguments returns the members that a call must repeat to resume. These are all but the secrets
// and the answers.
func (in callBody) arguments() string {
	rest := in.members()
	maps.DeleteFunc(rest, func(name string, value any) bool {
		return value == nil || slices.Contains([]string{"appSecret", "userSecret", "operationID", "userInputs"}, name)
	})
	text, err := json.Marshal(rest)
	if err != nil {
		panic(err) // the members were decoded from JSON
	}
	return string(text)
}

// userInput is one question to the user, or its answer.
type userInput struct {
	ID        string   `json:"id"`
	Index     int      `json:"index"`
	Query     string   `json:"query"`
	QueryType string   `json:"queryType,omitempty"`
	Options   []string `json:"queryOptions,omitempty"`
	Answer    string   `json:"answer"`
}

// askingReply is the response that asks the user.
type askingReply struct {
	envelope
	UserInputs []userInput `json:"userInputs"`
}

// pendingInput is an operation that waits for the user.
type pendingInput struct {
	id        string
	path      string
	arguments string
	rounds    [][]string // the current round is the first
	expires   time.Time
}

const statusUserInput = "user_input_required"

// readBody decodes the members of a call besides the secrets.
func readBody(c *bank.Call) (callBody, bank.Reply, bool) {
	in := callBody{raw: c.Body}
	if json.Unmarshal(c.Body, &in) != nil {
		return in, fail(http.StatusBadRequest, typeInvalidArgs, "a field has the wrong type"), false
	}
	return in, bank.Reply{}, true
}

// serveData serves a data call.
func (b *Provider) serveData(c *bank.Call, work func(*connection, callBody) bank.Reply) bank.Reply {
	return b.serveCall(c, true, work)
}

// serveCall serves a call on a connection. It checks the secrets, lets the bank ask the user, and
// then does the work. A call that the bank answers fails while the bank is down. A call that
// continues an operation keeps its id.
func (b *Provider) serveCall(c *bank.Call, atBank bool, work func(*connection, callBody) bank.Reply) bank.Reply {
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
	if !ok {
		return refusal
	}
	if atBank && b.Outages[conn.institution.Name] {
		return b.end(c, conn, in, fail(http.StatusInternalServerError, typeUnknown, "the bank is not available"))
	}
	id, p, unfinished := b.prepare(c, conn, in)
	if unfinished {
		return p
	}
	return b.record(c, conn, id, work(conn, in))
}

// isFor reports whether a script for an operation is for a call of op. A script for "" is for all
// data and payment calls. Dapi documents that auth, metadata and delink never ask and take no time,
// so a script must name them.
func isFor(operation, op string) bool {
	return operation == op || operation == "" && isDataCall(op)
}

// defers reports whether a call of a path returns "initialized", and how many polls then find its
// operation running.
func (conn *connection) defers(path string) (polls int, ok bool) {
	i := slices.IndexFunc(conn.deferred, func(d deferral) bool { return isFor(d.operation, path) })
	if i < 0 {
		return 0, false
	}
	polls = conn.deferred[i].polls
	conn.deferred = slices.Delete(conn.deferred, i, i+1)
	return polls, true
}

// interact asks the user or checks the answers. If asking is false, the call can do its work. id is
// then the operation that it continues, or "".
func (b *Provider) interact(c *bank.Call, conn *connection, in callBody) (id string, answer bank.Reply, asking bool) {
	if op := b.operations[in.OperationID]; b.continues(c, conn, in) && op.deferred {
		if op.poll(); op.status == statusInitialized {
			return in.OperationID, op.initialized(in.OperationID), true
		}
		return in.OperationID, bank.Reply{}, false // the same call, for an operation that is done
	}
	if in.OperationID != "" && len(in.UserInputs) > 0 {
		answer, asking = b.resume(c, conn, in)
		return in.OperationID, answer, asking
	}
	b.expire(conn)
	b.drop(conn, typeInvalidated) // another call ends a waiting session
	for i, s := range conn.wanted {
		if isFor(s.operation, c.Route.Operation) {
			conn.wanted = append(conn.wanted[:i], conn.wanted[i+1:]...)
			return "", b.ask(c, conn, in.arguments(), s.rounds), true
		}
	}
	trusted := !conn.institution.AsksOTP || b.Now().Before(conn.trusted) || !isDataCall(c.Route.Operation)
	if c.Fault == faultAsks || !trusted {
		return "", b.ask(c, conn, in.arguments(), [][]string{{"otp"}}), true
	}
	return "", bank.Reply{}, false
}

// resume checks the answers to the questions of an operation. It returns false if they are correct
// and no round is left. A failed operation repeats its failure. An operation that waits for nothing
// does not change. The response has the operation's id in all cases.
func (b *Provider) resume(c *bank.Call, conn *connection, in callBody) (bank.Reply, bool) {
	b.expire(conn)
	p := conn.pending
	if p == nil || p.id != in.OperationID {
		return b.refuseAnswer(c, conn, in.OperationID), true
	}
	// An invalid call does not change the operation.
	mistaken := func(msg string) (bank.Reply, bool) {
		return bank.Reply{
			Status: http.StatusBadRequest,
			Body:   envelope{OperationID: p.id, Status: statusFailed, Type: typeParameter, Msg: msg},
		}, true
	}
	switch {
	case p.path != c.Route.Operation || p.arguments != in.arguments():
		return mistaken("the arguments are not those of the operation")
	case len(in.UserInputs) != len(p.rounds[0]):
		return mistaken("not every input has an answer")
	}
	for _, given := range in.UserInputs {
		if given.Index < 0 || given.Index >= len(p.rounds[0]) || given.ID != p.rounds[0][given.Index] {
			return mistaken("userInputs are not those that were asked for")
		}
		if given.Answer != answerTo(given.ID) {
			return b.end(c, conn, in, fail(http.StatusUnauthorized, "INVALID_MFA", "the answer is wrong")), true
		}
	}
	now := b.Now()
	p.rounds = p.rounds[1:]
	if len(p.rounds) > 0 {
		p.expires = now.Add(challengeTTL)
		return p.ask(), true
	}
	conn.pending, conn.trusted = nil, now.Add(trustTTL)
	return bank.Reply{}, false
}

// refuseAnswer refuses an answer for which no operation waits. An operation of another connection
// counts as unknown.
func (b *Provider) refuseAnswer(c *bank.Call, conn *connection, id string) bank.Reply {
	p := fail(http.StatusUnauthorized, typeInvalidated, "the operation is not waiting for anything")
	op := b.operations[id]
	if op == nil || op.conn != conn {
		return b.record(c, conn, "", p)
	}
	if op.status == statusFailed {
		p = fail(op.code, op.errorType, op.msg)
	}
	return under(p, id)
}

// ask asks the user. From then on the operation exists.
func (b *Provider) ask(c *bank.Call, conn *connection, arguments string, rounds [][]string) bank.Reply {
	expires := b.Now().Add(challengeTTL)
	p := &pendingInput{path: c.Route.Operation, arguments: arguments, rounds: rounds, expires: expires}
	id, asking := b.store(c, conn, "", p.ask())
	p.id = id
	conn.pending = p
	return asking
}

// ask returns the questions of the current round.
func (p *pendingInput) ask() bank.Reply {
	out := askingReply{envelope: envelope{OperationID: p.id, Success: true, Status: statusUserInput}}
	for i, kind := range p.rounds[0] {
		in := userInput{ID: kind, Index: i, Query: question(kind), QueryType: "txt"}
		switch kind {
		case "captcha":
			in.QueryType = ""
		case "multiple_choice":
			in.Options = []string{"Text message", "Phone call"}
		}
		out.UserInputs = append(out.UserInputs, in)
	}
	return bank.Reply{Status: http.StatusOK, Body: out}
}

// question returns the question for an input of a kind.
func question(kind string) string {
	switch kind {
	case "otp":
		return "Enter the one-time password sent to your phone"
	case "token":
		return "Enter the code shown by your bank's app"
	case "pin":
		return "Enter your card PIN"
	case "captcha":
		return base64.StdEncoding.EncodeToString([]byte("\x89PNG\r\n\x1a\n a picture of BANK7"))
	case "secret_question":
		return "What is your favourite colour?"
	case "confirmation":
		return "Approve the login in your bank's app"
	}
	return "How shall we send you a code?"
}
