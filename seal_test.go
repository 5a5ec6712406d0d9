package bankmux_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func key(id string, fill byte) bankmux.Key {
	return bankmux.Key{ID: id, Material: bankmux.NewSecret(bytes.Repeat([]byte{fill}, 32))}
}

func ring(t testing.TB, primary bankmux.Key, old ...bankmux.Key) *bankmux.Keyring {
	t.Helper()
	k, err := bankmux.NewKeyring(primary, old...)
	require.NoError(t, err)
	return k
}

func connection(t *testing.T) bankmux.Connection {
	t.Helper()
	_, conn := linked(t, bankmux.NewClient("mk", &fake{provider: "mk", env: bankmux.Sandbox}), "u-1")
	conn.Institution = bankmux.Institution{ID: "chase", Name: "Chase", Country: "US"}
	conn.Products = []bankmux.Product{bankmux.ProductAccounts}
	return conn
}

// TestSeal specifies what a sealed connection proves and hides.
func TestSeal(t *testing.T) {
	t.Parallel()
	t.Run("a sealed connection opens whole", aSealedConnectionOpensWhole)
	t.Run("a sealed connection opens for its own row only", aSealedConnectionOpensForItsOwnRowOnly)
	t.Run("every field of the Ref is authenticated", everyFieldOfTheRefIsAuthenticated)
	t.Run("a rotated key opens and reports that sealing again is due", aRotatedKeyOpensAndReportsThatSealingAgainIsDue)
	t.Run("an invalid key or connection is refused", anInvalidKeyOrConnectionIsRefused)
	t.Run("an error of a foreign AEAD is not repeated", anErrorOfAForeignAEADIsNotRepeated)
	t.Run("a key is never printed", aKeyIsNeverPrinted)
	t.Run("a connection is safe to print", aConnectionIsSafeToPrint)
}

func aSealedConnectionOpensWhole(t *testing.T) {
	t.Parallel()
	k, conn := ring(t, key("a", 1)), connection(t)
	blob, err := conn.Seal(k)
	require.NoError(t, err)
	assert.NotContains(t, string(blob), planted)
	back, err := bankmux.Open(k, conn.Ref(), blob)
	require.NoError(t, err)
	assert.Equal(t, conn, back)
	assert.Equal(t, planted, back.Credential().Reveal())
	other, err := conn.Seal(k)
	require.NoError(t, err)
	assert.NotEqual(t, blob, other, "sealing twice gives different bytes")
}

func aSealedConnectionOpensForItsOwnRowOnly(t *testing.T) {
	t.Parallel()
	k, conn := ring(t, key("a", 1)), connection(t)
	blob, err := conn.Seal(k)
	require.NoError(t, err)
	refs := map[string]func(*bankmux.Ref){
		"another user":        func(r *bankmux.Ref) { r.User = "u-2" },
		"another id":          func(r *bankmux.Ref) { r.ID += "x" },
		"another provider":    func(r *bankmux.Ref) { r.Provider = "dp" },
		"another environment": func(r *bankmux.Ref) { r.Environment = bankmux.Production },
		"fields moved":        func(r *bankmux.Ref) { r.User, r.ID = r.User+r.ID[:1], r.ID[1:] },
	}
	for name, change := range refs {
		ref := conn.Ref()
		change(&ref)
		_, err := bankmux.Open(k, ref, blob)
		assert.ErrorIs(t, err, bankmux.ErrSeal, name)
	}
	for i := range blob {
		bad := bytes.Clone(blob)
		bad[i] ^= 1
		_, err := bankmux.Open(k, conn.Ref(), bad)
		require.ErrorIs(t, err, bankmux.ErrSeal, "byte %d changed", i)
		_, err = bankmux.Open(k, conn.Ref(), blob[:i])
		require.ErrorIs(t, err, bankmux.ErrSeal, "cut at %d", i)
	}
}

// watching is an AEAD that records what it authenticates, and hides nothing.
type watching struct{ associated []byte }

func (w *watching) Encrypt(plain, associated []byte) ([]byte, error) {
	w.associated = bytes.Clone(associated)
	return plain, nil
}

func (w *watching) Decrypt(box, associated []byte) ([]byte, error) {
	if !bytes.Equal(w.associated, associated) {
		return nil, errors.New("of another row")
	}
	return box, nil
}

func everyFieldOfTheRefIsAuthenticated(t *testing.T) {
	t.Parallel()
	conn := connection(t)
	seen := map[string]string{}
	for name, change := range map[string]func(*bankmux.Connection){
		"as it is":            func(*bankmux.Connection) {},
		"another user":        func(c *bankmux.Connection) { c.User += "x" },
		"another id":          func(c *bankmux.Connection) { c.ID += "x" },
		"another provider":    func(c *bankmux.Connection) { c.Provider += "x" },
		"another environment": func(c *bankmux.Connection) { c.Environment = bankmux.Production },
		"fields moved":        func(c *bankmux.Connection) { c.User, c.ID = c.User+c.ID[:1], c.ID[1:] },
	} {
		w, changed := &watching{}, conn
		change(&changed)
		_, err := changed.Seal(w)
		require.NoError(t, err)
		assert.Empty(t, seen[string(w.associated)], name)
		seen[string(w.associated)] = name
	}
}

func aRotatedKeyOpensAndReportsThatSealingAgainIsDue(t *testing.T) {
	t.Parallel()
	conn := connection(t)
	before := ring(t, key("2025", 1))
	blob, err := conn.Seal(before)
	require.NoError(t, err)
	assert.False(t, before.NeedsReseal(blob))
	after := ring(t, key("2026", 2), key("2025", 1))
	assert.True(t, after.NeedsReseal(blob))
	opened, err := bankmux.Open(after, conn.Ref(), blob)
	require.NoError(t, err)
	fresh, err := opened.Seal(after)
	require.NoError(t, err)
	assert.False(t, after.NeedsReseal(fresh))
	dropped := ring(t, key("2026", 2))
	_, err = bankmux.Open(dropped, conn.Ref(), blob)
	assert.ErrorContains(t, err, `under key "2025", which is not in the keyring`)
	assert.True(t, dropped.NeedsReseal(blob), "the row still needs the key")
	for _, malformed := range []string{"", "x", "\x01", "\x01\x05ab"} {
		assert.True(t, dropped.NeedsReseal([]byte(malformed)), malformed)
	}
	_, err = bankmux.Open(ring(t, key("2025", 9)), conn.Ref(), blob)
	assert.ErrorIs(t, err, bankmux.ErrSeal, "another key of the same name")
}

func anInvalidKeyOrConnectionIsRefused(t *testing.T) {
	t.Parallel()
	k, conn := ring(t, key("a", 1)), connection(t)
	var none *bankmux.Keyring
	_, err := conn.Seal(nil)
	assert.ErrorIs(t, err, bankmux.ErrInvalid)
	_, err = conn.Seal(none)
	assert.ErrorIs(t, err, bankmux.ErrInvalid)
	_, err = bankmux.Connection{ID: "x", Provider: "p", User: "u"}.Seal(k)
	assert.ErrorContains(t, err, "no credential")
	for _, ref := range []bankmux.Ref{
		{},
		{User: "u", ID: "i"},
		{Provider: "p", ID: "i"},
		{Provider: "p", User: "u"},
		{Provider: "p", User: "u", ID: "\xff"},
	} {
		_, err = bankmux.Open(k, ref, []byte{1})
		assert.ErrorIs(t, err, bankmux.ErrInvalid, "%+v", ref)
	}
	_, err = bankmux.Open(k, conn.Ref(), []byte{2, 3})
	assert.ErrorContains(t, err, "unknown format")
	for name, keys := range map[string][]bankmux.Key{
		"short":    {{ID: "a", Material: bankmux.NewSecret("short")}},
		"zero":     {{ID: "a", Material: bankmux.NewSecret(make([]byte, 32))}},
		"unnamed":  {key("", 1)},
		"odd name": {key("a b", 1)},
		"twice":    {key("a", 1), key("a", 2)},
	} {
		_, err := bankmux.NewKeyring(keys[0], keys[1:]...)
		assert.ErrorIs(t, err, bankmux.ErrInvalid, name)
	}
}

// leaky is a foreign AEAD whose errors contain what it was given.
type leaky struct{}

func (leaky) Encrypt(p, _ []byte) ([]byte, error) { return nil, fmt.Errorf("cannot encrypt %s", p) }
func (leaky) Decrypt(_, _ []byte) ([]byte, error) { return nil, errors.New(planted) }

func anErrorOfAForeignAEADIsNotRepeated(t *testing.T) {
	t.Parallel()
	conn := connection(t)
	_, err := conn.Seal(leaky{})
	require.ErrorIs(t, err, bankmux.ErrSeal)
	assert.NotContains(t, err.Error(), planted)
	_, err = bankmux.Open(leaky{}, conn.Ref(), []byte{1, 2})
	require.ErrorIs(t, err, bankmux.ErrSeal)
	assert.NotContains(t, err.Error(), planted)
}

func aKeyIsNeverPrinted(t *testing.T) {
	t.Parallel()
	k := bankmux.Key{ID: "a", Material: bankmux.NewSecret([]byte(planted + "0123456789012"))}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		assert.Equal(t, `key "a"`, fmt.Sprintf(verb, k))
	}
	out, err := json.Marshal(k)
	require.NoError(t, err)
	assert.JSONEq(t, `"key \"a\""`, string(out))
}

func aConnectionIsSafeToPrint(t *testing.T) {
	t.Parallel()
	conn := connection(t)
	out, err := json.Marshal(conn)
	require.NoError(t, err)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v %s", conn, conn, conn, out), planted)
	var back bankmux.Connection
	require.NoError(t, json.Unmarshal(out, &back))
	assert.True(t, back.Credential().IsZero(), "JSON loses the credential")
}

func TestStatus(t *testing.T) {
	t.Parallel()
	t.Run("only declared facts change the state", onlyDeclaredFactsChangeTheState)
}

func onlyDeclaredFactsChangeTheState(t *testing.T) {
	t.Parallel()
	active := bankmux.Status{State: bankmux.StateActive}
	for _, c := range []struct {
		name string
		from bankmux.State
		err  error
		want bankmux.State
	}{
		{"a lapse", bankmux.StateActive, &bankmux.Error{Kind: bankmux.ErrReauth, Code: "auth_expired"}, bankmux.StateReauth},
		{"a deletion", bankmux.StateReauth, &bankmux.Error{Kind: bankmux.ErrGone}, bankmux.StateGone},
		{"success", bankmux.StateReauth, nil, bankmux.StateActive},
		{"success before the bank was read", bankmux.StateUnverified, nil, bankmux.StateUnverified},
		{"an outage", bankmux.StateActive, &bankmux.Error{Kind: bankmux.ErrUnavailable}, bankmux.StateActive},
		{"rejected keys of the application", bankmux.StateActive, &bankmux.Error{Kind: bankmux.ErrCredentials}, bankmux.StateActive},
		{"a passing fault while lapsed", bankmux.StateReauth, errors.New("x"), bankmux.StateReauth},
	} {
		assert.Equal(t, c.want, bankmux.Status{State: c.from}.After(c.err).State, c.name)
	}
	assert.Equal(t, active, active.After(nil), "the time it started is kept")
	asked := bankmux.Status{State: bankmux.StateActive, AskedAt: time.Now().UTC()}
	for _, err := range []error{
		nil, &bankmux.Error{Kind: bankmux.ErrReauth}, &bankmux.Error{Kind: bankmux.ErrGone},
		&bankmux.Error{Kind: bankmux.ErrInstitution},
	} {
		for _, from := range []bankmux.State{bankmux.StateActive, bankmux.StateReauth, bankmux.StateUnverified} {
			asked.State = from
			assert.Equal(
				t,
				asked.AskedAt,
				asked.After(err).AskedAt,
				"when the bank asked is kept where the state changes: %s, %v",
				from,
				err,
			)
		}
	}
}

func FuzzOpen(f *testing.F) {
	k := ring(f, key("a", 1))
	f.Add([]byte{1, 1, 'a'})
	f.Add([]byte{1, 200})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, blob []byte) {
		_, err := bankmux.Open(k, bankmux.Ref{Provider: "p", User: "u", ID: "i"}, blob)
		assert.ErrorIs(t, err, bankmux.ErrSeal)
		k.NeedsReseal(blob)
	})
}
