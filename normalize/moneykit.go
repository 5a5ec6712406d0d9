package normalize

import (
	"slices"
	"time"

	"github.com/bankmux/bankmux"
)

// MoneyKitLink is what the model needs of a MoneyKit link.
type MoneyKitLink struct {
	LinkID            string
	InstitutionID     string
	InstitutionName   string
	InstitutionAvatar string
	State             string
	ErrorCode         string
	Products          []string // names of the products that are there
	Country           string   // as asked for; a link does not tell
}

// MoneyKitConnection is the connection a link_id stands for. The link id is
// also the credential, for whoever has it and the application's keys can read the bank.
// A link without id, or with one that is not all visible characters, is [bankmux.ErrMalformed].
func MoneyKitConnection(s bankmux.Session, l MoneyKitLink) (bankmux.Connection, error) {
	if !Token(l.LinkID) {
		return bankmux.Connection{}, &bankmux.Error{Kind: bankmux.ErrMalformed, Detail: "the link has no id of visible characters"}
	}
	conn := bankmux.NewConnection(s, l.LinkID, bankmux.NewSecret(l.LinkID))
	country := l.Country
	if country == "" {
		country = conn.Institution.Country // known from before a reconnect
	}
	conn.Institution = bankmux.Institution{ID: l.InstitutionID, Name: l.InstitutionName, Country: country, LogoURL: l.InstitutionAvatar}
	conn.Status = MoneyKitStatus(l.State, l.ErrorCode)
	conn.Products = nil
	for _, p := range l.Products {
		conn.Products = append(conn.Products, ProductFromMoneyKit(p))
	}
	return conn, nil
}

// MoneyKitStatus turns a link's state and error_code into a status as of now.
// A state or error nobody listed is kept as text.
func MoneyKitStatus(state, errorCode string) bankmux.Status {
	st := bankmux.Status{Code: errorCode, At: time.Now().UTC().Truncate(time.Millisecond)}
	switch state {
	case "connected":
		st.State = bankmux.StateActive // a stored error_code of an earlier refresh changes nothing
	case "connecting", "awaiting_token_exchange":
		st.State, st.Code = bankmux.StatePending, state
	case "deleted":
		st.State = bankmux.StateGone
	case "error":
		switch e := moneyKitLink.Error(Failure{Code: errorCode}); e.Kind {
		case bankmux.ErrReauth:
			st.State = bankmux.StateReauth
		case bankmux.ErrUserAction:
			st.State = bankmux.StatePending
		default:
			st.State = bankmux.StateDegraded
		}
	default:
		st.State = bankmux.State(state)
	}
	return st
}

// moneyKitSettings are the products a session can name; accounts are implied.
var moneyKitSettings = []string{"account_numbers", "identity", "transactions", "investments"}

// MoneyKitProduct is the name under which a session asks for a product: "" for
// accounts, which are implied; false for one that a session cannot ask for.
func MoneyKitProduct(p bankmux.Product) (wire string, ok bool) {
	if p == bankmux.ProductAccounts {
		return "", true
	}
	if slices.Contains(moneyKitSettings, string(p)) {
		return string(p), true
	}
	return "", false
}

// ProductFromMoneyKit is the product of a link's member. The model uses
// MoneyKit's words, so an unknown one is kept as it is.
func ProductFromMoneyKit(wire string) bankmux.Product { return bankmux.Product(wire) }
