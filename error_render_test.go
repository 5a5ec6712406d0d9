package bankmux_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
	dapimodel "github.com/bankmux/bankmux/normalize/dapi"
	moneykitmodel "github.com/bankmux/bankmux/normalize/moneykit"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
)

var (
	// line is "client: Op: kind: a sentence (facts); remedy", the first two where they are known.
	line = regexp.MustCompile(
		`^(?:[\w-]+: ){0,2}([a-z_]+): ("?[\w.\[\]]+"? [^;]*?[\w"'}]|[A-Z]\w+ .*?)(?: \((?:HTTP|[\w."]|,).*\))?; [a-z]`,
	)
	fraction = regexp.MustCompile(`\d\.\d+(?:ms|s|m|h)\b|\b0m0?s?\b|[1-9]h0m0s|\dm0s`)
	plural   = regexp.MustCompile(
		`\b1 (?:days|bytes|clients|accounts|rows|characters)\b|\b(?:transactions|accounts|account numbers|investments) was\b|\bidentity were\b|no route serves no\b`,
	)
)

// sentence checks the form of an error's text.
func sentence(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	found := line.FindStringSubmatch(text)
	if !assert.NotNil(t, found, "not kind, subject, verb: %s", text) {
		return
	}
	assert.Contains(t, bankmux.Kinds(), bankmux.Kind(found[1]), text)
	assert.NotRegexp(t, `[a-z_]: (?:is|are|has|have|was|were|lacks?|names|does|cannot|of) `, text, "no subject")
	assert.NotRegexp(t, fraction, text)
	assert.NotRegexp(t, plural, text)
	assert.NotContains(t, text, "\n")
	assert.NotContains(t, text, ": :")
	if e, ok := errors.AsType[*bankmux.Error](err); ok && e.Client != "" {
		assert.NotEmpty(t, e.Detail, text)
	}
}

// answering answers every request alike.
type answering struct {
	status       int
	body, header string
}

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
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

// answered returns what each of the adapters makes of one answer to everything.
func answered(t *testing.T, a answering) map[string]*bankmux.Client {
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
	return map[string]*bankmux.Client{"moneykit": mk, "dapi": dp}
}

func TestErrorsReadAsAPersonWouldWriteThem(t *testing.T) {
	t.Parallel()
	t.Run("requests that are refused here", func(t *testing.T) {
		t.Parallel()
		c, _ := clientOf("mk", "p", nil)
		r := registry(t, []*bankmux.Client{c}, []bankmux.Route{{Client: "mk", Countries: []string{"US"}}})
		session := func(change func(*bankmux.SessionRequest)) error {
			req := bankmux.SessionRequest{User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth"}
			change(&req)
			_, err := r.CreateSession(t.Context(), req)
			return err
		}
		_, day := bankmux.ParseDate("yesterday")
		_, client := r.Client("other")
		_, table := bankmux.NewRegistry([]*bankmux.Client{c}, []bankmux.Route{{Client: "mk", Weight: -1}})
		_, exchange := r.ExchangeToken(t.Context(), bankmux.ExchangeRequest{})
		_, sync := c.Sync(t.Context(), bankmux.SyncRequest{})
		_, key := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret("a")})
		for want, err := range map[string]error{
			"invalid_request: Date is not a day written as 2006-01-02; fix the call":                                                               day,
			`not_found: client "other" is not registered; check the identifier`:                                                                    client,
			`invalid_request: Route.Weight is negative in the route to "mk"; fix the call`:                                                         table,
			"invalid_request: ExchangeRequest.Session is empty: use the one CreateSession returned; fix the call":                                  exchange,
			"mk: Sync: unsupported: p has no Sync; choose another provider for this":                                                               nil,
			`invalid_request: Key.Material of key "k" does not have 32 bytes; fix the call`:                                                        key,
			"invalid_request: SessionRequest.User is empty; fix the call":                                                                          session(func(r *bankmux.SessionRequest) { r.User = "" }),
			"invalid_request: SessionRequest.Country is UK; the ISO 3166-1 code is GB; fix the call":                                               session(func(r *bankmux.SessionRequest) { r.Country = "UK" }),
			"CreateSession: unsupported: no route serves a request without a country; choose another provider for this":                            session(func(r *bankmux.SessionRequest) { r.Country = "" }),
			`CreateSession: unsupported: no route serves a request for country "AE"; choose another provider for this`:                             session(func(r *bankmux.SessionRequest) { r.Country = "AE" }),
			`CreateSession: unsupported: no route serves a request for country "US" with the capability refresh; choose another provider for this`: session(func(r *bankmux.SessionRequest) { r.Capabilities = []bankmux.Capability{"refresh"} }),
			`CreateSession: unsupported: no route serves a request for country "US" that names an institution with the capabilities refresh, cards; choose another`: session(func(r *bankmux.SessionRequest) {
				r.Capabilities, r.Institution = []bankmux.Capability{"refresh", "cards"}, bankmux.InstitutionRef{"q": "x"}
			}),
		} {
			if err == nil {
				err = sync
				want = "invalid_request: Connection has no credential: use what ExchangeToken or Open returned; fix the call"
			}
			sentence(t, err)
			assert.Contains(t, err.Error(), want)
		}
	})
	t.Run("every kind, without a detail, at one place or another", func(t *testing.T) {
		t.Parallel()
		for _, kind := range append(bankmux.Kinds(), "of_a_later_version") {
			for _, wait := range []time.Duration{0, 1, 29881078280, time.Second, time.Minute, 90 * time.Minute, 1500 * time.Millisecond} {
				for _, field := range []string{"", "connectionID", "SessionRequest.User"} {
					e := &bankmux.Error{Kind: kind, RetryAfter: wait, Field: field, Status: 503}
					if kind != "of_a_later_version" {
						sentence(t, e)
					}
					assert.Regexp(t, `^[a-z_]+: [a-z]+ .+ \(.*HTTP 503`, e.Error())
				}
			}
		}
		assert.Equal(
			t,
			"rate_limited: too many requests were made (retry after 30s); wait and repeat",
			(&bankmux.Error{Kind: bankmux.ErrRateLimited, RetryAfter: 29881078280}).Error(),
		)
	})
	t.Run("every row of the providers' tables", func(t *testing.T) {
		t.Parallel()
		for _, table := range []*normalize.Catalogue{moneykitmodel.Catalogue(), moneykitmodel.LinkErrors(), moneykitmodel.ProductErrors(), dapimodel.Catalogue()} {
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
					sentence(t, e)
				}
			}
		}
	})
	for _, status := range []int{200, 301, 400, 401, 403, 404, 408, 410, 418, 422, 429, 500, 502, 503, 504} {
		for what, body := range map[string]string{"nothing": "", "null": "null", "an object": "{}", "an unlisted code": `{"error_code":"new.code","status":"failed","success":false,"type":"NEW_TYPE"}`, "a page": "<html>"} {
			synctest.Test(t, func(t *testing.T) {
				for provider, client := range answered(t, answering{status, body, "29"}) {
					err := client.Check(t.Context())
					if provider == "dapi" {
						_, err = client.ExchangeToken(t.Context(), codeFor(t, client))
					}
					if err == nil {
						continue
					}
					sentence(t, err)
					e, _ := errors.AsType[*bankmux.Error](err)
					assert.NotEmpty(t, e.Detail, "%s, %d with %s", provider, status, what)
				}
			})
		}
	}
	t.Run("a product that was not fetched yet", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := openSync(t, "moneykit")
			reads := map[string]func(context.Context) error{
				"the transactions were": func(ctx context.Context) error {
					_, err := s.client.Sync(ctx, bankmux.SyncRequest{Connection: s.conn})
					return err
				},
				"the identity was": func(ctx context.Context) error {
					_, err := s.client.Identity(ctx, bankmux.IdentityRequest{Connection: s.conn})
					return err
				},
				"the account numbers were": func(ctx context.Context) error {
					_, err := s.client.AccountNumbers(ctx, bankmux.AccountNumbersRequest{Connection: s.conn})
					return err
				},
			}
			for subject, read := range reads {
				err := read(t.Context())
				if err == nil || errors.Is(err, bankmux.ErrConsent) {
					continue
				}
				sentence(t, err)
				assert.ErrorContains(t, err, "not_ready: "+subject+" not fetched yet")
			}
		})
	})
}

// codeFor is a well-formed exchange at a client of Dapi.
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
