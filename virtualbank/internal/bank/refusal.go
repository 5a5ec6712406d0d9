package bank

import (
	"fmt"
	"net/http"
)

// Refusal is why the bank would not do what a test asked it to. Status is what the
// control plane answers.
type Refusal struct {
	Status int
	Reason string
}

func (r *Refusal) Error() string { return "virtualbank: " + r.Reason }

func Refuse(status int, format string, args ...any) *Refusal {
	return &Refusal{status, fmt.Sprintf(format, args...)}
}

func WrongLogin(in Institution) *Refusal {
	return Refuse(http.StatusUnprocessableEntity, "wrong username or password at %s", in.Name)
}
