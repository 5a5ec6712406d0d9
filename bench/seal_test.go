package bench

import (
	"bytes"
	"testing"
	"time"

	"github.com/bankmux/bankmux"
)

// BenchmarkSealing seals and opens a connection with each of its fields.
func BenchmarkSealing(b *testing.B) {
	ring, err := bankmux.NewKeyring(bankmux.Key{
		ID: "2026-11", Material: bankmux.NewSecret(bytes.Repeat([]byte{7}, 32)),
	})
	if err != nil {
		b.Fatal(err)
	}
	now := bankmux.Moment(time.Now())
	conn := bankmux.NewConnection(
		bankmux.NewSession(bankmux.SessionRequest{User: "user-7"}),
		"mk_7RkVhQ2mTz4XwPdLb9NcGa",
		bankmux.NewSecret("access-production-7RkVhQ2mTz4XwPdLb9NcGa"),
	)
	conn.Provider, conn.Client, conn.Environment = "moneykit", "moneykit", bankmux.Production
	conn.Institution = bankmux.Institution{
		ID: "mtb", Name: "M&T Bank", Country: "US", LogoURL: "https://cdn.example/mtb",
	}
	conn.Products = []bankmux.Product{bankmux.ProductAccounts, bankmux.ProductTransactions}
	conn.Consent = bankmux.Consent{ExpiresAt: now.AddDate(0, 0, 90)}
	conn.Status.At, conn.LinkedAt = now, now
	blob, err := conn.Seal(ring)
	if err != nil {
		b.Fatal(err)
	}
	ref := conn.Ref()
	b.Run("Seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := conn.Seal(ring); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := bankmux.Open(ring, ref, blob); err != nil {
				b.Fatal(err)
			}
		}
	})
}
