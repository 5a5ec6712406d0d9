package bank

// This file has the error of an action that the bank cannot carry out.

import (
	"fmt"
	"net/http"
)

// Refusal is the error of an action of a test that the bank cannot carry out.
type Refusal struct {
	Status int    // the status that the control plane returns
	Reason string // the text
}

func (r *Refusal) Error() string { return "virtualbank: " + r.Reason }

// Refuse returns a Refusal.
func Refuse(status int, format string, args ...any) *Refusal {
	return &Refusal{status, fmt.Sprintf(format, args...)}
}

// WrongLogin returns the Refusal of a login with a wrong username or password.
func WrongLogin(in Institution) *Refusal {
	return Refuse(http.StatusUnprocessableEntity, "wrong username or password at %s", in.Name)
}
