package normalize_test

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/govalues/decimal"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// An adapter declares its provider's error table once, and classifies each failure with it.
func Example() {
	table := normalize.NewCatalogue(
		normalize.Row{Code: "consent_ended", Kind: bankmux.ErrReauth, Detail: "the consent ended"},
		normalize.Row{Code: "too_many_calls", Kind: bankmux.ErrRateLimited, Detail: "too many calls were made"},
	)
	for _, failure := range []normalize.Failure{
		{Code: "consent_ended", Status: http.StatusForbidden},
		{Code: "too_many_calls", Status: http.StatusTooManyRequests, RetryAfter: time.Minute},
		{Code: "brand_new", Status: http.StatusBadRequest},
	} {
		e := table.Error(failure)
		fmt.Printf("%s: %q, unlisted: %v\n", e.Kind, e.Detail, e.Unlisted)
	}
	// Output:
	// reauth_required: "the consent ended", unlisted: false
	// rate_limited: "too many calls were made", unlisted: false
	// invalid_request: "", unlisted: true
}

// A provider may send a class beside each code, as Plaid does with error_type and error_code.
func ExampleCatalogue_Error() {
	table := normalize.NewCatalogue(
		normalize.Row{Class: "ITEM_ERROR", Kind: bankmux.ErrReauth},
		normalize.Row{Class: "API_ERROR", Kind: bankmux.ErrUnavailable},
		// This code concerns one connection, so it must not open the circuit for all.
		normalize.Row{Code: "INTERNAL_SERVER_ERROR", Kind: bankmux.ErrUnavailable, Scope: bankmux.ScopeCall},
		normalize.Row{Code: "INVALID_ACCESS_TOKEN", Kind: bankmux.ErrGone},
		normalize.Row{Code: "INVALID_ACCESS_TOKEN", Endpoint: "POST /item/remove", Kind: bankmux.ErrInvalid},
	)
	for _, failure := range []normalize.Failure{
		{Endpoint: "POST /accounts/get", Class: "ITEM_ERROR", Code: "A_NEW_CODE", Status: 400},
		{Endpoint: "POST /accounts/get", Class: "API_ERROR", Code: "INTERNAL_SERVER_ERROR", Status: 500},
		{Endpoint: "POST /accounts/get", Class: "INVALID_INPUT", Code: "INVALID_ACCESS_TOKEN", Status: 400},
		{Endpoint: "POST /item/remove", Class: "INVALID_INPUT", Code: "INVALID_ACCESS_TOKEN", Status: 400},
		{Endpoint: "POST /accounts/get", Class: "A_NEW_CLASS", Code: "A_NEW_CODE", Status: 500},
	} {
		e := table.Error(failure)
		fmt.Println(e.Kind, e.Affects(), e.Unlisted)
	}
	// Output:
	// reauth_required connection false
	// provider_unavailable call false
	// connection_gone connection false
	// invalid_request call false
	// provider_unavailable provider true
}

// The code of a hostile response is not shown.
func ExampleCleanCode() {
	fmt.Println(normalize.CleanCode("INVALID_TOKEN"))
	fmt.Println(normalize.CleanCode("token=sk_live_123 is wrong"))
	// Output:
	// INVALID_TOKEN
	// unreadable
}

func ExampleByStatus() {
	for _, status := range []int{200, 400, 401, 404, 429, 503} {
		fmt.Println(status, normalize.ByStatus(status))
	}
	// Output:
	// 200 malformed_response
	// 400 invalid_request
	// 401 credentials_rejected
	// 404 not_found
	// 429 rate_limited
	// 503 provider_unavailable
}

func ExampleRetryAfter() {
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	fmt.Println(normalize.RetryAfter("120", now))
	fmt.Println(normalize.RetryAfter("Mon, 02 Nov 2026 09:05:00 GMT", now))
	fmt.Println(normalize.RetryAfter("soon", now))
	// Output:
	// 2m0s
	// 5m0s
	// 0s
}

// A date is counted from the date of the response, so the clock of this machine does not matter.
func ExampleRetryAfterOf() {
	header := http.Header{
		"Date":        {"Mon, 02 Nov 2026 09:00:00 GMT"},
		"Retry-After": {"Mon, 02 Nov 2026 09:05:00 GMT"},
	}
	wrong := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	fmt.Println(normalize.RetryAfterOf(header, wrong))
	// Output:
	// 5m0s
}

// A provider returns all accounts of a connection, and the application asks for two.
func ExampleAccounts() {
	all := []bankmux.Account{{ID: "a", Name: "Everyday"}, {ID: "b", Name: "Savings"}}
	result := normalize.Accounts([]string{"b", "c"}, all, nil)
	for _, account := range result.Accounts {
		fmt.Println(account.ID, account.Name)
	}
	for _, failure := range result.Failed {
		fmt.Println(failure.Account, bankmux.KindOf(failure.Err))
	}
	// Output:
	// b Savings
	// c not_found
}

func ExampleCurrencyCode() {
	fmt.Println(normalize.CurrencyCode(" usd "), normalize.CurrencyCode("AED"), normalize.CurrencyCode("dirham") == "")
	// Output:
	// USD AED true
}

// A currency that is missing is never guessed.
func ExampleAmount() {
	value := decimal.MustParse("12.5")
	money, _ := normalize.Amount(value, "USD")
	fmt.Println(money)
	_, fault := normalize.Amount(value, "")
	fmt.Println(fault.Kind, fault.Detail)
	// Output:
	// 12.50 USD
	// malformed_response the response has an amount without currency
}

// The type of a row decides the sign, whatever the sign of its amount.
func ExampleSigned() {
	for _, row := range []struct{ amount, kind string }{{"12.50", "credit"}, {"12.50", "debit"}, {"-12.50", "debit"}} {
		money, _ := normalize.Signed(decimal.MustParse(row.amount), normalize.DirectionOf(row.kind), "AED")
		fmt.Println(row.kind, money)
	}
	// Output:
	// credit 12.50 AED
	// debit -12.50 AED
	// debit -12.50 AED
}

// The time and zone behind a day are ignored.
func ExampleDay() {
	fmt.Println(normalize.Day("2026-11-02T00:00:00+04:00"))
	fmt.Println(normalize.Day("1448-05-12")) // a year of another calendar
	// Output:
	// 2026-11-02 true
	//  false
}

func ExampleRowDay() {
	day, _ := normalize.RowDay("2026-11-02")
	fmt.Println(day)
	_, fault := normalize.RowDay("1970-01-01") // stands for "no date" in the systems of banks
	fmt.Println(fault.Kind, fault.Detail)
	// Output:
	// 2026-11-02
	// malformed_response the response has a transaction whose date "1970-01-01" cannot be its day
}

func ExampleOptionalDay() {
	day, fault := normalize.OptionalDay("", "a due day")
	fmt.Println(day.IsZero(), fault == nil)
	_, fault = normalize.OptionalDay("31/11/2026", "a due day")
	fmt.Println(fault.Kind, fault.Detail)
	// Output:
	// true true
	// malformed_response the response has a due day "31/11/2026" that cannot be one
}

// The day at a bank is that of its country.
func ExampleBankDay() {
	at := time.Date(2026, 11, 2, 21, 30, 0, 0, time.UTC)
	dubai, _ := normalize.BankDay("AE", at)
	newYork, _ := normalize.BankDay("US", at)
	fmt.Println(dubai, newYork)
	// Output:
	// 2026-11-03 2026-11-02
}

func ExampleBankZone() {
	zone, ok := normalize.BankZone("gb")
	fmt.Println(zone, ok)
	_, ok = normalize.BankZone("XX")
	fmt.Println(ok)
	// Output:
	// Europe/London true
	// false
}

func ExampleTimestamp() {
	for _, text := range []string{"2026-11-02T09:00:00.5+04:00", "2026-11-02 09:00:00", "2026-11-02", "soon"} {
		at, ok := normalize.Timestamp(text)
		fmt.Println(at.Format(time.RFC3339), ok)
	}
	// Output:
	// 2026-11-02T05:00:00Z true
	// 2026-11-02T09:00:00Z true
	// 2026-11-02T00:00:00Z true
	// 0001-01-01T00:00:00Z false
}

func ExampleToken() {
	fmt.Println(normalize.Token("ya29.a0Af"), normalize.Token("line\nbreak"), normalize.Token(""))
	// Output:
	// true false false
}

// A sentence of a provider may quote what the user typed, so only the name of the field is kept.
func ExampleFields_In() {
	fields := normalize.NewFields("amount", "iban")
	fmt.Printf("%q\n", fields.In(`The "remark" field is required`))
	fmt.Printf("%q\n", fields.In("iban is invalid: GB33BUKB20201555555555"))
	fmt.Printf("%q\n", fields.In("Your card was declined"))
	// Output:
	// "remark"
	// "iban"
	// ""
}

func ExampleReason() {
	fmt.Printf("%q %q\n", normalize.Reason("institution_migration"), normalize.Reason("Call Rosa at the branch"))
	// Output:
	// "institution_migration" ""
}

func ExampleDocsURL() {
	fmt.Println(normalize.DocsURL("https://docs.moneykit.com/errors#link_error.bad_state", "moneykit.com"))
	fmt.Println(normalize.DocsURL("https://docs.moneykit.com/errors?token=abc", "moneykit.com") == "")
	// Output:
	// https://docs.moneykit.com/errors#link_error.bad_state
	// true
}

// A read before a one-shot failed, so the one-shot was not sent.
func ExampleUnsent() {
	err := normalize.Unsent(&bankmux.Error{Kind: bankmux.ErrUnavailable})
	e, _ := errors.AsType[*bankmux.Error](err)
	fmt.Println(e.Kind, e.NotSent, bankmux.OutcomeKnown(err))
	// Output:
	// provider_unavailable true true
}
