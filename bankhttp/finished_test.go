package bankhttp_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
)

// TestFinished specifies what a payload gets that was exchanged before.
func TestFinished(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{moneykit.Name, dapi.Name, plaid.Name} {
		t.Run("the session of the user's other tab finds the connection: "+provider, func(t *testing.T) {
			t.Parallel()
			a := newApp(t)
			first, other := a.start(t, "user-rosa", provider), a.start(t, "user-rosa", provider)
			payload := a.connect(t, first.Launch)
			post := func(session string) linked {
				return object[linked](t, a.send(t, "user-rosa", "POST", "/sessions/"+session, payload), 200)
			}
			made := post(first.Session)
			require.Len(t, made.Connections, 1)
			for range 2 {
				again := post(other.Session)
				require.Len(t, again.Connections, 1)
				assert.Equal(t, made.Connections[0].ID, again.Connections[0].ID)
			}
			assert.Len(t, a.bank.Links(), 1)
		})
		t.Run("its connection was disconnected: "+provider, func(t *testing.T) {
			t.Parallel()
			a := newApp(t)
			one := a.start(t, "user-rosa", provider)
			payload := a.connect(t, one.Launch)
			made := object[linked](t, a.send(t, "user-rosa", "POST", "/sessions/"+one.Session, payload), 200)
			path := "/connections/" + made.Connections[0].ID
			require.Equal(t, 204, a.send(t, "user-rosa", "DELETE", path, "").Code)
			again := a.send(t, "user-rosa", "POST", "/sessions/"+one.Session, payload)
			assert.Equal(t, bankmux.ErrTokenSpent, problem(t, again, 409).Kind)
			assert.Len(t, a.bank.Links(), 1, "nothing was linked again")
		})
	}
}
