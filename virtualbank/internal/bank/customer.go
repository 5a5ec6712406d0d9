package bank

// The customer whom every institution knows, and the one whose accounts come from the session.
const (
	UserGood   = "user_good"
	PassGood   = "pass_good"
	UserCustom = "user_custom"
)

// Customer is someone who can log in at every institution.
type Customer struct{ Username, Password string }

// Knows reports whether the pair opens a login. Empty fields stand for [userGood].
func (b *Bank) Knows(username, password string) bool {
	username, password = OrGood(username, password)
	for _, c := range b.customers {
		if c.Username == username {
			return c.Password == password
		}
	}
	return false
}

func OrGood(username, password string) (string, string) {
	if username == "" {
		username = UserGood
	}
	if password == "" {
		password = PassGood
	}
	return username, password
}
