package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	goccy "github.com/goccy/go-json"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bench/fixture"
)

const (
	rows    = 10_000
	account = "K3vTq8YwLm2RzXhPd6NsBe" // whose rows they are
)

// moneykitRows is a response of MoneyKit as documented, every row enriched.
func moneykitRows(n int, day string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"total":%d,"page":1,"size":%d,"transactions":[`, n, n)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(
			&b,
			`{"transaction_id":"txn_B6yHs3KpVr8LqXwTd5%06d","account_id":"K3vTq8YwLm2RzXhPd6NsBe","amount":"%d.90",`+
				`"type":"debit","currency":"USD",
			"date":"%s","datetime":null,"description":"Harbor Coffee",`+
				`"raw_description":"HARBOR COFFEE #%d SEATTLE WA","pending":false,`+
				`"category":"food_and_drink.coffee_shops",
			"enrichment":{"category":{"value":"food_and_drink","confidence":97},`+
				`"subcategory":{"value":"coffee","confidence":91},
			"merchant":{"id":"6a1d0f1e-3c55-4f0e-9a51-0c1df3c4a1aa","name":"Harbor Coffee","logo":null,`+
				`"confidence":88},"processor":null,"recurrence":null},"original_id":null}`,
			i,
			i%500,
			day,
			i%1000,
		)
	}
	b.WriteString(
		`],"accounts":[],"link":{"link_id":"mk_1","state":"connected",` +
			`"products":{"transactions":{"refreshed_at":"2026-11-20T14:03:27.418502+00:00"}}}}`,
	)
	return b.Bytes()
}

func dapiRows(n int, day string) []byte {
	var b bytes.Buffer
	b.WriteString(`{"operationID":"DAPIBANK_AE_ENBD:3f0c2a54","success":true,"status":"done","transactions":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(
			&b,
			`{"amount":%d.4,"date":"%sT00:00:00.000Z","type":"debit","description":"POS CARREFOUR MOE DUBAI #%d",`+
				`"details":"CARD 4421",
			"currency":{"code":"AED","name":"UNITED ARAB EMIRATES DIRHAM"},`+
				`"beforeAmount":10763.15,"afterAmount":10450.75,"reference":null}`,
			i%500,
			day,
			i%1000,
		)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// plaidRows is a page of a list or of a sync, as documented. Every row has category and merchant.
func plaidRows(n int, day, before, after string) []byte {
	var b bytes.Buffer
	b.WriteString(before)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(
			&b,
			`{"transaction_id":"lPNjeW1nR6CDn5okmGQ6hEpMo4lLNo%06d","account_id":"K3vTq8YwLm2RzXhPd6NsBe",`+
				`"account_owner":null,"amount":%d.9,"iso_currency_code":"USD","unofficial_currency_code":null,
			"category":null,"category_id":null,"check_number":null,"counterparties":[{"name":"Harbor Coffee",`+
				`"type":"merchant","website":"harborcoffee.example.com","logo_url":null,`+
				`"confidence_level":"VERY_HIGH","entity_id":"O5W5j4dN9OR3E6ypQmjdkWZZRoXEzVMz2ByWM",`+
				`"phone_number":null}],
			"date":%q,"datetime":null,"authorized_date":%[3]q,"authorized_datetime":null,`+
				`"location":{"address":null,"city":"Seattle","region":"WA","postal_code":null,"country":"US",`+
				`"lat":null,"lon":null,"store_number":null},
			"name":"Harbor Coffee","merchant_name":"Harbor Coffee",`+
				`"merchant_entity_id":"O5W5j4dN9OR3E6ypQmjdkWZZRoXEzVMz2ByWM","logo_url":null,`+
				`"website":"harborcoffee.example.com","original_description":"HARBOR COFFEE #%d SEATTLE WA",
			"payment_meta":{"by_order_of":null,"payee":null,"payer":null,"payment_method":null,`+
				`"payment_processor":null,"ppd_id":null,"reason":null,"reference_number":null},
			"payment_channel":"in store","pending":false,"pending_transaction_id":null,`+
				`"personal_finance_category":{"primary":"FOOD_AND_DRINK","detailed":"FOOD_AND_DRINK_COFFEE",`+
				`"confidence_level":"VERY_HIGH"},
			"personal_finance_category_icon_url":"https://plaid-category-icons.plaid.com/PFC_FOOD_AND_DRINK.png",`+
				`"transaction_code":null,"transaction_type":"place"}`,
			i,
			i%500,
			day,
			i%1000,
		)
	}
	b.WriteString(after)
	return b.Bytes()
}

// The types into which a hand-written client decodes.
type plainPlaid struct {
	Added        []plainPlaidRow `json:"added"`
	Transactions []plainPlaidRow `json:"transactions"`
	Next         string          `json:"next_cursor"`
	HasMore      bool            `json:"has_more"`
}

type plainPlaidRow struct {
	ID          string  `json:"transaction_id"`
	Account     string  `json:"account_id"`
	Amount      float64 `json:"amount"`
	Currency    string  `json:"iso_currency_code"`
	Unofficial  string  `json:"unofficial_currency_code"`
	Date        string  `json:"date"`
	Datetime    string  `json:"datetime"`
	Name        string  `json:"name"`
	Original    string  `json:"original_description"`
	Pending     bool    `json:"pending"`
	PendingID   string  `json:"pending_transaction_id"`
	Merchant    string  `json:"merchant_name"`
	MerchantID  string  `json:"merchant_entity_id"`
	Logo        string  `json:"logo_url"`
	PaymentMeta struct {
		Reference string `json:"reference_number"`
		Payee     string `json:"payee"`
		Payer     string `json:"payer"`
	} `json:"payment_meta"`
	Category struct {
		Primary    string `json:"primary"`
		Detailed   string `json:"detailed"`
		Confidence string `json:"confidence_level"`
	} `json:"personal_finance_category"`
	Counterparties []struct {
		Name       string `json:"name"`
		Type       string `json:"type"`
		ID         string `json:"entity_id"`
		Logo       string `json:"logo_url"`
		Confidence string `json:"confidence_level"`
	} `json:"counterparties"`
}

type plainMoneyKit struct {
	Total        int `json:"total"`
	Transactions []struct {
		ID             string  `json:"transaction_id"`
		Account        string  `json:"account_id"`
		Amount         float64 `json:"amount,string"`
		Type           string  `json:"type"`
		Currency       string  `json:"currency"`
		Date           string  `json:"date"`
		Datetime       string  `json:"datetime"`
		Description    string  `json:"description"`
		RawDescription string  `json:"raw_description"`
		Pending        bool    `json:"pending"`
		Category       string  `json:"category"`
		Enrichment     *struct {
			Category    plainRated `json:"category"`
			Subcategory plainRated `json:"subcategory"`
			Merchant    struct {
				ID         string `json:"id"`
				Name       string `json:"name"`
				Confidence int    `json:"confidence"`
			} `json:"merchant"`
		} `json:"enrichment"`
	} `json:"transactions"`
}

type plainRated struct {
	Value      string `json:"value"`
	Confidence int    `json:"confidence"`
}

type plainDapi struct {
	Status       string `json:"status"`
	Transactions []struct {
		Amount       float64 `json:"amount"`
		Date         string  `json:"date"`
		Type         string  `json:"type"`
		Description  string  `json:"description"`
		Details      string  `json:"details"`
		Currency     struct{ Code, Name string }
		BeforeAmount float64 `json:"beforeAmount"`
		AfterAmount  float64 `json:"afterAmount"`
		Reference    string  `json:"reference"`
	} `json:"transactions"`
}

// canned serves fixed bytes for lists of transactions and the usual responses elsewhere.
type canned struct {
	backend
	listed   bool // calls of a sync get the usual response
	enriched bool // the rows of Dapi have a category and a brand
	body     []byte
}

func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.Contains(r.URL.Path, "ransactions") || c.listed && strings.HasSuffix(r.URL.Path, "/sync") {
		return c.backend.RoundTrip(r)
	}
	return respond(r, http.StatusOK, bytes.NewReader(c.body))
}

// reading returns a function that reads one page through the guarded client of an adapter, and the
// number of its rows.
func reading(tb testing.TB, adapter string, c *canned) func(context.Context) (int, error) {
	tb.Helper()
	name, sync := strings.CutSuffix(adapter, " sync")
	client, conn := connect(tb, name, c, &c.backend)
	if sync {
		return func(ctx context.Context) (int, error) {
			delta, err := client.Sync(ctx, bankmux.SyncRequest{Connection: conn, Accounts: []string{account}})
			if err == nil && len(delta.Failed) > 0 {
				err = delta.Failed[0]
			}
			return len(delta.Added), err
		}
	}
	req := bankmux.TransactionsRequest{
		Connection: conn,
		Accounts:   []string{account},
		From:       bankmux.DateOf(time.Now()).AddDays(-5),
		Enrich:     name != "dapi" || c.enriched,
	}
	return func(ctx context.Context) (int, error) {
		n := 0
		for page, err := range client.TransactionPages(ctx, req) {
			if err != nil {
				return n, err
			}
			if len(page.Failed) > 0 {
				return n, page.Failed[0]
			}
			n += len(page.Transactions)
			break
		}
		return n, nil
	}
}

// decoded are the adapters whose pages are read. "plaid sync" is a whole sync of one page.
var decoded = append(slices.Clone(fixture.Adapters), "plaid sync")

// decoders are the ways to read the same bytes. The others are compared with the first.
func decoders(tb testing.TB, adapter string) (body []byte, all []way) {
	tb.Helper()
	day := bankmux.DateOf(time.Now().UTC()).String()
	body = moneykitRows(rows, day)
	plain := func() any { return new(plainMoneyKit) }
	if adapter == "dapi" {
		body = dapiRows(rows, day)
		plain = func() any { return new(plainDapi) }
	}
	switch adapter {
	case "plaid":
		body = plaidRows(rows, day, fmt.Sprintf(`{"total_transactions":%d,"transactions":[`, rows), `]}`)
		plain = func() any { return new(plainPlaid) }
	case "plaid sync":
		body = plaidRows(rows, day, `{"added":[`, `],"modified":[],"removed":[],"next_cursor":"c1","has_more":false,`+
			`"transactions_update_status":"HISTORICAL_UPDATE_COMPLETE"}`)
		plain = func() any { return new(plainPlaid) }
	}
	read := reading(tb, adapter, &canned{body: body, listed: adapter == "plaid"})
	return body, []way{
		{"encoding/json", func(context.Context) error { return json.Unmarshal(body, plain()) }},
		{"goccy", func(context.Context) error { return goccy.Unmarshal(body, plain()) }},
		{"jsonv2", func(context.Context) error { return jsonv2.Unmarshal(body, plain()) }},
		{"bankmux", func(ctx context.Context) error {
			n, err := read(ctx)
			if err == nil && n != rows {
				err = fmt.Errorf("%d rows", n)
			}
			return err
		}},
	}
}

func TestDecoders(t *testing.T) {
	t.Run("every decoder reads the response", everyDecoderReadsTheResponse)
}

func everyDecoderReadsTheResponse(t *testing.T) {
	for _, adapter := range decoded {
		_, all := decoders(t, adapter)
		for _, w := range all {
			if err := w.run(t.Context()); err != nil {
				t.Errorf("%s, %s: %v", adapter, w.name, err)
			}
		}
	}
}

// callsPerTurn is how often a way reads a response before the next way does. Each way then pays for
// the garbage that it makes. Alone, a call of a fast way would often pay for that of a slow one.
const callsPerTurn = 10

// BenchmarkDecode reads 10,000 rows in each way in turn and reports ratios to encoding/json: of
// medians, and of processor time. What a way leaves is collected at no way's expense.
func BenchmarkDecode(b *testing.B) {
	for _, adapter := range decoded {
		b.Run(adapter, func(b *testing.B) {
			body, all := decoders(b, adapter)
			m := inTurns(b, all, callsPerTurn, runtime.GC)
			for w := range all[1:] {
				b.ReportMetric(m.medians[w+1]/m.medians[0], all[w+1].name+"/std")
				b.ReportMetric(m.cpu[w+1]/m.cpu[0], all[w+1].name+"/std-cpu")
			}
			b.ReportMetric(float64(len(body))/1e6, "MB")
			b.ReportMetric(m.medians[0]/1e6, "std-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkDecodeAllocs counts allocations per row.
func BenchmarkDecodeAllocs(b *testing.B) {
	for _, adapter := range decoded {
		_, all := decoders(b, adapter)
		for _, w := range all {
			b.Run(adapter+"/"+strings.ReplaceAll(w.name, "/", "-"), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := w.run(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
