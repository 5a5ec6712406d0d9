package virtualbank_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
)

func TestSituationsAreStagedByNameOverTheControlPlane(t *testing.T) {
	t.Parallel()
	bank := virtualbank.New(virtualbank.Options{})
	call := func(method string, body any) (int, map[string]any) {
		raw, err := json.Marshal(body)
		require.NoError(t, err)
		w := httptest.NewRecorder()
		bank.Dapi().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/virtualbank/situation", bytes.NewReader(raw)))
		var answer map[string]any
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer), w.Body)
		return w.Code, answer
	}
	raw, err := bank.LinkDapi(virtualbank.DapiLink{AppKey: bank.Credentials().Dapi.AppKey, Countries: []string{"US"}})
	require.NoError(t, err)
	var payload struct{ ConnectionID string }
	require.NoError(t, json.Unmarshal(raw, &payload))

	_, listed := call("GET", nil)
	assert.Len(t, listed["situations"], len(virtualbank.Situations()))
	for _, s := range virtualbank.Situations() {
		assert.NotEmpty(t, s.About)
		want := http.StatusBadRequest
		for _, provider := range s.Providers {
			if provider == "dapi" {
				want = http.StatusOK
			}
		}
		status, answer := call("POST", map[string]string{"connectionID": payload.ConnectionID, "situation": s.Name})
		assert.Equal(t, want, status, "%s: %v", s.Name, answer)
	}
	for _, body := range []map[string]string{
		{"connectionID": payload.ConnectionID, "situation": "unheard-of"}, {"connectionID": "nobody", "situation": virtualbank.Tip}, {"situation": virtualbank.Tip},
	} {
		status, answer := call("POST", body)
		assert.GreaterOrEqual(t, status, 400, answer)
		assert.NotEmpty(t, answer["error"])
	}
}
