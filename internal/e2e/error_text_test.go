package e2e_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/banktest"
	"github.com/bankmux/bankmux/internal/errortext"
	"github.com/bankmux/bankmux/normalize"
	dapimodel "github.com/bankmux/bankmux/normalize/dapi"
	moneykitmodel "github.com/bankmux/bankmux/normalize/moneykit"
	plaidmodel "github.com/bankmux/bankmux/normalize/plaid"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
)

// fixedResponse returns one response to every request.
type fixedResponse struct {
	status       int
	body, header string
}

func (a fixedResponse) RoundTrip(r *http.Request) (*http.Response, error) {
	body, status := a.body, a.status
	if strings.HasSuffix(r.URL.Path, "/auth/token") {
		body, status = `{"access_token":"token","token_type":"bearer","expires_in":3600}`, http.StatusOK
	}
	res := &http.Response{
		StatusCode:    status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Request:       r,
		ContentLength: int64(len(body)),
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(strings.NewReader(body)),
	}
	if a.header != "" {
		res.Header.Set("Retry-After", a.header)
	}
	return res, nil
}

// clientsWith returns a client of each adapter that gets one response to every request.
func clientsWith(t *testing.T, a fixedResponse) map[string]*bankmux.Client {
	t.Helper()
	httpClient := &http.Client{Transport: a}
	mk, err := moneykit.New(
		moneykit.Config{
			BaseURL:      "http://127.0.0.1",
			ClientID:     "id",
			ClientSecret: bankmux.NewSecret("secret"),
			Environment:  bankmux.Sandbox,
			HTTPClient:   httpClient,
		},
	)
	require.NoError(t, err)
	dp, err := dapi.New(
		dapi.Config{
			BaseURL:     "http://127.0.0.1/v2",
			AppKey:      "key",
			AppSecret:   bankmux.NewSecret("secret"),
			Environment: bankmux.Sandbox,
			HTTPClient:  httpClient,
		},
	)
	require.NoError(t, err)
	pl, err := plaid.New(
		plaid.Config{
			BaseURL:     "http://127.0.0.1",
			ClientID:    "id",
			Secret:      bankmux.NewSecret("secret"),
			Environment: bankmux.Sandbox,
			HTTPClient:  httpClient,
		},
	)
	require.NoError(t, err)
	return map[string]*bankmux.Client{"moneykit": mk, "dapi": dp, "plaid": pl}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	t.Run("every row of the providers' tables", func(t *testing.T) {
		t.Parallel()
		for _, table := range []*normalize.Catalogue{
			moneykitmodel.Catalogue(), moneykitmodel.LinkErrors(), moneykitmodel.ProductErrors(), dapimodel.Catalogue(),
			plaidmodel.Catalogue(),
		} {
			for _, row := range table.Rows() {
				for _, field := range []string{"", "body.customer_user.id"} {
					e := table.Error(
						normalize.Failure{
							Code:       row.Code,
							Class:      row.Class,
							Endpoint:   row.Endpoint,
							Status:     max(row.Status, 400),
							RetryAfter: 1234567891,
						},
					)
					e.Field = field
					errortext.Check(t, e)
				}
			}
		}
	})
	for _, status := range []int{200, 301, 400, 401, 403, 404, 408, 410, 418, 422, 429, 500, 502, 503, 504} {
		for what, body := range map[string]string{
			"nothing": "", "null": "null", "an object": "{}",
			"an unlisted code": `{"error_code":"new.code","status":"failed","success":false,"type":"NEW_TYPE"}`,
			"a page":           "<html>",
		} {
			synctest.Test(t, func(t *testing.T) {
				for provider, client := range clientsWith(t, fixedResponse{status, body, "29"}) {
					err := client.Check(t.Context())
					if provider == "dapi" {
						_, err = client.ExchangeToken(t.Context(), codeFor(t, client))
					}
					if err == nil {
						continue
					}
					errortext.Check(t, err)
					e, _ := errors.AsType[*bankmux.Error](err)
					assert.NotEmpty(t, e.Detail, "%s, %d with %s", provider, status, what)
				}
			})
		}
	}
	t.Run("a product that was not fetched yet", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := banktest.Open(t, "moneykit")
			reads := map[string]func(context.Context) error{
				"the transactions were": func(ctx context.Context) error {
					_, err := s.Client.Sync(ctx, bankmux.SyncRequest{Connection: s.Conn})
					return err
				},
				"the identity was": func(ctx context.Context) error {
					_, err := s.Client.Identity(ctx, bankmux.IdentityRequest{Connection: s.Conn})
					return err
				},
				"the account numbers were": func(ctx context.Context) error {
					_, err := s.Client.AccountNumbers(ctx, bankmux.AccountNumbersRequest{Connection: s.Conn})
					return err
				},
			}
			for subject, read := range reads {
				err := read(t.Context())
				if err == nil || errors.Is(err, bankmux.ErrConsent) {
					continue
				}
				errortext.Check(t, err)
				assert.ErrorContains(t, err, "not_ready: "+subject+" not fetched yet")
			}
		})
	})
}

// codeFor returns a well-formed exchange of a client of Dapi.
func codeFor(t *testing.T, client *bankmux.Client) bankmux.ExchangeRequest {
	t.Helper()
	session, err := client.CreateSession(t.Context(), bankmux.SessionRequest{User: "user-1", Country: "AE"})
	require.NoError(t, err)
	return bankmux.ExchangeRequest{
		Session: session,
		User:    "user-1",
		Payload: bankmux.NewSecret(`{"accessCode":"code","connectionID":"c1","userSecret":"s"}`),
	}
}
