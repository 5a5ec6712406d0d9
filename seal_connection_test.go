package bankmux_test

import (
	"bytes"
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func TestSealedConnection(t *testing.T) {
	t.Parallel()
	t.Run("a connection opens under its own ref only", aConnectionOpensUnderItsOwnRefOnly)
	t.Run("a connection that an earlier version sealed opens", aConnectionOfAnEarlierVersionOpens)
}

func aConnectionOpensUnderItsOwnRefOnly(t *testing.T) {
	t.Parallel()
	conn := connection(t)
	blob, err := conn.Seal(careless{})
	require.NoError(t, err)
	_, err = bankmux.Open(careless{}, conn.Ref(), blob)
	require.NoError(t, err)
	for name, change := range map[string]func(*bankmux.Ref){
		"another user":        func(r *bankmux.Ref) { r.User = "u-2" },
		"another id":          func(r *bankmux.Ref) { r.ID += "x" },
		"another provider":    func(r *bankmux.Ref) { r.Provider = "dp" },
		"another environment": func(r *bankmux.Ref) { r.Environment = bankmux.Production },
	} {
		ref := conn.Ref()
		change(&ref)
		_, err := bankmux.Open(careless{}, ref, blob)
		assert.ErrorIs(t, err, bankmux.ErrSeal, name)
	}
	_, err = bankmux.Open(careless{}, conn.Ref(), bytes.Replace(blob, []byte(planted), nil, 1))
	assert.ErrorIs(t, err, bankmux.ErrSeal, "no credential")
}

func TestOpenStrict(t *testing.T) {
	t.Parallel()
	wrong := func(t *testing.T, blob []byte, err error) []byte {
		t.Helper()
		require.NoError(t, err)
		require.Contains(t, string(blob), `"country":"US"`)
		return bytes.ReplaceAll(blob, []byte(`"country":"US"`), []byte(`"country":7`))
	}
	t.Run("a connection with a member of another type does not open", func(t *testing.T) {
		t.Parallel()
		conn := connection(t)
		blob, err := conn.Seal(careless{})
		opened, err := bankmux.Open(careless{}, conn.Ref(), wrong(t, blob, err))
		require.ErrorIs(t, err, bankmux.ErrSeal)
		assert.Empty(t, opened)
	})
	t.Run("a session with a member of another type does not open", func(t *testing.T) {
		t.Parallel()
		s := renewing(t)
		blob, err := s.Seal(careless{})
		opened, err := bankmux.OpenSession(careless{}, s.Ref(), wrong(t, blob, err))
		require.ErrorIs(t, err, bankmux.ErrSeal)
		assert.Empty(t, opened)
	})
}

// sealedIn2025 is a MoneyKit connection that an earlier version of this library sealed.
const sealedIn2025 = "AQQyMDI1JCJed7nHtfM17/sTkA1rOBkAg5lj30f9Hp3PDLF/" +
	"dlzbw92aNPs8VE5uhEpq1tQG7HE6ti2iVl3FJ0yOhca9/j9x" +
	"P7jrwJQBaylm6eMqvlCyPHrifdutiWzmM5B7iDSgG65G12ovvUSeGQ7gJrkUodO1fkCOa6XVif7Kg7DgQD1K9CrCP6I3xhgN" +
	"e0m/uA/PqoO+xmzHRQCcOv3U04qJ1nqPCuL0T0A8M+u28lqVEA9zyq6w71myR+vyj/Zf3+gcjOjOcCwwN8HGpQvoGMrSvF5G" +
	"OzV/XaZtvJUVL8fTGE9NzjYiSV9SV2gxBLBGSt9Mq1J0PgFOorCE3EdOsuy+QG408n7E2XdOZIPsNb6b05qJwWPwWBO8v1i+" +
	"ocaCwuLzA3P8BqAlhOXVbG1EBSmtcZ1GsK8E9bxqWh92qfRY76uWXnpBiR533Fc++1lC9To9uZNvka9aRJVjPOs0CZFWyo6e" +
	"/dRYDNwUu6RfndwNx/B5GPMdOR4e2ttv+ICXCw=="

func aConnectionOfAnEarlierVersionOpens(t *testing.T) {
	t.Parallel()
	blob, err := base64.StdEncoding.DecodeString(sealedIn2025)
	require.NoError(t, err)
	ref := bankmux.Ref{Provider: "moneykit", Environment: bankmux.Production, User: "user-1", ID: "CONN-OF-2025"}
	conn, err := bankmux.Open(ring(t, key("2025", 25)), ref, blob)
	require.NoError(t, err)
	assert.Equal(t, "mk_old", conn.Reference())
	assert.Equal(t, "mk_old", conn.Credential().Reveal())
	assert.Len(t, conn.ReferenceKey, 32, "which an earlier version did not have")
	assert.Equal(t, "Chase", conn.Institution.Name)
	assert.Equal(t, bankmux.StateActive, conn.Status.State)
}
