package moneykit_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestStatus specifies the state of a link.
func TestStatus(t *testing.T) {
	t.Parallel()
	t.Run("an unknown state is kept", anUnknownStateIsKept)
	t.Run("a status keeps when the bank asked", aStatusKeepsWhenTheBankAsked)
	t.Run(
		"a deleted link is gone in each way that MoneyKit reports it",
		aDeletedLinkIsGoneInEachWayThatMoneyKitReportsIt,
	)
	t.Run("a link with members of another shape is still a link", aLinkWithMembersOfAnotherShapeIsStillALink)
}

// TestDisconnect specifies what proves a deletion.
func TestDisconnect(t *testing.T) {
	t.Parallel()
	t.Run("a page under 200 is not a disconnect", aPageUnder200IsNotADisconnect)
	t.Run("an unexpected object under 200 is not a disconnect", anUnexpectedObjectUnder200IsNotADisconnect)
}

func anUnknownStateIsKept(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	post := s.post(request)
	require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: "unknown_enum"}))
	assert.Equal(t, bankmux.State("hibernating"), s.connectPost(post).Status.State)
}

func aStatusKeepsWhenTheBankAsked(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	conn.Status.AskedAt = bankmux.Moment(time.Now())
	got, err := s.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
	require.NoError(t, err)
	assert.Equal(t, conn.Status.AskedAt, got.Connection.Status.AskedAt)
}

func aDeletedLinkIsGoneInEachWayThatMoneyKitReportsIt(t *testing.T) {
	t.Parallel()
	for _, readable := range []bool{false, true} {
		s := start(t, virtualbank.Options{DeletedReadable: readable}, nil)
		conn := s.connect(request)
		_, err := s.client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: conn})
		require.NoError(t, err)
		got, err := s.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
		require.NoError(t, err)
		assert.Equal(t, bankmux.StateGone, got.Connection.Status.State)
		req := request
		req.Reconnect = &conn
		_, err = s.client.CreateSession(t.Context(), req)
		require.ErrorIs(t, err, bankmux.ErrGone)
	}
}

func aLinkWithMembersOfAnotherShapeIsStillALink(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		return r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/links/") &&
			write(
				w,
				http.StatusOK,
				"application/json",
				`{"link_id":"mk_1","state":"connected","institution_name":{"en":"x"},`+
					`"institution_avatar":7,"webhook":[],"link_tags":{"a":1},"available_products":"none",
			  "products":{"transactions":{"refreshed_at":17,"unavailable":[]},"identity":true,"investments":null}}`,
			)
	})
	got, err := client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: s.connect(request)})
	require.NoError(t, err)
	assert.Equal(t, bankmux.StateActive, got.Connection.Status.State)
	assert.ElementsMatch(
		t,
		[]bankmux.Product{bankmux.ProductTransactions, bankmux.ProductIdentity},
		got.Connection.Products,
	)
}

func aPageUnder200IsNotADisconnect(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	for _, page := range []string{"<html>hello</html>", ""} {
		client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == http.MethodDelete && write(w, 200, "text/html", page)
		})
		_, err := client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: conn})
		require.ErrorIs(t, err, bankmux.ErrMalformed)
	}
	_, err := s.client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: conn})
	require.NoError(t, err)
}

func anUnexpectedObjectUnder200IsNotADisconnect(t *testing.T) {
	t.Parallel()
	for body, gone := range map[string]bool{
		`{}`:                            true,
		`{"link_id":"mk_1"}`:            true,
		`{"error_code":"unheard_of"}`:   false,
		`{"message":"try again later"}`: false,
		`[]`:                            false,
	} {
		s := start(t, virtualbank.Options{}, nil)
		conn := s.connect(request)
		client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == http.MethodDelete && write(w, http.StatusOK, "application/json", body)
		})
		_, err := client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: conn})
		if gone {
			assert.NoError(t, err, body)
		} else {
			assert.ErrorIs(t, err, bankmux.ErrMalformed, body)
		}
	}
}
