package bankmux_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func TestKeyringBoxes(t *testing.T) {
	t.Parallel()
	t.Run("a keyring without a key is refused by whatever takes one", aKeyringWithoutAKeyIsRefused)
	t.Run("a changed or shortened box gives an error and no text", func(t *testing.T) {
		t.Parallel()
		k := ring(t, key("a", 1))
		box, err := k.Encrypt([]byte("text"), []byte("row"))
		require.NoError(t, err)
		plain, err := k.Decrypt(box, []byte("row"))
		require.NoError(t, err)
		assert.Equal(t, "text", string(plain))
		for i := range box {
			bad := bytes.Clone(box)
			bad[i] ^= 1
			for _, bad := range [][]byte{bad, box[:i]} {
				plain, err := k.Decrypt(bad, []byte("row"))
				require.ErrorIs(t, err, bankmux.ErrSeal, i)
				require.NotNil(t, bankmux.ErrorOf(err), i)
				assert.Nil(t, plain)
			}
		}
		_, err = k.Decrypt(nil, nil)
		require.EqualError(t, err, "seal_invalid: what is sealed is cut short; "+bankmux.ErrSeal.Remedy())
		_, err = k.Decrypt(box, []byte("another row"))
		require.ErrorIs(t, err, bankmux.ErrSeal)
		_, err = k.Decrypt(box, nil)
		require.ErrorIs(t, err, bankmux.ErrSeal)
	})
	t.Run("the key's id is authenticated", func(t *testing.T) {
		t.Parallel()
		k := ring(t, key("a", 1), key("b", 1)) // one material under two ids
		box, err := k.Encrypt([]byte("text"), []byte("row"))
		require.NoError(t, err)
		require.Equal(t, byte('a'), box[1])
		box[1] = 'b'
		_, err = k.Decrypt(box, []byte("row"))
		require.ErrorIs(t, err, bankmux.ErrSeal, "opened under another name than it was sealed under")
	})
	t.Run("only keys of 32 bytes are accepted", func(t *testing.T) {
		t.Parallel()
		for _, size := range []int{0, 1, 16, 24, 31, 33, 64} {
			_, err := bankmux.NewKeyring(
				bankmux.Key{ID: "a", Material: bankmux.NewSecret(bytes.Repeat([]byte{1}, size))},
			)
			require.ErrorIs(t, err, bankmux.ErrInvalid, size)
			_, err = bankmux.NewKeyring(
				key("a", 1),
				bankmux.Key{ID: "b", Material: bankmux.NewSecret(bytes.Repeat([]byte{1}, size))},
			)
			require.ErrorIs(t, err, bankmux.ErrInvalid, "an old key of %d", size)
		}
	})
}

func aKeyringWithoutAKeyIsRefused(t *testing.T) {
	t.Parallel()
	full := ring(t, key("a", 1))
	assert.False(t, full.IsZero())
	conn := connection(t)
	row, err := conn.Seal(full)
	require.NoError(t, err)
	session, sealed := sealedSession(t, full)
	box, err := full.Encrypt([]byte("text"), nil)
	require.NoError(t, err)
	for _, none := range []*bankmux.Keyring{nil, {}} {
		assert.True(t, none.IsZero())
		assert.True(t, none.NeedsReseal(row))
		for name, call := range map[string]func() (any, error){
			"Encrypt":         func() (any, error) { return none.Encrypt([]byte("text"), nil) },
			"Decrypt":         func() (any, error) { return none.Decrypt(box, nil) },
			"Decrypt nothing": func() (any, error) { return none.Decrypt(nil, nil) },
			"Seal":            func() (any, error) { return conn.Seal(none) },
			"Open":            func() (any, error) { return bankmux.Open(none, conn.Ref(), row) },
			"Session.Seal":    func() (any, error) { return session.Seal(none) },
			"OpenSession":     func() (any, error) { return bankmux.OpenSession(none, session.Ref(), sealed) },
		} {
			got, err := call()
			assert.Empty(t, got, name)
			if e := bankmux.ErrorOf(err); assert.NotNil(t, e, name) {
				assert.Equal(t, bankmux.ErrInvalid, e.Kind, name)
			}
		}
	}
	_, err = new(bankmux.Keyring).Encrypt(nil, nil)
	assert.EqualError(t, err, "invalid_request: Keyring has no key: use what NewKeyring returned; fix the call")
}
