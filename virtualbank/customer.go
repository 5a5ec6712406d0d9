package virtualbank

// The customer whom every institution knows.
const (
	UserGood = "user_good"
	PassGood = "pass_good"
)

// UserCustom is the customer of MoneyKit's Credentials Bank whose accounts come from the
// session's custom_sandbox_data. MoneyKit publishes no password for it; here it is [PassGood].
const UserCustom = "user_custom"

// Customer is someone who can log in at every institution.
type Customer struct{ Username, Password string }

// knows reports whether the pair opens a login. Empty fields stand for [UserGood].
func (b *Bank) knows(username, password string) bool {
	username, password = orGood(username, password)
	for _, c := range b.customers {
		if c.Username == username {
			return c.Password == password
		}
	}
	return false
}

func orGood(username, password string) (string, string) {
	if username == "" {
		username = UserGood
	}
	if password == "" {
		password = PassGood
	}
	return username, password
}
