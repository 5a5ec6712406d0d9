package normalize_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

// TestDisconnected specifies the result of removing a connection.
func TestDisconnected(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"it was removed": nil, "it was gone already": &bankmux.Error{Kind: bankmux.ErrGone},
	} {
		res, failed := normalize.Disconnected(bankmux.Connection{ID: "c"}, err)
		require.NoError(t, failed, name)
		assert.Equal(t, "c", res.Connection.ID)
		assert.Equal(t, bankmux.StateGone, res.Connection.Status.State)
		assert.Equal(t, res.Connection.UpdatedAt, res.Connection.Status.At)
		assert.False(t, res.Connection.UpdatedAt.IsZero())
	}
	_, err := normalize.Disconnected(bankmux.Connection{}, &bankmux.Error{Kind: bankmux.ErrUnavailable})
	require.ErrorIs(t, err, bankmux.ErrUnavailable)
}

// TestRefusals specifies the errors for requests that are not sent.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, e := range []*bankmux.Error{
		normalize.Invalid("F", "is odd"), normalize.Unsupported("F", "is odd"),
		normalize.OtherSession("is odd"), normalize.LostByJSON("its token", ""),
	} {
		assert.True(t, e.NotSent)
		assert.NotEmpty(t, e.Field)
	}
	assert.Equal(t, bankmux.CodeOtherSession, normalize.OtherSession("is odd").Code)
	assert.Equal(t, bankmux.ErrUnsupported, normalize.Unsupported("F", "is odd").Kind)
	assert.Equal(t, bankmux.ErrUserAction, normalize.Unfinished("CODE").Kind)
	assert.Equal(t, "CODE", normalize.Unfinished("CODE").Code)
}

// TestHasCode specifies which errors have a provider's code.
func TestHasCode(t *testing.T) {
	t.Parallel()
	e := &bankmux.Error{Kind: bankmux.ErrInvalid, Code: "B"}
	assert.True(t, normalize.HasCode(e, "A", "B"))
	assert.False(t, normalize.HasCode(e, "A"))
	assert.False(t, normalize.HasCode(errors.New("B"), "B"))
	assert.False(t, normalize.HasCode(nil, "B"))
}

// TestAddOwner specifies that equal owners of several accounts are one.
func TestAddOwner(t *testing.T) {
	t.Parallel()
	jane := bankmux.Owner{Names: []string{"Jane"}, Emails: []bankmux.Email{{Address: "j@example.com"}}}
	other := bankmux.Owner{Names: []string{"Jane"}}
	var all []bankmux.Owner
	for _, o := range []struct {
		account string
		owner   bankmux.Owner
	}{{"1", jane}, {"2", jane}, {"2", jane}, {"2", other}} {
		all = normalize.AddOwner(all, o.account, o.owner)
	}
	require.Len(t, all, 2)
	assert.Equal(t, []string{"1", "2"}, all[0].Accounts)
	assert.Equal(t, []string{"2"}, all[1].Accounts)
	assert.Empty(t, jane.Accounts)
}

// TestIsAsked specifies which rows a request covers.
func TestIsAsked(t *testing.T) {
	t.Parallel()
	assert.True(t, normalize.IsAsked(nil, "a"))
	assert.True(t, normalize.IsAsked([]string{"a"}, "a"))
	assert.True(t, normalize.IsAsked([]string{"b"}, ""))
	assert.False(t, normalize.IsAsked([]string{"b"}, "a"))
}

// TestCovered specifies what a complete list covers.
func TestCovered(t *testing.T) {
	t.Parallel()
	from, to := bankmux.NewDate(2026, 11, 1), bankmux.NewDate(2026, 11, 2)
	assert.Equal(t, []bankmux.Covered{{From: from, To: to}}, normalize.Covered(nil, from, to))
	assert.Equal(t, []bankmux.Covered{{Account: "a", From: from, To: to}, {Account: "b", From: from, To: to}},
		normalize.Covered([]string{"a", "b"}, from, to))
}
