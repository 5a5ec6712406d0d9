package virtualbank

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"
)

// What the bank wants to hear, by the kind of input. The OTP is the only value ever seen in Dapi's
// sandbox; the others are the bank's own.
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

// Lifetimes on the bank's clock: of an open challenge, and of the bank's trust after a right
// answer. Neither is published.
const (
	challengeLife = 5 * time.Minute
	trustLife     = 10 * time.Minute
)

// RequireInput makes the next call of that path on a Dapi connection ask the user, one round after
// another: each round lists the kinds of its inputs. Right answers are 123456 (otp, token), 1234
// (pin), BANK7 (captcha), blue (secret_question), true (confirmation) and 0 (multiple_choice).
// operation is a path such as "/data/balance/get"; "" is any data or payment call. The error is a
// [*Refusal].
func (b *dpProvider) RequireInput(connectionID, operation string, rounds ...[]string) error {
	b.Lock()
	defer b.Unlock()
	conn, ok := b.connections[connectionID]
	if !ok {
		return refuse(http.StatusNotFound, "no such connection")
	}
	for _, round := range rounds {
		for _, kind := range round {
			if answerTo(kind) == "" {
				return refuse(http.StatusBadRequest, "unknown kind of input %q", kind)
			}
		}
	}
	conn.wanted = append(conn.wanted, inputScript{operation, rounds})
	return nil
}

// Defer makes the next call of that path on a Dapi connection answer "initialized"; the operation
// is found running so many times, then done. "" is any data or payment call. The error is a
// [*Refusal].
func (b *dpProvider) Defer(connectionID, operation string, polls int) error {
	b.Lock()
	defer b.Unlock()
	conn, ok := b.connections[connectionID]
	if !ok {
		return refuse(http.StatusNotFound, "no such connection")
	}
	conn.deferred = append(conn.deferred, deferral{operation, polls})
	return nil
}

type inputScript struct {
	operation string
	rounds    [][]string
}

type deferral struct {
	operation string
	polls     int
}

// dpBody is what data calls take beside the secrets.
type dpBody struct {
	OperationID string    `json:"operationID"`
	UserInputs  []dpInput `json:"userInputs"`
	AccountID   string    `json:"accountID"`
	CardID      string    `json:"cardID"`
	FromDate    string    `json:"fromDate"`
	ToDate      string    `json:"toDate"`

	raw    []byte // all of the body
	either bool   // accountID may be a card's
}

// members are all that the body holds.
func (in dpBody) members() map[string]any {
	dec := json.NewDecoder(bytes.NewReader(in.raw))
	dec.UseNumber()
	var all map[string]any
	if err := dec.Decode(&all); err != nil {
		panic(err) // it was decoded before
	}
	return all
}

// arguments are what must be sent again to resume: everything but the secrets and the answers.
func (in dpBody) arguments() string {
	rest := in.members()
	maps.DeleteFunc(rest, func(name string, value any) bool {
		return value == nil || slices.Contains([]string{"appSecret", "userSecret", "operationID", "userInputs"}, name)
	})
	text, err := json.Marshal(rest)
	if err != nil {
		panic(err) // it was decoded from JSON
	}
	return string(text)
}

type dpInput struct {
	ID        string   `json:"id"`
	Index     int      `json:"index"`
	Query     string   `json:"query"`
	QueryType string   `json:"queryType,omitempty"`
	Options   []string `json:"queryOptions,omitempty"`
	Answer    string   `json:"answer"`
}

type dpAsking struct {
	envelope
	UserInputs []dpInput `json:"userInputs"`
}

// pendingInput is an operation that waits for the user.
type pendingInput struct {
	id        string
	path      string
	arguments string
	rounds    [][]string // the one being asked first
	expires   time.Time
}

const statusUserInput = "user_input_required"

// dpRead reads what a call has beside the secrets.
func dpRead(c *call) (dpBody, reply, bool) {
	in := dpBody{raw: c.body}
	if json.Unmarshal(c.body, &in) != nil {
		return in, dpFail(http.StatusBadRequest, dpInvalidArgs, "a field has the wrong type"), false
	}
	return in, reply{}, true
}

// dpData is a data call: it checks the secrets, then what the bank wants from the user, and then
// does the work. An operation that goes on keeps its id.
func (b *dpProvider) dpData(c *call, work func(*connection, dpBody) reply) reply {
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
	if b.outages[conn.institution.Name] {
		return b.dpEnd(c, conn, in, dpFail(http.StatusInternalServerError, dpUnknown, "the bank is not available"))
	}
	id, p, unfinished := b.dpAdvance(c, conn, in)
	if unfinished {
		return p
	}
	return b.dpRecord(c, conn, id, work(conn, in))
}

// meant reports whether a script for an operation, "" for any, is for the call of op. Auth,
// metadata and delink never ask and take no time, Dapi's documentation says: a script has to name
// them.
func meant(operation, op string) bool {
	return operation == op || operation == "" && isDataCall(op)
}

// defers reports whether a call of that path is to answer "initialized", and how often its
// operation is then found running.
func (conn *connection) defers(path string) (polls int, ok bool) {
	i := slices.IndexFunc(conn.deferred, func(d deferral) bool { return meant(d.operation, path) })
	if i < 0 {
		return 0, false
	}
	polls = conn.deferred[i].polls
	conn.deferred = slices.Delete(conn.deferred, i, i+1)
	return polls, true
}

// dpInteract asks the user, or judges the answers. asking is false where the call may go on: under
// id, if it is the operation of an earlier call.
func (b *dpProvider) dpInteract(c *call, conn *connection, in dpBody) (id string, answer reply, asking bool) {
	if op := b.operations[in.OperationID]; b.dpGoesOn(c, conn, in) && op.deferred {
		if op.poll(); op.status == statusInitialized {
			return in.OperationID, op.initialized(in.OperationID), true
		}
		return in.OperationID, reply{}, false // the call sent again for a finished operation
	}
	if in.OperationID != "" && len(in.UserInputs) > 0 {
		answer, asking = b.dpResume(c, conn, in)
		return in.OperationID, answer, asking
	}
	b.dpExpire(conn)
	b.dpDrop(conn, dpInvalidated) // another call ends the session that was waiting
	for i, s := range conn.wanted {
		if meant(s.operation, c.route.op) {
			conn.wanted = append(conn.wanted[:i], conn.wanted[i+1:]...)
			return "", b.dpAsk(c, conn, in.arguments(), s.rounds), true
		}
	}
	trusted := !conn.institution.AsksOTP || b.Now().Before(conn.trusted) || !isDataCall(c.route.op)
	if c.fault == faultAsks || !trusted {
		return "", b.dpAsk(c, conn, in.arguments(), [][]string{{"otp"}}), true
	}
	return "", reply{}, false
}

// dpResume judges the answers to what an operation asked. It returns false where they are right and
// nothing more is asked. An operation that has failed repeats its failure; one that waits for
// nothing stays as it is. Both answer under their own id.
func (b *dpProvider) dpResume(c *call, conn *connection, in dpBody) (reply, bool) {
	b.dpExpire(conn)
	p := conn.pending
	if p == nil || p.id != in.OperationID {
		return b.dpLate(c, conn, in.OperationID), true
	}
	// A mistake of the caller's leaves the operation as it is.
	mistaken := func(msg string) (reply, bool) {
		return reply{
			status: http.StatusBadRequest,
			body:   envelope{OperationID: p.id, Status: statusFailed, Type: dpParameter, Msg: msg},
		}, true
	}
	switch {
	case p.path != c.route.op || p.arguments != in.arguments():
		return mistaken("the arguments are not those of the operation")
	case len(in.UserInputs) != len(p.rounds[0]):
		return mistaken("not every input has an answer")
	}
	for _, given := range in.UserInputs {
		if given.Index < 0 || given.Index >= len(p.rounds[0]) || given.ID != p.rounds[0][given.Index] {
			return mistaken("userInputs are not those that were asked for")
		}
		if given.Answer != answerTo(given.ID) {
			return b.dpEnd(c, conn, in, dpFail(http.StatusUnauthorized, "INVALID_MFA", "the answer is wrong")), true
		}
	}
	now := b.Now()
	p.rounds = p.rounds[1:]
	if len(p.rounds) > 0 {
		p.expires = now.Add(challengeLife)
		return p.ask(), true
	}
	conn.pending, conn.trusted = nil, now.Add(trustLife)
	return reply{}, false
}

// dpLate refuses an answer for which no operation waits. An operation of another connection is an
// unknown one.
func (b *dpProvider) dpLate(c *call, conn *connection, id string) reply {
	p := dpFail(http.StatusUnauthorized, dpInvalidated, "the operation is not waiting for anything")
	op := b.operations[id]
	if op == nil || op.conn != conn {
		return b.dpRecord(c, conn, "", p)
	}
	if op.status == statusFailed {
		p = dpFail(op.code, op.errorType, op.msg)
	}
	return under(p, id)
}

// dpAsk asks the user. The operation is there from now on.
func (b *dpProvider) dpAsk(c *call, conn *connection, arguments string, rounds [][]string) reply {
	p := &pendingInput{path: c.route.op, arguments: arguments, rounds: rounds, expires: b.Now().Add(challengeLife)}
	answer := b.dpRecord(c, conn, "", p.ask())
	p.id = answer.body.(dpAsking).OperationID
	conn.pending = p
	return answer
}

func (p *pendingInput) ask() reply {
	out := dpAsking{envelope: envelope{OperationID: p.id, Success: true, Status: statusUserInput}}
	for i, kind := range p.rounds[0] {
		in := dpInput{ID: kind, Index: i, Query: question(kind), QueryType: "txt"}
		switch kind {
		case "captcha":
			in.QueryType = ""
		case "multiple_choice":
			in.Options = []string{"Text message", "Phone call"}
		}
		out.UserInputs = append(out.UserInputs, in)
	}
	return reply{status: http.StatusOK, body: out}
}

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
