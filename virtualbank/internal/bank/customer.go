package bank

// This file has the customers and checks their passwords.

// The logins that every bank has. They are virtualbank.UserGood and virtualbank.UserCustom.
const (
	UserGood   = "user_good"
	PassGood   = "pass_good"
	UserCustom = "user_custom"
)

// Customer is the login of a person who has accounts at every institution.
type Customer struct{ Username, Password string }

// Knows reports whether a username and a password are right. Empty ones mean UserGood's.
func (b *Bank) Knows(username, password string) bool {
	username, password = OrGood(username, password)
	for _, c := range b.customers {
		if c.Username == username {
			return c.Password == password
		}
	}
	return false
}

// OrGood replaces an empty username or password by UserGood's.
func OrGood(username, password string) (string, string) {
	if username == "" {
		username = UserGood
	}
	if password == "" {
		password = PassGood
	}
	return username, password
}
