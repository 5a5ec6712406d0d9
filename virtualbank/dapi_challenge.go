package virtualbank

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
)

// What the bank wants to hear, by the kind of input. The OTP is the only value ever seen in Dapi's sandbox; the others are the bank's own.
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

// Lifetimes on the bank's clock: of an open challenge, and of the bank's trust after a right answer. Neither is published.
const (
	challengeLife = 5 * time.Minute
	trustLife     = 10 * time.Minute
)

// RequireInput makes the next call of that path on a Dapi connection ask the user, one round after another: each
// round lists the kinds of its inputs. Right answers are 123456 (otp, token), 1234 (pin), BANK7 (captcha), blue
// (secret_question), true (confirmation) and 0 (multiple_choice). operation is a path such as "/data/balance/get"; "" is any. The
// error is a [*Refusal].
func (b *Bank) RequireInput(connectionID, operation string, rounds ...[]string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	conn, ok := b.dp.connections[connectionID]
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

// Defer makes the next call of that path on a Dapi connection answer "initialized"; the operation is found running so many times, then done. The
// error is a [*Refusal].
func (b *Bank) Defer(connectionID, operation string, polls int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	conn, ok := b.dp.connections[connectionID]
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
}

// arguments are what must be sent again to resume.
func (in dpBody) arguments() string {
	return in.AccountID + "\x00" + in.CardID + "\x00" + in.FromDate + "\x00" + in.ToDate
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

// dpData is a data call: it checks the secrets, then what the bank wants from the user, and then does the work.
func (b *Bank) dpData(c *call, work func(*connection, dpBody) reply) reply {
	f, refusal, ok := dpFields(c, "appSecret", "userSecret")
	if !ok {
		return refusal
	}
	var in dpBody
	if json.Unmarshal(c.body, &in) != nil {
		return dpFail(http.StatusBadRequest, dpInvalidArgs, "a field has the wrong type")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	conn, refusal, ok := b.dpConnection(c, f)
	if !ok {
		return refusal
	}
	if b.outages[conn.institution.Name] {
		return b.dpRecord(c, conn, dpFail(http.StatusInternalServerError, dpUnknown, "the bank is not available"))
	}
	if answer, asking := b.dpInteract(c, conn, in); asking {
		return answer
	}
	if c.fault.Name == faultInitialized {
		return b.dpRecord(c, conn, reply{status: http.StatusOK, body: envelope{Success: true, Status: statusInitialized}})
	}
	for i, d := range conn.deferred {
		if d.operation == "" || d.operation == c.route.op {
			conn.deferred = append(conn.deferred[:i], conn.deferred[i+1:]...)
			p := b.dpRecord(c, conn, reply{status: http.StatusOK, body: envelope{Success: true, Status: statusInitialized}})
			id := p.body.(envelope).OperationID
			op := b.dp.operations[id]
			op.polls = d.polls
			b.dp.operations[id] = op
			return p
		}
	}
	return b.dpRecord(c, conn, work(conn, in))
}

// dpInteract asks the user, or judges the answers. It returns false where the call may go on.
func (b *Bank) dpInteract(c *call, conn *connection, in dpBody) (reply, bool) {
	now := b.Now()
	fail := func(status int, kind, msg string) (reply, bool) {
		return b.dpRecord(c, conn, dpFail(status, kind, msg)), true
	}
	if in.OperationID != "" && len(in.UserInputs) > 0 {
		p := conn.pending
		if p == nil || p.id != in.OperationID {
			return fail(http.StatusUnauthorized, dpInvalidated, "the operation is not waiting for anything")
		}
		switch {
		case !now.Before(p.expires):
			conn.pending = nil
			return fail(http.StatusUnauthorized, "SESSION_EXPIRED", "the bank's session ended")
		case p.path != c.route.op || p.arguments != in.arguments():
			return fail(http.StatusBadRequest, dpParameter, "the arguments are not those of the operation")
		case len(in.UserInputs) != len(p.rounds[0]):
			return fail(http.StatusBadRequest, dpParameter, "not every input has an answer")
		}
		for _, given := range in.UserInputs {
			if given.Index < 0 || given.Index >= len(p.rounds[0]) || given.ID != p.rounds[0][given.Index] {
				return fail(http.StatusBadRequest, dpParameter, "userInputs are not those that were asked for")
			}
			if given.Answer != answerTo(given.ID) {
				conn.pending = nil
				return fail(http.StatusUnauthorized, "INVALID_MFA", "the answer is wrong")
			}
		}
		p.rounds = p.rounds[1:]
		if len(p.rounds) > 0 {
			p.expires = now.Add(challengeLife)
			return p.ask(), true
		}
		conn.pending, conn.trusted = nil, now.Add(trustLife)
		return reply{}, false
	}
	if op, ok := b.dp.operations[in.OperationID]; ok && op.path == c.route.path && op.status == statusDone && op.deferred {
		return reply{}, false // the call sent again for a finished operation
	}
	conn.pending = nil // another call ends the session that was waiting
	for i, s := range conn.wanted {
		if s.operation == "" || s.operation == c.route.op {
			conn.wanted = append(conn.wanted[:i], conn.wanted[i+1:]...)
			return b.dpAsk(c, conn, in, s.rounds), true
		}
	}
	if conn.institution.AsksOTP && !now.Before(conn.trusted) {
		return b.dpAsk(c, conn, in, [][]string{{"otp"}}), true
	}
	return reply{}, false
}

func (b *Bank) dpAsk(c *call, conn *connection, in dpBody, rounds [][]string) reply {
	p := &pendingInput{
		id: conn.bankID + ":" + b.gen.uuid(), path: c.route.op, arguments: in.arguments(), rounds: rounds, expires: b.Now().Add(challengeLife),
	}
	conn.pending = p
	return p.ask()
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
