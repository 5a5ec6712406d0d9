package moneykit_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

func TestAnyIDOfAnApplicationsUserServes(t *testing.T) {
	t.Parallel()
	t.Run("links are made, found and renewed", func(t *testing.T) {
		t.Parallel()
		for _, user := range []string{"7", "ab", "日本", "u/1", "user/1/x", "..", "abcd", "user 1", strings.Repeat("ü", 150), strings.Repeat("u", 151), strings.Repeat("日", 5000), "bankmux-user-7"} {
			s := start(t, virtualbank.Options{}, nil)
			req := request
			req.User = user
			conn := s.connect(req)
			assert.Equal(t, user, conn.User)
			links, err := moneykit.UserLinks(t.Context(), s.client, user)
			require.NoError(t, err)
			assert.Len(t, links, 1, user)
			req.Reconnect = &conn
			_, err = s.client.CreateSession(t.Context(), req)
			require.NoError(t, err)
			accounts, err := moneykit.UserAccounts(t.Context(), s.client, user)
			require.NoError(t, err)
			assert.Len(t, accounts, 1, user)
		}
	})
	t.Run("each user has an id of their own, which MoneyKit takes", func(t *testing.T) {
		t.Parallel()
		seen := map[string]string{}
		for i := range 2000 {
			for _, user := range []string{fmt.Sprint(i), strings.Repeat("x", i), moneykit.CustomerID(fmt.Sprint(i))} {
				id := moneykit.CustomerID(user)
				if n := utf8.RuneCountInString(id); user != "" && (n < 4 || n > 150) {
					t.Fatalf("%q has %d characters", id, n)
				}
				if other, ok := seen[id]; ok && other != user {
					t.Fatalf("%q stands for %q and %q", id, other, user)
				}
				seen[id] = user
			}
		}
	})
	t.Run("an id that MoneyKit takes is sent as it is", func(t *testing.T) {
		t.Parallel()
		for _, user := range []string{"abcd", "1234", "日本語だ", strings.Repeat("ü", 150)} {
			assert.Equal(t, user, moneykit.CustomerID(user))
		}
		assert.Equal(
			t,
			"bankmux-user-eQJpm-Qsio5G-7tFAXJlF-hrIsVqGJ92JabaSQgbJFE",
			moneykit.CustomerID("7"),
			"the same from release to release",
		)
		assert.Empty(t, moneykit.CustomerID(""))
	})
}
