package bankmux_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// TestSession specifies requests for a session and what the browser posts.
func TestSession(t *testing.T) {
	t.Parallel()
	t.Run("a request is checked before anything is sent", aRequestIsCheckedBeforeAnythingIsSent)
	t.Run("a session is valid for as long as requested", aSessionIsValidForAsLongAsRequested)
	t.Run("a payload is read strictly", aPayloadIsReadStrictly)
	t.Run("an option is found by value and by pointer", anOptionIsFoundByValueAndByPointer)
	t.Run("a user whose id JSON would change is refused", aUserWhoseIdJSONWouldChangeIsRefused)
}

func aRequestIsCheckedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	f := &fake{provider: "mk"}
	c := bankmux.NewClient("mk", f)
	for _, tc := range []struct {
		name  string
		req   bankmux.SessionRequest
		field string // "" means valid
	}{
		{"no user", bankmux.SessionRequest{}, "SessionRequest.User"},
		{"UK", bankmux.SessionRequest{User: "u", Country: "UK"}, "SessionRequest.Country"},
		{"lower case", bankmux.SessionRequest{User: "u", Country: "ae"}, "SessionRequest.Country"},
		{"an empty id of a bank", bankmux.SessionRequest{
			User: "u", Institution: bankmux.InstitutionRef{"acme": "x", "other": ""},
		}, "SessionRequest.Institution"},
		{"three letters", bankmux.SessionRequest{User: "u", Country: "USA"}, "SessionRequest.Country"},
		{"a query", bankmux.SessionRequest{User: "u", RedirectURI: "https://a.example/x?y=1"}, "SessionRequest.RedirectURI"},
		{"an empty query", bankmux.SessionRequest{User: "u", RedirectURI: "https://a.example/x?"}, "SessionRequest.RedirectURI"},
		{"a fragment", bankmux.SessionRequest{User: "u", RedirectURI: "https://a.example/x#y"}, "SessionRequest.RedirectURI"},
		{"a relative URI", bankmux.SessionRequest{User: "u", RedirectURI: "/x"}, "SessionRequest.RedirectURI"},
		{"a webhook that is not a URL", bankmux.SessionRequest{User: "u", WebhookURL: "hooks"}, "SessionRequest.WebhookURL"},
		{"a negative access", bankmux.SessionRequest{User: "u", AccessDays: -1}, "SessionRequest.AccessDays"},
		{"a negative history", bankmux.SessionRequest{User: "u", HistoryDays: -1}, "SessionRequest.HistoryDays"},
		{"a language in words", bankmux.SessionRequest{User: "u", Language: "English"}, "SessionRequest.Language"},
		{"a language with an underscore", bankmux.SessionRequest{User: "u", Language: "en_GB"}, "SessionRequest.Language"},
		{"a language with an empty part", bankmux.SessionRequest{User: "u", Language: "en-"}, "SessionRequest.Language"},
		{"a negative lifetime", bankmux.SessionRequest{User: "u", Lifetime: -1}, "SessionRequest.Lifetime"},
		{"an empty product", bankmux.SessionRequest{User: "u", Products: []bankmux.ProductRequest{{}}}, "SessionRequest.Products"},
		{"a product twice", bankmux.SessionRequest{User: "u", Products: []bankmux.ProductRequest{{Product: "x"}, {Product: "x"}}}, "SessionRequest.Products"},
		{"languages", bankmux.SessionRequest{User: "u", Language: "zh-Hant-TW", AccessDays: 180, HistoryDays: 730}, ""},
		{"a custom scheme", bankmux.SessionRequest{User: "u", Country: "GB", RedirectURI: "my-app://back"}, ""},
	} {
		_, err := c.CreateSession(t.Context(), tc.req)
		if tc.field == "" {
			assert.NoError(t, err, tc.name)
			continue
		}
		require.ErrorIs(t, err, bankmux.ErrInvalid, tc.name)
		assert.ErrorContains(t, err, tc.field, tc.name)
	}
	assert.EqualValues(t, 2, f.calls.Load())
}

func aSessionIsValidForAsLongAsRequested(t *testing.T) {
	t.Parallel()
	s := bankmux.NewSession(bankmux.SessionRequest{User: "u"})
	assert.Equal(t, bankmux.DefaultSessionLifetime, s.ExpiresAt.Sub(s.CreatedAt))
	s = bankmux.NewSession(bankmux.SessionRequest{User: "u", Lifetime: time.Minute})
	assert.Equal(t, time.Minute, s.ExpiresAt.Sub(s.CreatedAt))
	assert.NotEqual(t, s.ID, s.ConnectionID)
}

func aPayloadIsReadStrictly(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, raw, says string }{
		{"nothing", ``, "is empty"},
		{"null", `null`, "not a JSON object"},
		{"an array", `[1]`, "not a JSON object"},
		{"a string", `"x"`, "not a JSON object"},
		{"a form", `code=1&state=2`, "Payload is not JSON"},
		{"not JSON", `{"a":`, "not valid JSON"},
		{"a stray token", `{"a":1}{}`, "not valid JSON"},
		{"a repeated key", `{"a":1,"a":2}`, `repeats the key "a"`},
		{"keys that differ in case", `{"accessCode":1,"AccessCode":2}`, "differ only in case"},
		{"a repeated key inside", `{"i":{"a":1,"a":2}}`, "repeats the key"},
		{"a repeated key in an array", `{"i":[{"a":1,"A":2}]}`, "differ only in case"},
		{"too deep", strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40), "nested too deeply"},
		{"too long", `{"a":"` + strings.Repeat("x", 300<<10) + `"}`, "longer than"},
	} {
		_, err := bankmux.ParsePayload(json.RawMessage(tc.raw))
		require.ErrorIs(t, err, bankmux.ErrInvalid, tc.name)
		assert.ErrorContains(t, err, tc.says, tc.name)
	}
	p, err := bankmux.ParsePayload(
		json.RawMessage(` {"s":"x","n":1,"e":"","z":null,"AccessCode":"y","o":{"in":"side"}} `),
	)
	require.NoError(t, err)
	text, err := p.Text("s")
	require.NoError(t, err)
	assert.Equal(t, "x", text)
	inner, err := p.Object("o")
	require.NoError(t, err)
	text, _ = inner.Text("in")
	assert.Equal(t, "side", text)
	for key, says := range map[string]string{
		"n": "is not a string", "e": "is empty", "z": "is missing", "missing": "is missing",
		"accessCode": `is missing, and there is "AccessCode"`,
	} {
		_, err := p.Text(key)
		require.ErrorContains(t, err, says, key)
		assert.Equal(t, "Payload."+key, bankmux.ErrorOf(err).Field)
	}
	_, err = p.Object("s")
	assert.ErrorContains(t, err, "is not an object")
	assert.False(t, p.Has("z"))
}

func FuzzPayload(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1,"A":2}`, `{"error":null}`, `{"a":[{"b":{}}]}`, `[`, "\x00", `{"a":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := bankmux.ParsePayload(raw)
		if err != nil {
			assert.ErrorIs(t, err, bankmux.ErrInvalid)
			return
		}
		assert.True(t, json.Valid(raw))
		_, _ = p.Text("a")
		_, _ = p.Object("a")
	})
}

type greeting struct{ Text string }

func (greeting) ForProvider() string { return "p" }

func anOptionIsFoundByValueAndByPointer(t *testing.T) {
	t.Parallel()
	for _, o := range []bankmux.SessionOption{greeting{"hello"}, &greeting{"hello"}} {
		got, ok := bankmux.OptionOf[greeting](bankmux.SessionRequest{Options: []bankmux.SessionOption{o}})
		assert.True(t, ok)
		assert.Equal(t, "hello", got.Text)
	}
	_, ok := bankmux.OptionOf[greeting](bankmux.SessionRequest{Options: []bankmux.SessionOption{(*greeting)(nil)}})
	assert.False(t, ok)
}

func aUserWhoseIdJSONWouldChangeIsRefused(t *testing.T) {
	t.Parallel()
	client := bankmux.NewClient("p", &fake{provider: "p"})
	for _, user := range []string{"jos\xe9", "a\x00b", "line\nbreak"} {
		_, err := client.CreateSession(t.Context(), bankmux.SessionRequest{User: user})
		require.ErrorIs(t, err, bankmux.ErrInvalid, user)
	}
	_, err := client.CreateSession(t.Context(), bankmux.SessionRequest{User: "José 😀"})
	require.NoError(t, err)
	_, conn := linked(t, client, "u")
	conn.User = "jos\xe9"
	_, err = conn.Seal(ring(t, key("a", 1)))
	require.ErrorIs(t, err, bankmux.ErrInvalid, "what could not be opened is not sealed")
	raw, err := json.Marshal(
		bankmux.ExchangeRequest{User: "u", Payload: bankmux.NewSecret(`{"accessCode":"` + planted + `"}`)},
	)
	require.NoError(t, err)
	assert.NotContains(t, string(raw), planted)
}
