package bankmux_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// TestSealedBefore specifies that what was sealed before the format was written by hand opens.
func TestSealedBefore(t *testing.T) {
	t.Parallel()
	t.Run("a connection with every field and odd texts", aFullConnectionOfBeforeOpens)
	t.Run("a session that renews it", aSessionOfBeforeOpens)
}

var sealedAt = time.Date(2026, 11, 26, 12, 30, 45, 123456000, time.UTC)

// fullConnection has every field, and texts that JSON escapes.
func fullConnection() bankmux.Connection {
	conn := bankmux.NewConnection(
		bankmux.NewSession(bankmux.SessionRequest{User: "user-7"}),
		"mk_ref",
		bankmux.NewSecret("cred-\"<>&\u2028é\xff"),
	)
	conn.ID, conn.Provider, conn.Client, conn.Environment = "CONN-OF-2026", "moneykit", "mk", bankmux.Production
	conn.Institution = bankmux.Institution{
		ID: "at&t", Name: "Crédit \"Agricole\" <FR>\u2028", Country: "FR", BIC: "AGRIFRPP",
		LogoURL: "https://cdn.example.com/a?b=c&d=e",
	}
	conn.ReferenceKey = "UVQQ5Q6A474DWBGBGOYDJ5AAFSX3FHNH"
	conn.Status = bankmux.Status{
		State: bankmux.StateReauth, Code: "auth_expired", At: sealedAt, AskedAt: sealedAt.Add(time.Hour),
	}
	conn.Products = []bankmux.Product{bankmux.ProductAccounts, bankmux.ProductTransactions, "of_2027"}
	conn.Consent = bankmux.Consent{
		ExpiresAt:   sealedAt.AddDate(0, 0, 90),
		ReconfirmBy: sealedAt.AddDate(0, 0, 80),
		RenewFrom:   sealedAt.AddDate(0, 0, 70),
	}
	conn.CreatedAt, conn.UpdatedAt = sealedAt, sealedAt.Add(time.Minute)
	conn.LinkedAt = sealedAt.Add(2 * time.Minute)
	return conn
}

func aFullConnectionOfBeforeOpens(t *testing.T) {
	t.Parallel()
	blob, err := base64.StdEncoding.DecodeString(connectionSealedBefore)
	require.NoError(t, err)
	want := fullConnection()
	conn, err := bankmux.Open(ring(t, key("2026", 26)), want.Ref(), blob)
	require.NoError(t, err)
	assert.Equal(t, want, conn)
	assert.Equal(t, "cred-\"<>&\u2028é\xff", conn.Credential().Reveal())
	assert.Equal(t, "mk_ref", conn.Reference())
}

func aSessionOfBeforeOpens(t *testing.T) {
	t.Parallel()
	blob, err := base64.StdEncoding.DecodeString(sessionSealedBefore)
	require.NoError(t, err)
	s, err := bankmux.OpenSession(
		ring(t, key("2026", 26)),
		bankmux.SessionRef{User: "user-7", ID: "SESSION-OF-2026"},
		blob,
	)
	require.NoError(t, err)
	require.NotNil(t, s.Reconnect)
	assert.Equal(t, fullConnection(), *s.Reconnect)
	assert.Equal(t, "verifier\xff", s.State.Reveal())
	assert.Equal(t, bankmux.NewLaunchToken("launch-token-77"), s.Launch.Token)
	assert.Equal(t, map[string]string{"a": "b"}, s.Launch.Parameters)
	assert.Equal(t, "CONN-OF-2026", s.ConnectionID)
}

// TestSealAllocations is not parallel: it counts allocations.
func TestSealAllocations(t *testing.T) {
	t.Run("to seal and open a connection takes at most eight", sealAllocations)
	t.Run("to seal a session takes at most eight, and to open one eight", sealSessionAllocations)
}

func sealSessionAllocations(t *testing.T) {
	k := ring(t, key("a", 1))
	plain := bankmux.NewSession(bankmux.SessionRequest{
		User: "u-1", Products: []bankmux.ProductRequest{{Product: bankmux.ProductAccounts}},
	})
	plain.Launch.Token, plain.State = bankmux.NewLaunchToken("launch-token-77"), bankmux.NewSecret("verifier")
	renews := renewing(t)
	renews.Launch.Parameters, renews.Reconnect.Products = nil, []bankmux.Product{"accounts"}
	full := renewing(t)
	full.Reconnect.Products, full.Products, full.Launch.Countries = renews.Reconnect.Products,
		[]bankmux.Product{"accounts"}, []string{"US"}
	full.State, full.Launch.URL = bankmux.NewSecret("verifier"), bankmux.NewLaunchToken("https://bank.example/")
	for name, c := range map[string]struct {
		session bankmux.Session
		most    float64
	}{"of a new connection": {plain, 6}, "that renews one": {renews, 6}, "with every field": {full, 8}} {
		blob, err := c.session.Seal(k)
		require.NoError(t, err)
		ref := c.session.Ref()
		assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = c.session.Seal(k) }), 8.0, "to seal one "+name)
		assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = bankmux.OpenSession(k, ref, blob) }), c.most,
			"to open one "+name)
	}
}

func sealAllocations(t *testing.T) {
	k, full := ring(t, key("a", 1)), fullConnection().WithCredential(bankmux.NewSecret("access-production-1"))
	full.Institution.ID, full.Institution.Name = "m&t", "Crédit & Söhne <M&T>"
	quotes := connection(t).WithCredential(bankmux.NewSecret(strings.Repeat(`"access_token":"a\n",`, 20)))
	for name, conn := range map[string]bankmux.Connection{
		"ordinary": connection(t), "every field": full, "a credential that is JSON": quotes,
	} {
		blob, err := conn.Seal(k)
		require.NoError(t, err)
		ref := conn.Ref()
		assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = conn.Seal(k) }), 8.0, "to seal, "+name)
		assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = bankmux.Open(k, ref, blob) }), 8.0,
			"to open, "+name)
	}
}

// connectionSealedBefore is fullConnection, sealed when encoding/json wrote the plaintext.
const connectionSealedBefore = "" +
	"AQQyMDI2heLYOmWV06Pj7m17cbAhJxkRtu79worCaJSP1zdimxtH9z38NMnuA3iZjYfsxgmKc0pp+rsxZYzJ/oR4o2UMOQr0j8h9" +
	"7HVjXor3tV6rKJAnDzyRzo8YLHWfZUp85qK9lT7gRiNDI9i9QuksoueTs7xwCvCU1gg2euentsAbExvy9HyCClZ6HkI3M0NjAYHJ" +
	"yVKpjbsVCaDe5xA5ethwtnblvAPixNQLxZgAG+iHtiS/fm9VJdcKMcz4ZhRUxZ9t7gPxiwjZ5MHI0Jmd9MM1zIXZ0V9Q8TWGNXsh" +
	"kqz5TotgcS8gAW3WyWaOTl6GsjF5Hz/U+Onm6Bbkvj09a/ienw0hKYowQA7Lo1M0HHAe71zoxmzgtI9GR/GDYvbFWWCGKm6MAX4K" +
	"EIQmw+gzfQVUSilhvgfYaiAbBgut6K9Lz2hPx8qv7h6y7LwsXr0Vq24wIgR74Ru9HTf9wdonrxdCI1oUjZzl6Gr4+5NGU2+mLDBt" +
	"Fe771b+k7tZ7MwKX7xGV8tfNvfR7fZYmpmbn2rnAijxQ+J+9en3DRMfaZGu01fRXqRMBP7KuleXBOPANW6B4ZDwdbdbiIDQGUcMT" +
	"UDEYQHDAYziXJLOhsDkwIhODRJFB3B0ISJr0N7tTYBb/ZVe/x2WZjVOGTOpXyG7H0SAqJgvdwwVoYAGyVQWV408hw6yrKQa/6u5R" +
	"y6D05yRaUTCxD5TmkDvIdQDU5QpNr8+P4sGRotGFzyQ1YradZ1zQ38A4O0u36MgcClL8Hc8MbPulTD5QYIEJKT5aAQQe51yoGzvN" +
	"scroP4Vq+us+HFqpJLVpaTyYJOvmAIJfF2sbdFtfYa15bPyM+I3BSjAPbuxSyYFy8PlPG8wjBSXZbmyNs32kCmyIcA+vOoLR7cRf" +
	"OTG4MaoRxlnjnyWk8nK6dyVJqm2zvDuQYB31+RjlcSSNjp+YicSW7abl0dj6zQ0an05F53ujG6OTJqz6f2dqyV49lJKb1f76LGI8" +
	"tPook7XvwzlbJ1KXtMqFAP005wZaSq4J+VrmlgDNK4ttsc6O04FcUg42UjxKz5c6aa0FLQ7G0OtXeJGe3kYx0d/OGDmgO4Jf4qje" +
	"f8eKKkiuh1to/nIXZuw="

// sessionSealedBefore is a session that renews fullConnection.
const sessionSealedBefore = "AgQyMDI2kk64hFD4EZw0bzpUj9WvEJ3Qzgf/" +
	"EyGrTyt7GVuWoR99B8SLJJrcbckGRjmWwwM32VWmDjJQ8ylDaSWEN4IQNbCauc+6" +
	"fc5BtDH4E/EHV19yU+2x/M2Vf3iUkZmQnZr5WN29iJGi4a5TWInvOlYZHItRXGC5C0YIlT2fxP1GUq6jgSXPEE87KTzvk9W4g379" +
	"o7LKojvtmOWYIdt0O3yz9Z5mbiebO1oT509y4glUPExdzPCEU7mY9UouD/uZEuiPHurGdtPhNeKVtJgce0FrkaQt4OLrw+2boAdc" +
	"QqRySAvXcf4OsGWdPmIXL3fe0DDA/RHibh1ng+da0ZzMICUYpZuUId1CevLmPXASMkyn4nfoZUzGeAqoz3rHi1B8L6gZz+9GbpBO" +
	"6CpXbfxEMdtLIpLa2DrBtk7uWxawuCEumFvHRk2CLAb+nfdCZXuc9oVCRQ/R81F8AUx0bcdHQ+XvBuGw8YUdSEkClxB7Yd2Ra10x" +
	"ffSPoUAIKGdRbqUznwANaZfk7oYZbiOPHyyGLI++Ao51dowEX+DBQzcVHd1Xe81s1oY4Bl7Q4uaOtbV5PA5PvK73GzGwk70DrY2w" +
	"hqGBUkZ9JzQbHm0q9ugfOguawJFkStUGZoRMV9nMJjujULMSZjrqy8Zy8rLjyo1cKXrmh1cbELSx+we6C0abcbtloo6yYLJ6gmTk" +
	"uLqJQrk5MP/7s4Uz1M8D7lCdStPMVTFoux5O4SO9dHc3LRhXubD4gQRWE0F0ExQ2K8CqSLcwFSVauCT/w63ohOiPTeXfEmJO1NHO" +
	"W/Pueb+/wLiard1eTIF6HnE9gFID1iMpsu+WWkadl4++m7tt5/Ai/cydqpv5KxcOvtErQs/k58ZeWfLc4Ti1LIZk1cpWh+kD6nz5" +
	"ZCUrjbZGEZfxWV/tW+BxgoAp5hBYFsYqQkUMx/u26ystG/foL4fxJEzyZ2/SY/3oOGkYkHDDvSltJa6wsfJ/sBwq8EuXtJOZd3AY" +
	"XEZpdpANelJF0uEypZGCyol8XX6h7RY+6pVEvBHUWN0ZNRV169ICYZvyrbWJrQCTxT3g+jjl2EqzhuQPLCxOQyorFfyRHN1VVIUc" +
	"Dn0z9dIw+iuK3aqtN1SLVlRQFAbJKlZiXhYQVzTitBvTBy1hMnYNl+8KSgw0oFgkYwZ+WMwJNqBwIYLlpfALvBaJXHz6SbOwEy+A" +
	"binqrHerL8P1EL7j/VKF8vViyDEmpixqcWIKlTFQcXBwvTOZEfDyzrTDT9cYVwmkPPGZcwtojAoJrqdxmTFFB9twqwMcNgEXVfqN" +
	"rAlUBDL6mQjszJ3rpF2dcZTF7tFeT0HpsUDmJBXbpmSuF8ZBcJhvFmapiV/AU5GIFAViM8yuhKwK3qruBLn1rJuD5fCBbtNaBeHm" +
	"dbx+Ltk3ja6mwThz1pklR3kqSW0qZfsdwRCUvoiT29fkuThQrK1nRqhKX9eIHONe1NrbspNPKm0oGW3Ssi44bHSf+cmc0URwHO2+" +
	"/tTyjw9jiVqSe3djg6cu6clw9uCw3R9dfrQpgmDK85MtYhqnDmVEXjwVT1tcQ6Ry9kGk7UM4r59JG6M8jc6EVQDr+XzQ83pxRxiM" +
	"LYf/QxQFGw=="
