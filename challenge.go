package bankmux

// This file is about questions of a bank to the user, and the answers to them.

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/bankmux/bankmux/internal/plain"
)

// Challenge is a question of the bank to the user, such as for a one-time password, a PIN or a
// captcha. It comes with an [ErrUserAction]:
//
//	if e, ok := errors.AsType[*bankmux.Error](err); ok && e.Challenge != nil {
//		store(e.Challenge)                                  // it marshals to JSON
//		req := bankmux.ResumeRequest{Connection: conn, Answers: e.Challenge.Answer("123456")}
//		res, err := client.Resume(ctx, req)                 // continues the call, perhaps in another process
//	}
//
// [Client.Resume] makes the interrupted call again. Making the same call again with Answers set has
// the same effect.
//
// A second call would end the user's session at the bank. So guard.Hold, which the Dapi adapter
// uses, refuses other calls on the connection while the challenge is open. They get the same error.
// A wrong answer is [ErrAnswerRejected], and a late one is [ErrChallengeExpired]. After both
// errors, and after [Challenge.Abandon], make the call again without Answers. The library never
// sends an answer twice.
//
// A challenge may hold data that was read already. Protect it like that data.
type Challenge struct {
	ID         string    `json:"id"`                // the provider's id of the interrupted operation
	Op         string    `json:"op"`                // the operation to call again, such as [OpBalances]
	Call       string    `json:"call"`              // the step of it that was interrupted, such as [OpAccounts]
	Connection string    `json:"connection"`        // [Connection.ID]
	Account    string    `json:"account,omitempty"` // the account the step is about
	Inputs     []Input   `json:"inputs"`
	At         time.Time `json:"at,omitzero"`
	ExpiresAt  time.Time `json:"expires_at,omitzero"` // the bank may close it earlier

	// State is the progress of the operation, for the library alone.
	State json.RawMessage `json:"state,omitempty"`
	// Request is the request of the operation without connection and answers, for [Client.Resume]
	// alone.
	Request json.RawMessage `json:"request,omitempty"`
}

// String names the challenge without what the bank says and without State.
func (ch Challenge) String() string {
	var b strings.Builder
	b.WriteString("challenge " + plain.Word(ch.ID) + " of " + plain.Word(ch.Op))
	for _, in := range ch.Inputs {
		b.WriteString(" " + plain.Word(string(in.Kind)))
	}
	return b.String()
}

// Format writes what [Challenge.String] returns, whatever the verb.
func (ch Challenge) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, ch.String()) }

// LogValue returns what [Challenge.String] returns.
func (ch Challenge) LogValue() slog.Value { return slog.StringValue(ch.String()) }

// Input is one question to the user.
type Input struct {
	Kind    InputKind `json:"kind"`
	Index   int       `json:"index"`
	Query   string    `json:"query,omitempty"`   // what to show, in the bank's words
	Image   []byte    `json:"image,omitempty"`   // what to show instead, for a captcha
	Options []string  `json:"options,omitempty"` // for a choice: the answer is the index of an option, from 0
}

// String names the input and quotes what the bank says, as one line.
func (in Input) String() string { return plain.Word(string(in.Kind)) + " " + plain.Quote(in.Query) }

// Format writes what [Input.String] returns, whatever the verb.
func (in Input) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, in.String()) }

// LogValue returns what [Input.String] returns.
func (in Input) LogValue() slog.Value { return slog.StringValue(in.String()) }

// InputKind says what the bank asks for. Unknown values are kept. Show Query for them.
type InputKind string

// The kinds of input.
const (
	InputOTP            InputKind = "otp" // a code sent to the user's device
	InputSecretQuestion InputKind = "secret_question"
	InputCaptcha        InputKind = "captcha"
	InputPIN            InputKind = "pin"
	InputConfirmation   InputKind = "confirmation" // approve in the bank's app, then answer "true"
	InputToken          InputKind = "token"        // a code shown by the bank's app
	InputChoice         InputKind = "multiple_choice"
)

// Answers are the user's answers to a [Challenge]. They are secret.
type Answers struct {
	Challenge Challenge
	Inputs    []Answer
	Abandoned bool // the user gave up
}

// Answer is the answer to the [Input] of the same Index.
type Answer struct {
	Index int
	Text  Secret
}

// Answer pairs the challenge with one text for each input, in the order of Inputs.
func (ch Challenge) Answer(texts ...string) *Answers {
	a := &Answers{Challenge: ch}
	for i, text := range texts {
		index := -1
		if i < len(ch.Inputs) {
			index = ch.Inputs[i].Index
		}
		a.Inputs = append(a.Inputs, Answer{Index: index, Text: NewSecret(text)})
	}
	return a
}

// Abandon gives the challenge up. The call with these answers sends nothing and ends in
// [ErrUserAction] with Code "cancelled". Other calls on the connection are possible again.
func (ch Challenge) Abandon() *Answers { return &Answers{Challenge: ch, Abandoned: true} }

// challengeTTL is how long a challenge is open if the provider does not say. Dapi does not.
const challengeTTL = 5 * time.Minute

// prepare refuses answers that do not fit the call or the challenge.
func (a *Answers) prepare(op *Op) error {
	if a == nil {
		return nil
	}
	ch := &a.Challenge
	switch {
	case ch.ID == "":
		return invalid("Answers.Challenge", "is empty: use the one of the error")
	case ch.Op != op.Name:
		return invalid("Answers.Challenge", "is of "+quote(ch.Op)+", not of "+op.Name)
	case ch.Connection != op.Connection:
		return invalid("Answers.Challenge", "is of another connection")
	}
	op.Challenge = ch.ID
	if a.Abandoned {
		op.Abandon = true
		return nil
	}
	if !ch.ExpiresAt.IsZero() && !time.Now().Before(ch.ExpiresAt) {
		return &Error{
			Kind:    ErrChallengeExpired,
			Detail:  "the challenge was open until " + ch.ExpiresAt.UTC().Format(time.RFC3339),
			NotSent: true,
		}
	}
	if len(a.Inputs) != len(ch.Inputs) {
		return invalid("Answers.Inputs", "are not one for each input of the challenge")
	}
	for _, in := range ch.Inputs {
		i := slices.IndexFunc(a.Inputs, func(x Answer) bool { return x.Index == in.Index })
		if i < 0 || a.Inputs[i].Text.IsZero() {
			return invalid("Answers.Inputs", "lack an answer to "+quote(string(in.Kind)))
		}
	}
	return nil
}

// open completes a challenge that an adapter made.
func (ch Challenge) open(op *Op) *Challenge {
	ch.Op, ch.Connection = op.Name, op.Connection
	if ch.Call == "" {
		ch.Call = op.Name
	}
	if ch.At.IsZero() {
		ch.At = Moment(time.Now())
	}
	if ch.ExpiresAt.IsZero() {
		ch.ExpiresAt = ch.At.Add(challengeTTL)
	}
	return &ch
}

// interrupted returns err, with its challenge, if it has one, moved from a step to the operation of
// that step.
func interrupted(err error, op Op, account string, p *progress) error {
	e := ErrorOf(err)
	if e == nil || e.Challenge == nil {
		return err
	}
	moved, ch, at := *e, *e.Challenge, *p
	at.Inner = ch.State
	raw, marshalErr := json.Marshal(at)
	if marshalErr != nil {
		return err // strings, amounts and lists of them: cannot fail
	}
	ch.Op, ch.Account, ch.State = op.Name, account, raw
	moved.Op, moved.Challenge = op.Name, &ch
	return &moved
}

// forStep turns answers to an operation into answers to the step that was interrupted.
func (a *Answers) forStep() *Answers {
	step := *a
	p, _ := progressOf(a)
	step.Challenge.Op, step.Challenge.State = step.Challenge.Call, p.Inner
	return &step
}

// attended returns the context for the calls of an operation with answers. The user has just given
// them, so the user is present, even if ctx says otherwise ([Presence]).
func (a *Answers) attended(ctx context.Context) context.Context {
	if a == nil || a.Abandoned {
		return ctx
	}
	return WithPresence(ctx, Presence{})
}
