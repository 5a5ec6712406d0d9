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
