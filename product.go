package bankmux

// Product is a kind of data or action that a user permits. Unknown values are kept.
type Product string

// The products.
const (
	ProductAccounts       Product = "accounts"
	ProductAccountNumbers Product = "account_numbers"
	ProductIdentity       Product = "identity"
	ProductTransactions   Product = "transactions"
	ProductInvestments    Product = "investments"
	ProductEnrichment     Product = "enrichment"
	ProductCards          Product = "cards"
	ProductPayments       Product = "payments"
)

// ProductRequest asks for a product in a session.
type ProductRequest struct {
	Product           Product
	Required          bool   // offer only banks that have it; a provider without it is [ErrUnsupported]
	RequirePermission bool   // the user cannot decline it
	Prefetch          bool   // fetch right after linking
	Reason            string // completes "… data is used to …", if the provider shows it
}
