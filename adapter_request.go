package bankmux

// This file has what adapters read of a request.

import "time"

// SessionOption is a provider-specific part of a [SessionRequest], such as moneykit.SessionOptions.
// An adapter ignores the options of others, so one request can have options for several providers.
type SessionOption interface {
	// ForProvider returns the name of the adapter that reads the option.
	ForProvider() string
}

// OptionOf returns the first option of type T, or pointer to one, in the request.
func OptionOf[T SessionOption](req SessionRequest) (T, bool) {
	for _, o := range req.Options {
		if t, ok := o.(T); ok {
			return t, true
		}
		if t, ok := any(o).(*T); ok && t != nil {
			return *t, true
		}
	}
	var none T
	return none, false
}

// Fields returns the payload, strictly read. See [ParsePayload] for the errors.
func (r ExchangeRequest) Fields() (Payload, error) {
	if r.parsed.members != nil {
		return r.parsed, nil
	}
	return parseSecret(r.Payload)
}

// AccountName returns the application's name of an account.
func (r *SyncRequest) AccountName(account string) string {
	if r.Name == nil {
		return account
	}
	return r.Name(account)
}

// Days returns the first and last day to ask for. The argument today is the last day that a row can
// have.
func (r *TransactionsRequest) Days(today Date) (from, to Date) { return days(r.From, r.To, today) }

// Days returns the first and last day to ask for. The argument today is the last day that a row can
// have.
func (r *InvestmentTransactionsRequest) Days(today Date) (from, to Date) {
	return days(r.From, r.To, today)
}

// defaultDays is how far back a request without From goes.
const defaultDays = 90

func days(from, to, today Date) (Date, Date) {
	if to.IsZero() || to.After(today) {
		to = today
	}
	if from.IsZero() {
		from = to.AddDays(-defaultDays)
	}
	return from, to
}

// Limits returns the first and last day whose rows belong in the response, where today is the last
// day that a row can have. Adapters drop other rows and count them. Without To there is no last
// day, because banks also write value dates in the future.
func (r *TransactionsRequest) Limits(today Date) (first, last Date) {
	return limits(r.From, r.To, today)
}

// Limits returns the first and last day whose rows belong in the response, as
// [TransactionsRequest.Limits] does.
func (r *InvestmentTransactionsRequest) Limits(today Date) (first, last Date) {
	return limits(r.From, r.To, today)
}

func limits(from, to, today Date) (first, last Date) {
	first, _ = days(from, to, today)
	if to.IsZero() {
		to = NewDate(9999, time.December, 31)
	}
	return first, to
}
