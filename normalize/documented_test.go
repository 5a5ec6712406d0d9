package normalize_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/normalize"
)

// TestDocumented specifies the text of a Documented.
func TestDocumented(t *testing.T) {
	t.Parallel()
	d := normalize.NewDocumented(`
root, item: request_id
	status
accounts, account.type = depository.*, credit,
	money market
`)
	for _, object := range []string{normalize.Root, "item"} {
		assert.True(t, d.Object(object).HasMember([]byte("request_id")))
		assert.True(t, d.Object(object).HasMember([]byte("status")), "a line continues the one above")
		assert.False(t, d.Object(object).HasMember([]byte("Status")), "names are case-sensitive")
	}
	assert.False(t, d.Object("accounts").HasMember([]byte("type")), "a member with values is not a member to ignore")
	for _, object := range []string{"accounts", "account"} {
		assert.True(t, d.Object(object).Enumerates("type"))
		for _, value := range []string{"credit", "CREDIT", "money market", "depository.checking"} {
			assert.True(t, d.Object(object).HasValue("type", value), value)
		}
		for _, value := range []string{"depository", "crypto", "credit.card", ""} {
			assert.False(t, d.Object(object).HasValue("type", value), value)
		}
	}
	for _, none := range []*normalize.DocumentedObject{
		d.Object("elsewhere"), (*normalize.Documented)(nil).Object(normalize.Root), nil,
	} {
		assert.False(t, none.HasMember([]byte("request_id")))
		assert.False(t, none.Enumerates("type"))
		assert.False(t, none.HasValue("type", "credit"))
	}
	for _, text := range []string{"request_id", "type = credit"} {
		assert.Panics(t, func() { normalize.NewDocumented(text) }, text)
	}
}

// TestName specifies what looks like a name, since keys of maps and values may be anything.
func TestName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"id", "account_id", "accountID", "bankName", "line1", "poBox", "iban", "SYNC_UPDATES_AVAILABLE",
		"link.state_changed", "non-custodial", "willNewlyAddedBeneficiaryExist", "x", "USD", "address12", "isIBAN",
		"maria", "jane.doe", "JOHNSMITH", // the limit: one word of letters may be a person's name
	} {
		assert.Equal(t, name, normalize.Name(name), name)
	}
	for _, data := range []string{
		"", "alice@example.com", "Alice", "Alice Smith", "john smith", "JOHN SMITH", "money market", "roth401",
		"DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19",
		"3f0c2a54-8d1e-4b7a-9a57-0e6c1d2b9f41", "deadbeef01234567", "4111111111111111", "2026-11-26", "+15551234567",
		"access-sandbox-8f3c", "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "eyJhbGciOiJIUzI1NiJ9.e30.x", "JBSWY3DPEHPK3PXP",
		"aXkQzPwLmRtVbNcS", "https://example.com", "müller", "a\nb", "a\x00", " id", "id ", "_id", "id_",
		strings.Repeat("a", 25), strings.Repeat("ab_", 30) + "c",
	} {
		assert.Equal(t, normalize.Masked, normalize.Name(data), data)
	}
}

// TestValueName specifies which unknown values of an enumeration are named.
func TestValueName(t *testing.T) {
	t.Parallel()
	d := normalize.NewDocumented("root.type = money market, cash, cash isa, Fixed 401\nroot.status = smith").
		Object(normalize.Root)
	for value, want := range map[string]string{
		"crypto":        "crypto", // one word, as Name
		"CASH_ISA":      "CASH_ISA",
		"cash market":   "cash market",
		"Money Market":  "*", // words of a person's name are written so
		"CASH MARKET":   "CASH MARKET",
		"john smith":    "*",
		"cash smith":    "*", // documented for another member
		"fixed 401":     "*", // three digits
		"cash  market":  "*",
		" cash":         "*",
		"cash ":         "*",
		"crypto wallet": "*",
		"":              "*",
		"cash cash cash cash cash cash cash cash":      "cash cash cash cash cash cash cash cash",
		"cash cash cash cash cash cash cash cash cash": "*",
	} {
		assert.Equal(t, want, d.ValueName("type", value), value)
	}
	assert.Equal(t, normalize.Masked, d.ValueName("unlisted", "cash market"))
	none := (*normalize.Documented)(nil).Object(normalize.Root)
	assert.Equal(t, normalize.Masked, none.ValueName("type", "cash market"))
	assert.Equal(t, "cash", none.ValueName("type", "cash"))
}
