package virtualbank

// This file has the customers who can log in.

// UserGood and PassGood are the login of a customer who has accounts at every institution.
const (
	UserGood = "user_good"
	PassGood = "pass_good"
)

// UserCustom is a customer of MoneyKit's Credentials Bank. Its accounts come from the session's
// custom_sandbox_data. MoneyKit publishes no password for it; the bank's choice is [PassGood].
const UserCustom = "user_custom"

// Customer is the login of a person who has accounts at every institution.
type Customer struct{ Username, Password string }
