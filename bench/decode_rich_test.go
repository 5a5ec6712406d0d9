package bench

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/bankmux/bankmux"
)

// richPlaidRows is a page of Plaid whose rows differ in merchants, counterparties, logos and
// descriptions.
func richPlaidRows(n, parties int, day string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"total_transactions":%d,"transactions":[`, n)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
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
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// BenchmarkDecodeRich counts the allocations per row of Plaid's list if no two rows are alike.
func BenchmarkDecodeRich(b *testing.B) {
	day := bankmux.DateOf(time.Now().UTC()).String()
	for parties := range 4 {
		b.Run(fmt.Sprintf("counterparties=%d", parties), func(b *testing.B) {
			read := reading(b, "plaid", &canned{body: richPlaidRows(rows, parties, day), listed: true})
			for b.Loop() {
				allocs := testing.AllocsPerRun(1, func() {
					if n, err := read(b.Context()); err != nil || n != rows {
						b.Fatal(n, err)
					}
				})
				b.ReportMetric(allocs/rows, "allocs/row")
			}
		})
	}
}
