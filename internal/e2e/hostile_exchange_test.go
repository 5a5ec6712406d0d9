package e2e_test

// This file specifies that a success that cannot be used is neither a refusal nor a connection.

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// exchanged has the response to an exchange, with TOKEN for what opens the connection.
var exchanged = map[string]string{
	dapi.Name: `{"status":"done","success":true,"accessToken":TOKEN}`,
	moneykit.Name: `{"link_id":TOKEN,"link":{"link_id":TOKEN,"state":"connected",` +
		`"link_tags":["bankmux-session:SESSION"]}}`,
	plaid.Name: `{"access_token":TOKEN,"item_id":"i"}`,
}

// exchangeWith exchanges a token, and gets one response.
func exchangeWith(t *testing.T, provider string, status int, body string) (bankmux.ExchangeResult, error) {
	t.Helper()
	bank := virtualbank.New(virtualbank.Options{Seed: 1, HistoryDays: 5})
	wire := &tampered{bank: servedBy(bank, provider), spared: "/link/token/get", heard: map[string][]byte{}}
	client, err := wire.openWith(provider, bank.Credentials(), guard.New(guard.Options{}))
	require.NoError(t, err)
	session, err := client.CreateSession(t.Context(), bankmux.SessionRequest{
		User: "user-1", Country: "US", RedirectURI: "https://app.example.com/oauth",
	})
	require.NoError(t, err)
	payload, err := posts(bank, session.Launch)
	require.NoError(t, err)
	wire.say(status, []byte(strings.ReplaceAll(body, "SESSION", session.ID)))
	return client.ExchangeToken(t.Context(), bankmux.ExchangeRequest{
		Session: session, User: "user-1", Payload: bankmux.NewSecret(payload),
	})
}

// TestHostileExchange specifies what a response costs that says success and cannot be used.
func TestHostileExchange(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for provider, form := range exchanged {
		for name, token := range map[string]string{
			"a NUL":                      `"a\u0000b"`,
			"half of a surrogate pair":   `"a\ud800b"`,
			"a line break":               `"a\nb"`,
			"a space":                    `"a b"`,
			"letters that are not ASCII": `"тест"`,
			"thousands of digits":        strings.Repeat("7", 5000),
			"a number":                   `1e5`,
			"an object":                  `{"a":1}`,
			"a list as deep as allowed":  deep(9_990),
			"a list that is too deep":    deep(10_010),
			"a list without an end":      strings.Repeat("[", 100_000),
			"nothing":                    `""`,
			"null":                       `null`,
			"a megabyte":                 `"` + strings.Repeat("a", 1<<20) + `"`,
		} {
			t.Run(provider+", "+name, func(t *testing.T) {
				t.Parallel()
				got, err := exchangeWith(t, provider, 200, strings.ReplaceAll(form, "TOKEN", token))
				assert.Equal(t, bankmux.ErrOutcomeUnknown, bankmux.KindOf(err), "%.300v", err)
				assert.Empty(t, got.Connection.ID)
				assert.Empty(t, got.More)
			})
		}
	}
}

// TestExchangeWithAnError specifies what an exchange is if status and body disagree. At Dapi the
// body decides, elsewhere the status.
func TestExchangeWithAnError(t *testing.T) {
	t.Parallel()
	const link = `{"link_id":"l","link":{"link_id":"l","state":"connected"`
	tagged := link + `,"link_tags":["bankmux-session:SESSION"]}}`
	const (
		spent   = bankmux.ErrTokenSpent
		unknown = bankmux.ErrOutcomeUnknown
	)
	for name, c := range map[string]struct {
		provider string
		status   int
		body     string
		want     bankmux.Kind
	}{
		"moneykit, an error under 200": {
			moneykit.Name, 200, `{"error_code":"link_session_error.invalid_token_exchange"}`, unknown,
		},
		"moneykit, a link under 307":            {moneykit.Name, 307, tagged, unknown},
		"moneykit, a link under 500":            {moneykit.Name, 500, tagged, unknown},
		"moneykit, a link without tags":         {moneykit.Name, 201, link + `}}`, unknown},
		"moneykit, a link whose tags are null":  {moneykit.Name, 201, link + `,"link_tags":null}}`, unknown},
		"moneykit, a link whose tags are text":  {moneykit.Name, 201, link + `,"link_tags":"bankmux-session:SESSION"}}`, unknown},
		"moneykit, a link with tags of another": {moneykit.Name, 201, link + `,"link_tags":[]}}`, bankmux.ErrInvalid},
		"moneykit, a link with its tag":         {moneykit.Name, 201, tagged, ""},
		"plaid, an error under 200": {
			plaid.Name, 200, `{"error_type":"INVALID_INPUT","error_code":"INVALID_PUBLIC_TOKEN"}`, unknown,
		},
		"plaid, a token under 302": {plaid.Name, 302, `{"access_token":"t","item_id":"i"}`, unknown},
		"plaid, a token under 502": {plaid.Name, 502, `{"access_token":"t","item_id":"i"}`, unknown},
		"plaid, no item":           {plaid.Name, 200, `{"access_token":"t"}`, unknown},
		"dapi, an error under 200": {dapi.Name, 200, `{"status":"failed","type":"INVALID_TOKEN"}`, spent},
		"dapi, success and an error": {
			dapi.Name, 200, `{"status":"failed","type":"INVALID_TOKEN","accessToken":"t","success":true}`, spent,
		},
		"dapi, no token":                   {dapi.Name, 200, `{"status":"done","success":true}`, unknown},
		"dapi, a status that is not known": {dapi.Name, 200, `{"status":"complete","accessToken":"t"}`, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := exchangeWith(t, c.provider, c.status, c.body)
			assert.Equal(t, c.want, bankmux.KindOf(err), "%v", err)
			assert.Equal(t, c.want == "", got.Connection.ID != "")
		})
	}
}
