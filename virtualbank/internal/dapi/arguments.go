package dapi

// This file checks the arguments of payment calls.

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// paymentArgs reads the arguments of a payment call. It keeps the failure of the first invalid one.
type paymentArgs struct {
	b       *Provider
	conn    *connection
	members map[string]any
	wrong   *bank.Reply
}

// refuse keeps a failure unless there is one already.
func (a *paymentArgs) refuse(status int, kind, msg string) {
	if a.wrong == nil {
		p := fail(status, kind, msg)
		a.wrong = &p
	}
}

// missing refuses an absent argument.
func (a *paymentArgs) missing(msg string) { a.refuse(http.StatusUnprocessableEntity, typeMissing, msg) }

// member returns a member that is neither null nor empty.
func (a *paymentArgs) member(name string, required bool) (any, bool) {
	value := a.members[name]
	if value == nil || value == "" {
		if required {
			a.missing(name + " is missing")
		}
		return nil, false
	}
	return value, true
}

// mistyped refuses an argument of a wrong type.
func (a *paymentArgs) mistyped(name, want string) {
	a.refuse(http.StatusBadRequest, typeInvalidArgs, "Field '"+name+"' failed validation: not "+want)
}

// text returns a string member, or "" if it is absent or invalid.
func (a *paymentArgs) text(name string, required bool) string {
	value, ok := a.member(name, required)
	if !ok {
		return ""
	}
	text, ok := value.(string)
	if !ok {
		a.mistyped(name, "a string")
	}
	return text
}

// word returns a string member that must be one of the allowed values.
func (a *paymentArgs) word(name string, required bool, allowed ...string) string {
	text := a.text(name, required)
	if text != "" && !slices.Contains(allowed, text) {
		a.refuse(http.StatusBadRequest, typeParameter, name+" has to be "+strings.Join(allowed, " or "))
	}
	return text
}

// within checks a text with a rule of the metadata.
func (a *paymentArgs) within(name, text string, r rule) {
	if len(text) > r.Length || !regexp.MustCompile("^("+r.Characters+")*$").MatchString(text) {
		msg := fmt.Sprintf("%s is longer than %d or has other characters than %s", name, r.Length, r.Characters)
		a.refuse(http.StatusBadRequest, typeParameter, msg)
	}
}

// amount returns an amount in hundredths. It has at most two decimals.
func (a *paymentArgs) amount(name string) int64 {
	value, ok := a.member(name, true)
	if !ok {
		return 0
	}
	n, ok := value.(interface{ String() string }) // a JSON number
	if !ok {
		a.mistyped(name, "a number")
		return 0
	}
	whole, cents, _ := strings.Cut(n.String(), ".")
	if !bank.PlainDecimal.MatchString(n.String()) || len(cents) > 2 || len(whole) > 12 {
		a.refuse(http.StatusBadRequest, typeParameter, name+" is not an amount with two decimals at most")
		return 0
	}
	units, _ := strconv.ParseInt(whole+(cents + "00")[:2], 10, 64) // it has only digits
	if units <= 0 {
		a.refuse(http.StatusBadRequest, typeParameter, name+" is not positive")
	}
	return units
}

// sender returns the account that pays, or nil if there is none.
func (a *paymentArgs) sender() *bank.Account {
	id := a.text("senderID", true)
	if id == "" {
		return nil
	}
	i := slices.IndexFunc(a.conn.book.Accounts, func(acc *bank.Account) bool {
		return a.conn.accountID(acc) == id && !acc.Kind.Card
	})
	if i < 0 {
		a.refuse(http.StatusNotFound, typeNoAccount, "no such account")
		return nil
	}
	return a.conn.book.Accounts[i]
}

// days checks fromDate and toDate.
func (a *paymentArgs) days() {
	from, ok1 := bank.ParseDay(a.text("fromDate", true))
	to, ok2 := bank.ParseDay(a.text("toDate", true))
	if !ok1 || !ok2 || to < from {
		a.refuse(http.StatusBadRequest, typeParameter, "fromDate or toDate is wrong")
	}
}

// items checks type and items of a batch.
func (a *paymentArgs) items() {
	a.word("type", true, "same", "local", "intl")
	value, ok := a.member("items", true)
	if list, isList := value.([]any); ok && (!isList || len(list) == 0) {
		a.mistyped("items", "a list with something in it")
	}
}

// batch checks the arguments of a batch.
func (a *paymentArgs) batch() {
	a.sender()
	a.items()
}

// batchFile checks the arguments of a batch file.
func (a *paymentArgs) batchFile() {
	if value, ok := a.member("sender", true); ok {
		if _, ok := value.(map[string]any); !ok {
			a.mistyped("sender", "an object")
		}
	}
	a.items()
}
