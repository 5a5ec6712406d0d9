package moneykit

// What an answer must have. A list that is not there is no empty list: taken for one, every account and transaction an application knows
// would seem to be gone. An empty list is [].

// required is an answer that knows what it cannot do without, and says what is missing.
type required interface{ lacks() string }

func unless(there bool, name string) string {
	if there {
		return ""
	}
	return name
}

func (a *accountsAnswer) lacks() string { return unless(a.Accounts != nil, "accounts") }
func (a *numbersAnswer) lacks() string  { return unless(a.Accounts != nil, "accounts") }
func (a *identityAnswer) lacks() string { return unless(a.Accounts != nil, "accounts") }

func (a *transactionsAnswer) lacks() string { return unless(a.Transactions.Told, "transactions") }

func (a *userTransactionsAnswer) lacks() string { return unless(a.Transactions.Told, "transactions") }

func (a *holdingsAnswer) lacks() string { return unless(a.Holdings != nil, "holdings") }

func (a *investmentsAnswer) lacks() string {
	return unless(a.Transactions != nil, "investment_transactions")
}

func (a *institutionsAnswer) lacks() string { return unless(a.Institutions != nil, "institutions") }
func (a *linksAnswer) lacks() string        { return unless(a.Links != nil, "links") }
func (a *webhookTestAnswer) lacks() string  { return unless(a.DeliveryToken != "", "delivery_token") }

func (a *syncAnswer) lacks() string {
	t := &a.Transactions
	return unless(t.Created.Told || t.Updated.Told || t.Removed != nil, "transactions")
}
