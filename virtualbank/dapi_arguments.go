package virtualbank

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// dpArgs are the arguments of a payment call. The first that is wrong is kept.
type dpArgs struct {
	b       *dpProvider
	conn    *connection
	members map[string]any
	wrong   *reply
}

func (a *dpArgs) refuse(status int, kind, msg string) {
	if a.wrong == nil {
		p := dpFail(status, kind, msg)
		a.wrong = &p
	}
}

func (a *dpArgs) member(name string, required bool) (any, bool) {
	value := a.members[name]
	if value == nil || value == "" {
		if required {
			a.refuse(http.StatusUnprocessableEntity, dpMissing, name+" is missing")
		}
		return nil, false
	}
	return value, true
}

func (a *dpArgs) mistyped(name, want string) {
	a.refuse(http.StatusBadRequest, dpInvalidArgs, "Field '"+name+"' failed validation: not "+want)
}

// text returns a string member, "" when it is absent or wrong.
func (a *dpArgs) text(name string, required bool) string {
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

// word returns a string member of a vocabulary.
func (a *dpArgs) word(name string, required bool, allowed ...string) string {
	text := a.text(name, required)
	if text != "" && !slices.Contains(allowed, text) {
		a.refuse(http.StatusBadRequest, dpParameter, name+" has to be "+strings.Join(allowed, " or "))
	}
	return text
}

// within checks a text by a rule of the bank's metadata.
func (a *dpArgs) within(name, text string, r rule) {
	if len(text) > r.Length || !regexp.MustCompile("^("+r.Characters+")*$").MatchString(text) {
		msg := fmt.Sprintf("%s is longer than %d or has other characters than %s", name, r.Length, r.Characters)
		a.refuse(http.StatusBadRequest, dpParameter, msg)
	}
}

// amount returns an amount in hundredths. It has two decimals at most.
func (a *dpArgs) amount(name string) int64 {
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
	if !plainDecimal.MatchString(n.String()) || len(cents) > 2 || len(whole) > 12 {
		a.refuse(http.StatusBadRequest, dpParameter, name+" is not an amount with two decimals at most")
		return 0
	}
	units, _ := strconv.ParseInt(whole+(cents + "00")[:2], 10, 64) // digits alone
	if units <= 0 {
		a.refuse(http.StatusBadRequest, dpParameter, name+" is not positive")
	}
	return units
}

// sender returns the account that pays; nil when there is none.
func (a *dpArgs) sender() *account {
	id := a.text("senderID", true)
	if id == "" {
		return nil
	}
	i := slices.IndexFunc(a.conn.book.accounts, func(acc *account) bool {
		return a.conn.accountID(acc) == id && !acc.kind.card
	})
	if i < 0 {
		a.refuse(http.StatusNotFound, dpNoAccount, "no such account")
		return nil
	}
	return a.conn.book.accounts[i]
}

func (a *dpArgs) days() {
	from, ok1 := parseDay(a.text("fromDate", true))
	to, ok2 := parseDay(a.text("toDate", true))
	if !ok1 || !ok2 || to < from {
		a.refuse(http.StatusBadRequest, dpParameter, "fromDate or toDate is wrong")
	}
}

func (a *dpArgs) items() {
	a.word("type", true, "same", "local", "intl")
	value, ok := a.member("items", true)
	if list, isList := value.([]any); ok && (!isList || len(list) == 0) {
		a.mistyped("items", "a list with something in it")
	}
}

func (a *dpArgs) batch() {
	a.sender()
	a.items()
}

func (a *dpArgs) batchFile() {
	if value, ok := a.member("sender", true); ok {
		if _, ok := value.(map[string]any); !ok {
			a.mistyped("sender", "an object")
		}
	}
	a.items()
}
