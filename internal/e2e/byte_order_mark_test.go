package e2e_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/banktest"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// marked puts a byte order mark before every JSON response of a bank.
type marked struct{ bank http.RoundTripper }

func (m marked) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := m.bank.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	if len(body) > 0 && strings.Contains(res.Header.Get("Content-Type"), "json") {
		body = append([]byte("\ufeff"), body...)
	}
	res.Header.Del("Content-Length")
	res.ContentLength, res.Body = -1, io.NopCloser(bytes.NewReader(body))
	return res, err
}

func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{moneykit.Name, dapi.Name, plaid.Name} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			bank := virtualbank.New(virtualbank.Options{Seed: 1, HistoryDays: 90})
			wire := &tampered{bank: marked{servedBy(bank, provider)}, heard: map[string][]byte{}}
			client, err := wire.open(provider, bank.Credentials())
			require.NoError(t, err)
			conn := banktest.Link(t, bank, client, provider)
			if provider != dapi.Name {
				require.NoError(t, bank.Refresh(conn.Reference()))
			}
			for _, op := range reads {
				err := op.call(t.Context(), client, conn)
				assert.NotEqual(t, bankmux.ErrMalformed, bankmux.KindOf(err), "%s: %v", op.name, err)
			}
			require.NoError(t, bank.Inject(virtualbank.Fault{Name: "unknown_code", Times: 1}))
			_, err = client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
			require.Error(t, err)
			assert.Contains(t, strings.ToLower(err.Error()), "unheard_of", "the code of an error is read too")
		})
	}
}
