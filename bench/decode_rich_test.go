package bench

// This file measures the decoding of rows of which no two are alike.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bankmux/bankmux"
)

// rich is a list whose rows differ in ids, texts, parties and logos.
type rich struct {
	adapter, has  string // has is what each row has besides
	before, after string
	row           func(i int, day string) string
	plain         func() any // into which a hand-written client decodes
	rows          int
}

// page returns the response.
func (r rich) page() []byte {
	day := bankmux.DateOf(time.Now().UTC()).String()
	var b bytes.Buffer
	b.WriteString(r.before)
	for i := range r.rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(r.row(i, day))
	}
	b.WriteString(r.after)
	return b.Bytes()
}

// ways are two ways to read the response.
func (r rich) ways(tb testing.TB) []way {
	tb.Helper()
	body := r.page()
	read := reading(tb, r.adapter, &canned{body: body, listed: true, enriched: true})
	return []way{
		{"encoding/json", func(context.Context) error { return json.Unmarshal(body, r.plain()) }},
		{"bankmux", func(ctx context.Context) error {
			n, err := read(ctx)
			if err == nil && n != r.rows {
				err = fmt.Errorf("%d rows", n)
			}
			return err
		}},
	}
}

// richPages has the lists of all providers.
func richPages(rows int) []rich {
	moneykit := func(has string, more func(i int) string) rich {
		return rich{
			"moneykit", has, fmt.Sprintf(`{"total":%d,"page":1,"size":%d,"transactions":[`, rows, rows),
			`],"accounts":[],"link":{"link_id":"mk_1","state":"connected","products":{"transactions":` +
				`{"refreshed_at":"2026-11-20T14:03:27.418502+00:00"}}}}`,
			func(i int, day string) string { return richMoneyKitRow(i, day, more(i)) },
			func() any { return new(richMoneyKit) }, rows,
		}
	}
	dapi := func(has string, more func(i int) string) rich {
		return rich{
			"dapi", has,
			`{"operationID":"DAPIBANK_AE_ENBD:3f0c2a54","success":true,"status":"done","transactions":[`, `]}`,
			func(i int, day string) string { return richDapiRow(i, day, more(i)) },
			func() any { return new(richDapi) }, rows,
		}
	}
	all := []rich{
		moneykit("no enrichment", func(int) string { return "null" }),
		moneykit("a merchant", func(i int) string { return richEnrichment(i, "null", "null") }),
		moneykit("a merchant and a processor", func(i int) string {
			recurrence := `{"frequency":"monthly","next_predicted_date":"2026-12-20"}`
			return richEnrichment(i, richParty(i, "Processor"), recurrence)
		}),
		dapi("no brand", func(int) string { return "" }),
		dapi("a brand", func(i int) string {
			return fmt.Sprintf(`,"category":"groceries","brandDetails":{"name":"Shop %[1]d",`+
				`"logo":"https://logos.example.com/shop_%[1]d.png"}`, i)
		}),
	}
	for parties, has := range []string{"no counterparty", "a counterparty", "2 counterparties", "3 counterparties"} {
		all = append(all, rich{
			"plaid", has, fmt.Sprintf(`{"total_transactions":%d,"transactions":[`, rows), `]}`,
			func(i int, day string) string { return richPlaidRow(i, parties, day) },
			func() any { return new(plainPlaid) }, rows,
		})
	}
	return all
}

func richMoneyKitRow(i int, day, enrichment string) string {
	return fmt.Sprintf(`{"transaction_id":"txn_B6yHs3KpVr8LqXwTd5%06[1]d","account_id":"K3vTq8YwLm2RzXhPd6NsBe",`+
		`"amount":"%[1]d.90","type":"debit","currency":"USD","date":%[2]q,"datetime":null,"description":"Shop %[1]d",`+
		`"raw_description":"POS PURCHASE SHOP %[1]d SEATTLE WA CARD 4421 REF %012[1]d","pending":false,`+
		`"category":"food_and_drink.coffee_shops","enrichment":%[3]s,"original_id":null}`, i, day, enrichment)
}

func richParty(i int, name string) string {
	return fmt.Sprintf(`{"id":"6a1d0f1e-3c55-4f0e-9a51-0c1df3%06[1]d","name":"%[2]s %[1]d",`+
		`"logo":"https://logos.example.com/%[2]s_%[1]d.png","confidence":88}`, i, name)
}

func richEnrichment(i int, processor, recurrence string) string {
	return `{"category":{"value":"food_and_drink","confidence":97},"subcategory":{"value":"coffee","confidence":91},` +
		`"merchant":` + richParty(i, "Shop") + `,"processor":` + processor + `,"recurrence":` + recurrence + `}`
}

func richDapiRow(i int, day, more string) string {
	return fmt.Sprintf(`{"amount":%[1]d.4,"date":"%[2]sT00:00:00.000Z","type":"debit",`+
		`"description":"POS PURCHASE SHOP %[1]d DUBAI CARD 4421 REF %012[1]d","details":"CARD %[1]d",`+
		`"currency":{"code":"AED","name":"UNITED ARAB EMIRATES DIRHAM"},"beforeAmount":%[4]d.65,`+
		`"afterAmount":%[5]d.25,"reference":"FT26298%06[1]d"%[3]s}`, i, day, more, 8*i+1000, 7*i+1000)
}

func richPlaidRow(i, parties int, day string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"transaction_id":"lPNjeW1nR6CDn5okmGQ6hEpMo4lLNo%06[1]d",`+
		`"account_id":"K3vTq8YwLm2RzXhPd6NsBe","amount":%[1]d.9,"iso_currency_code":"USD",`+
		`"unofficial_currency_code":null,"date":%[2]q,"datetime":null,"authorized_date":%[2]q,"name":"Shop %[1]d",`+
		`"merchant_name":"Shop %[1]d","merchant_entity_id":"O5W5j4dN9OR3E6ypQmjdkWZZRoXEz%06[1]d",`+
		`"logo_url":"https://merchant-logos.example.com/shop_%[1]d.png","website":"shop%[1]d.example.com",`+
		`"original_description":"POS PURCHASE SHOP %[1]d SEATTLE WA CARD 4421 REF %012[1]d","pending":false,`+
		`"pending_transaction_id":null,"personal_finance_category":{"primary":"FOOD_AND_DRINK",`+
		`"detailed":"FOOD_AND_DRINK_COFFEE","confidence_level":"VERY_HIGH"},"counterparties":[`, i, day)
	for k := range parties {
		if k > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"name":"Shop %[1]d-%[2]d","type":"merchant","website":"shop%[1]d.example.com",`+
			`"logo_url":"https://merchant-logos.example.com/shop_%[1]d_%[2]d.png",`+
			`"confidence_level":"VERY_HIGH","entity_id":"O5W5j4dN9OR3E6ypQmjdkWZZRoXEz%06[3]d"}`, i, k, i*4+k)
	}
	b.WriteString(`]}`)
	return b.String()
}

// The types into which a hand-written client decodes, with all of a row. That of Plaid is
// plainPlaid.
type richMoneyKit struct {
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
			Category    plainRated     `json:"category"`
			Subcategory plainRated     `json:"subcategory"`
			Merchant    richPlainParty `json:"merchant"`
			Processor   richPlainParty `json:"processor"`
			Recurrence  struct {
				Frequency string `json:"frequency"`
				Next      string `json:"next_predicted_date"`
			} `json:"recurrence"`
		} `json:"enrichment"`
	} `json:"transactions"`
}

type richPlainParty struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Logo       string `json:"logo"`
	Confidence int    `json:"confidence"`
}

type richDapi struct {
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
		Category     string  `json:"category"`
		Brand        struct {
			Name string `json:"name"`
			Logo string `json:"logo"`
		} `json:"brandDetails"`
	} `json:"transactions"`
}

func TestRichRows(t *testing.T) {
	t.Run("both ways read all rows", func(t *testing.T) {
		for _, r := range richPages(100) {
			for _, w := range r.ways(t) {
				if err := w.run(t.Context()); err != nil {
					t.Errorf("%s, %s, %s: %v", r.adapter, r.has, w.name, err)
				}
			}
		}
	})
}

// BenchmarkDecodeRich counts the allocations per row if no two rows are alike, and compares the
// processor time with that of encoding/json.
func BenchmarkDecodeRich(b *testing.B) {
	for _, r := range richPages(rows) {
		b.Run(r.adapter+"/"+r.has, func(b *testing.B) {
			all := r.ways(b)
			m := inTurns(b, all, callsPerTurn, runtime.GC)
			b.ReportMetric(m.cpu[1]/m.cpu[0], "bankmux/std-cpu")
			for _, w := range all {
				allocs := testing.AllocsPerRun(1, func() {
					if err := w.run(b.Context()); err != nil {
						b.Fatal(err)
					}
				})
				b.ReportMetric(allocs/float64(r.rows), w.name+"-allocs/row")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
