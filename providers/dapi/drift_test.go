package dapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
)

// TestDriftOfUnreadableResponses specifies that nothing is reported of a response if only its
// envelope can be read. The envelope has none of its other members.
func TestDriftOfUnreadableResponses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		want   bankmux.Kind
	}{
		"a failure": {401, `{"success":false,"status":"failed","type":"USER_DELINKED","accounts":{}}`, bankmux.ErrGone},
		"a failure with a repeated key": {
			401, `{"success":false,"status":"failed","type":"USER_DELINKED","accounts":[],"accounts":[]}`,
			bankmux.ErrGone,
		},
		"a question": {
			200, `{"success":true,"status":"user_input_required","operationID":"X:1","accounts":{},` +
				`"userInputs":[{"id":"otp","index":0,"query":"code"}]}`, bankmux.ErrUserAction,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, drift := start(t, nil), guard.New(guard.Options{})
			conn := s.connect()
			web := roundTripper(func(r *http.Request) (*http.Response, error) {
				w := httptest.NewRecorder()
				if !strings.HasSuffix(r.URL.Path, "/data/accounts/get") {
					s.bank.Dapi().ServeHTTP(w, r)
					return w.Result(), nil
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(c.status)
				_, err := w.WriteString(c.body)
				return w.Result(), err
			})
			client := s.another(func(cfg *dapi.Config) {
				cfg.Guard, cfg.HTTPClient = drift, &http.Client{Transport: web}
			})
			_, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
			require.ErrorIs(t, err, c.want)
			assert.Empty(t, drift.Drift())
		})
	}
}
