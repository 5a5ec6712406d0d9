package normalize_test

import (
	"errors"
	"strings"
	"testing"
	"time"

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

// TestExcept specifies which errors mean that there is nothing to read.
func TestExcept(t *testing.T) {
	t.Parallel()
	e := &bankmux.Error{Kind: bankmux.ErrInvalid, Code: "B"}
	require.NoError(t, normalize.Except(e, "A", "B"))
	require.ErrorIs(t, normalize.Except(e, "A"), bankmux.ErrInvalid)
	require.NoError(t, normalize.Except(nil, "A"))
}

// TestAboutAnother specifies the error for a response about something else.
func TestAboutAnother(t *testing.T) {
	t.Parallel()
	e := normalize.AboutAnother("link")
	assert.Equal(t, bankmux.ErrMalformed, e.Kind)
	assert.Equal(t, "the response is about another link", e.Detail)
}

// TestPayload specifies how the payload of an exchange and its token are read.
func TestPayload(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]error{
		`{"token":"t-1"}`:              nil,
		`{"token":"t 1"}`:              bankmux.ErrInvalid,
		`{"token":"t-1","foreign":1}`:  bankmux.ErrInvalid,
		`{"token":"t-1","token":"t2"}`: bankmux.ErrInvalid,
		`{"foreign":null}`:             bankmux.ErrInvalid,
		`{"token":""}`:                 bankmux.ErrInvalid,
		`{}`:                           bankmux.ErrInvalid,
	} {
		fields, err := normalize.PayloadOf(bankmux.ExchangeRequest{Payload: bankmux.NewSecret(payload)}, "other",
			"foreign")
		other := strings.Contains(payload, `"foreign":1`)
		assert.Equal(t, other, normalize.HasCode(err, bankmux.CodeOtherSession), payload)
		token := ""
		if err == nil {
			token, err = normalize.PayloadToken(fields, "token")
		}
		if want == nil {
			require.NoError(t, err, payload)
			assert.Equal(t, "t-1", token)
			continue
		}
		require.ErrorIs(t, err, want, payload)
		assert.True(t, bankmux.OutcomeKnown(err), payload)
	}
}

// TestAccountIDs specifies the ids of accounts.
func TestAccountIDs(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"a", "b"}, normalize.AccountIDs([]bankmux.Account{{ID: "a"}, {ID: "b"}}))
	assert.Nil(t, normalize.AccountIDs(nil))
}

// TestAddNumbers specifies that numbers of one account are together.
func TestAddNumbers(t *testing.T) {
	t.Parallel()
	one := func(account, number string) bankmux.AccountNumbers {
		return bankmux.AccountNumbers{Account: account, Numbers: []bankmux.AccountNumber{{Number: number}}}
	}
	var all []bankmux.AccountNumbers
	for _, more := range []bankmux.AccountNumbers{one("a", "1"), one("b", "2"), one("a", "3")} {
		all = normalize.AddNumbers(all, more)
	}
	require.Len(t, all, 2)
	assert.Equal(t, []bankmux.AccountNumber{{Number: "1"}, {Number: "3"}}, all[0].Numbers)
	assert.Equal(t, one("b", "2"), all[1])
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

// TestStatusAfter specifies what a status check that failed says about the connection.
func TestStatusAfter(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	conn := bankmux.Connection{ID: "c", Status: bankmux.Status{State: bankmux.StateActive, At: since}}
	t.Run("an error that shows a state is that state", func(t *testing.T) {
		t.Parallel()
		for kind, want := range map[bankmux.Kind]bankmux.State{
			bankmux.ErrReauth: bankmux.StateReauth, bankmux.ErrGone: bankmux.StateGone,
		} {
			res, err := normalize.StatusAfter(conn, &bankmux.Error{Kind: kind, Code: "CODE"})
			require.NoError(t, err)
			got := res.Connection
			assert.Equal(t, want, got.Status.State)
			assert.Equal(t, "CODE", got.Status.Code)
			assert.Equal(t, got.UpdatedAt, got.Status.At)
			assert.True(t, got.UpdatedAt.After(since))
		}
	})
	t.Run("any other error is returned", func(t *testing.T) {
		t.Parallel()
		for _, kind := range []bankmux.Kind{bankmux.ErrUnavailable, bankmux.ErrMalformed, bankmux.ErrRateLimited} {
			res, err := normalize.StatusAfter(conn, &bankmux.Error{Kind: kind})
			require.ErrorIs(t, err, kind)
			assert.Zero(t, res)
		}
	})
}

// TestStatusRead specifies since when a connection has its status.
func TestStatusRead(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	now := since.Add(time.Hour)
	before := bankmux.Connection{Status: bankmux.Status{
		State: bankmux.StateReauth, Code: "CODE", At: since, AskedAt: since.Add(-time.Hour),
	}}
	for name, c := range map[string]struct {
		read bankmux.Status
		want time.Time
	}{
		"the same state and code since before": {bankmux.Status{State: bankmux.StateReauth, Code: "CODE", At: now}, since},
		"another code since now":               {bankmux.Status{State: bankmux.StateReauth, Code: "OTHER", At: now}, now},
		"another state since now":              {bankmux.Status{State: bankmux.StateActive, Code: "CODE", At: now}, now},
	} {
		got := normalize.StatusRead(before, bankmux.Connection{ID: "c", Status: c.read})
		assert.Equal(t, "c", got.ID, name)
		assert.Equal(t, c.want, got.Status.At, name)
		assert.Equal(t, before.Status.AskedAt, got.Status.AskedAt, name)
		assert.True(t, got.UpdatedAt.After(now), name)
	}
}

// TestPartial specifies the error of an operation that returned some rows.
func TestPartial(t *testing.T) {
	t.Parallel()
	op, failed := bankmux.Op{Name: "Own"}, []bankmux.Failure{{Account: "a1", Err: normalize.Unreadable("a row")}}
	require.NoError(t, normalize.Partial(op, nil, nil))
	var partial *bankmux.PartialError
	require.ErrorAs(t, normalize.Partial(op, failed, nil), &partial)
	assert.Equal(t, bankmux.PartialError{Op: "Own", Failed: failed}, *partial)
	lost := errors.New("lost")
	assert.Equal(t, lost, normalize.Partial(op, failed, lost), "the error of the operation counts")
}
