package dapi_test

// This file specifies that the user's answers are sent once.

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestAnswersOfARunningOperation specifies a bank that works on after it has the user's answers.
func TestAnswersOfARunningOperation(t *testing.T) {
	t.Parallel()
	const finished = `{"status":"done","opInfo":{"status":"done"}}`
	const expired = `{"status":"failed","type":"SESSION_EXPIRED"}`
	for name, c := range map[string]struct {
		state  string // what Dapi says about the operation
		status int
		result string // of the operation, "" if it is not asked for
		want   bankmux.Kind
	}{
		"the result is asked for without the answers": {finished, 200, `{` + done + `,"accounts":[]}`, ""},
		"a result that comes too late has its kind":   {finished, 401, expired, bankmux.ErrChallengeExpired},
		"an operation that came too late has the same kind": {
			`{"status":"done","opInfo":{"status":"failed","errorType":"SESSION_EXPIRED"}}`, 0, "",
			bankmux.ErrChallengeExpired,
		},
		"a state that comes too late has the same kind": {expired, 0, "", bankmux.ErrChallengeExpired},
		"an operation that failed otherwise keeps its kind": {
			`{"status":"done","opInfo":{"status":"failed","errorType":"INVALID_CREDENTIALS"}}`, 0, "", bankmux.ErrReauth,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				bank := virtualbank.New(virtualbank.Options{})
				var sent []string
				web := roundTripper(func(r *http.Request) (*http.Response, error) {
					w := httptest.NewRecorder()
					w.Header().Set("Content-Type", "application/json")
					switch {
					case strings.HasSuffix(r.URL.Path, "/data/accounts/get"):
						body, err := io.ReadAll(r.Body)
						sent = append(sent, string(body))
						switch len(sent) {
						case 1:
							_, _ = w.WriteString(`{"status":"user_input_required","operationID":"X:1",` +
								`"userInputs":[{"id":"otp","index":0,"query":"code"}]}`)
						case 2:
							_, _ = w.WriteString(`{"status":"initialized","operationID":"X:1"}`)
						default:
							w.WriteHeader(c.status)
							_, _ = w.WriteString(c.result)
						}
						return w.Result(), err
					case strings.HasSuffix(r.URL.Path, "/operation/get"):
						_, _ = w.WriteString(c.state)
					default:
						bank.Dapi().ServeHTTP(w, r)
					}
					return w.Result(), nil
				})
				creds := bank.Credentials().Dapi
				client, err := dapi.New(dapi.Config{
					AppKey: creds.AppKey, AppSecret: bankmux.NewSecret(creds.AppSecret), Environment: bankmux.Sandbox,
					BaseURL: "http://127.0.0.1/v2", HTTPClient: &http.Client{Transport: web},
				})
				require.NoError(t, err)
				s := &setup{t: t, bank: bank, client: client}
				conn := s.connect()
				_, err = client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
				e := bankmux.ErrorOf(err)
				require.NotNil(t, e)
				require.NotNil(t, e.Challenge)
				_, err = client.Accounts(t.Context(), bankmux.AccountsRequest{
					Connection: conn, Answers: e.Challenge.Answer("493817"),
				})
				assert.Equal(t, c.want, bankmux.KindOf(err), "%v", err)
				require.GreaterOrEqual(t, len(sent), 2)
				assert.Contains(t, sent[1], "493817")
				if c.result == "" {
					require.Len(t, sent, 2)
					return
				}
				require.Len(t, sent, 3)
				assert.Contains(t, sent[2], `"operationID":"X:1"`)
				assert.NotContains(t, sent[2], "493817", "a second use of a one-time password can lock the user out")
				assert.NotContains(t, sent[2], "userInputs")
			})
		})
	}
}
