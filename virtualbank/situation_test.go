package virtualbank_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/virtualbank"
	"github.com/bankmux/bankmux/virtualbank/internal/banktest"
)

func TestSituations(t *testing.T) {
	t.Parallel()
	t.Run("each is staged by its name", stagedByName)
	t.Run("no row is removed before it is created", createdBeforeRemoved)
}

func stagedByName(t *testing.T) {
	t.Parallel()
	bank := virtualbank.New(virtualbank.Options{})
	call := func(method string, body any) (int, map[string]any) {
		raw, err := json.Marshal(body)
		require.NoError(t, err)
		w := httptest.NewRecorder()
		bank.Dapi().
			ServeHTTP(w,
				httptest.NewRequestWithContext(t.Context(), method, "/virtualbank/situation", bytes.NewReader(raw)))
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
		{"connectionID": payload.ConnectionID, "situation": "unheard-of"},
		{"connectionID": "unknown", "situation": virtualbank.Tip},
		{"situation": virtualbank.Tip},
	} {
		status, answer := call("POST", body)
		assert.GreaterOrEqual(t, status, 400, answer)
		assert.NotEmpty(t, answer["error"])
	}
}

func createdBeforeRemoved(t *testing.T) {
	t.Parallel()
	for _, order := range []string{virtualbank.RemovedFirst, virtualbank.Unordered} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			c := banktest.Open(t, virtualbank.Options{Start: banktest.Start})
			token, path := c.LinkMoneyKit()
			id := strings.TrimPrefix(path, "/links/")
			require.NoError(t, c.Bank.Refresh(id))
			cursor, _ := c.Sync(token, path, "", map[string]object{})
			require.NoError(t, c.Bank.Stage(id, virtualbank.CreatedAndRemoved))
			require.NoError(t, c.Bank.Stage(id, order))
			require.NoError(t, c.Bank.Refresh(id))
			rows := map[string]object{}
			for _, from := range []string{cursor, ""} {
				clear(rows)
				_, pages := c.Sync(token, path, from, rows)
				assert.Greater(t, pages, 3)
				truth, err := c.Bank.Transactions(id)
				require.NoError(t, err)
				assert.Len(t, rows, len(truth), "the short-lived one is gone")
			}
		})
	}
}
