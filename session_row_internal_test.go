package bankmux

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSessionRow specifies that the JSON of a sealed session is that of encoding/json.
func TestSessionRow(t *testing.T) {
	t.Parallel()
	t.Run("each field is written and read", eachFieldOfASessionIsWrittenAndRead)
	t.Run("each field may be missing", eachFieldOfASessionMayBeMissing)
	t.Run("JSON in another form is left to encoding/json", sessionJSONInAnotherFormIsLeft)
	t.Run("an odd text is written as by encoding/json", anOddTextOfASessionIsWritten)
	t.Run("a time that JSON cannot have is refused", aTimeOfASessionThatJSONCannotHave)
	t.Run("a session that opens has the reference key of the reference", aSessionThatOpensHasTheReferenceKey)
	t.Run("a session does not share the memory of its row", aSessionDoesNotShareTheMemoryOfItsRow)
	t.Run("a session may have long lists", aSessionMayHaveLongLists)
}

// filledSession returns a session with every field.
func filledSession(t *testing.T) Session {
	t.Helper()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	conn := filled(t)
	s := Session{
		ID: "id", ConnectionID: conn.ID, User: conn.User, Client: "mk", Provider: "moneykit", Environment: Sandbox,
		Country:  "US",
		Products: []Product{ProductAccounts, "of_2027"}, RedirectURI: "https://app.example.com/return",
		Launch: Launch{
			Provider: "moneykit", Mode: ModeRelink, Environment: Production, Token: NewLaunchToken("launch-1"),
			URL:    NewLaunchToken("https://x/?a=b"),
			AppKey: "app", Countries: []string{"US", "FR"}, Institution: "chase", ScriptURL: "https://s",
			Package:    "@m/c@1",
			Parameters: map[string]string{"a": "b"},
		},
		State: NewSecret("verifier"), Reconnect: &conn, CreatedAt: at, ExpiresAt: at.Add(time.Hour),
	}
	for _, v := range []reflect.Value{reflect.ValueOf(s), reflect.ValueOf(s.Launch)} {
		for i := range v.NumField() {
			require.False(t, v.Field(i).IsZero(), "%s needs a place in this test and in the row",
				v.Type().Field(i).Name)
		}
	}
	return s
}

// sessionAsJSON returns what encoding/json writes, without escapes for HTML.
func sessionAsJSON(t *testing.T, s Session) []byte {
	t.Helper()
	run := sealedRun{Session: s, Launch: s.Launch, State: sealedText(s.State.Reveal())}
	if s.Reconnect != nil {
		inside := s.Reconnect.inside()
		run.Session.Reconnect, run.Reconnect = nil, &inside
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	require.NoError(t, enc.Encode(run))
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// sameSession checks that both ways write and read a session alike.
func sameSession(t *testing.T, s Session) {
	t.Helper()
	row, ok := s.appendSealed(nil)
	require.True(t, ok)
	assert.Equal(t, string(sessionAsJSON(t, s)), string(row))
	assert.LessOrEqual(t, len(row), s.sealedSize())
	var back Session
	require.True(t, back.openSealed(row))
	assert.Equal(t, s, back)
	slow, err := openSessionJSON(row)
	require.NoError(t, err)
	assert.Equal(t, s, slow)
}

func eachFieldOfASessionIsWrittenAndRead(t *testing.T) {
	t.Parallel()
	sameSession(t, filledSession(t))
}

func eachFieldOfASessionMayBeMissing(t *testing.T) {
	t.Parallel()
	sameSession(t, Session{})
	for i := range reflect.TypeFor[Session]().NumField() {
		without, only := filledSession(t), Session{}
		reflect.ValueOf(&without).Elem().Field(i).SetZero()
		reflect.ValueOf(&only).Elem().Field(i).Set(reflect.ValueOf(filledSession(t)).Field(i))
		sameSession(t, without)
		sameSession(t, only)
	}
	for i := range reflect.TypeFor[Launch]().NumField() {
		without, only := filledSession(t), Session{}
		reflect.ValueOf(&without.Launch).Elem().Field(i).SetZero()
		reflect.ValueOf(&only.Launch).Elem().Field(i).Set(reflect.ValueOf(filledSession(t).Launch).Field(i))
		sameSession(t, without)
		sameSession(t, only)
	}
}

func sessionJSONInAnotherFormIsLeft(t *testing.T) {
	t.Parallel()
	s := filledSession(t)
	row, _ := s.appendSealed(nil)
	for name, change := range map[string][2]string{
		"a blank":               {`,"launch"`, `, "launch"`},
		"another order":         {`{"session":{"id":"id",`, `{"session":{`},
		"a new member":          {`"user":`, `"of_2030":{"a":[1]},"user":`},
		"a new member at last":  {`"state":"verifier"`, `"state":"verifier","of_2030":1`},
		"null":                  {`"reconnect":{`, `"reconnect":null,"x":{`},
		"no countries":          {`"countries":[`, `"countries":[],"x":[`},
		"no parameters":         {`"parameters":{"a":"b"}`, `"parameters":null`},
		"a repeated parameter":  {`{"a":"b"}`, `{"a":"b","a":"c"}`},
		"a comma too many":      {`{"a":"b"}`, `{,"a":"b"}`},
		"a comma at the end":    {`{"a":"b"}`, `{"a":"b",}`},
		"a parameter of digits": {`{"a":"b"}`, `{"a":1}`},
		"bad UTF-8":             {`"verifier"`, "\"v\xffrifier\""},
		"more behind":           {`"verifier"}`, `"verifier"}}`},
		"a time of no form":     {`"expires_at":"2026`, `"expires_at":"26`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := bytes.Replace(row, []byte(change[0]), []byte(change[1]), 1)
			require.NotEqual(t, string(row), string(changed))
			var back Session
			assert.False(t, back.openSealed(changed))
		})
	}
	for cut := range row {
		var back Session
		assert.False(t, back.openSealed(row[:cut]), "cut at %d", cut)
	}
}

func anOddTextOfASessionIsWritten(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"\xff", "M&T <b>", "日本", `a"b`, `a\b`, "\x00\x1f", "\u2028", "\ufffd"} {
		s := filledSession(t)
		s.Country, s.Products[0], s.Launch.Token, s.State = text, Product(text), NewLaunchToken(text), NewSecret(text)
		s.Launch.Parameters = map[string]string{text: text, "b": text, "c": "d"}
		row, ok := s.appendSealed(nil)
		require.True(t, ok)
		assert.JSONEq(t, string(sessionAsJSON(t, s)), string(row), "%q", text)
		assert.True(t, utf8.Valid(row), "%q", text)
		back, err := openSessionJSON(row)
		require.NoError(t, err)
		assert.Equal(t, text, back.State.Reveal())
		var fast Session
		if fast.openSealed(row) {
			back.Reconnect.ReferenceKey = fast.Reconnect.ReferenceKey
			assert.Equal(t, back, fast, "%q", text)
		}
	}
}

func aTimeOfASessionThatJSONCannotHave(t *testing.T) {
	t.Parallel()
	s := Session{ID: "id", User: "u", ExpiresAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}
	ring, err := NewKeyring(Key{ID: "a", Material: NewSecret(bytes.Repeat([]byte{1}, 32))})
	require.NoError(t, err)
	_, err = s.Seal(ring)
	assert.ErrorIs(t, err, ErrInvalid)
}

func aSessionThatOpensHasTheReferenceKey(t *testing.T) {
	t.Parallel()
	ring, err := NewKeyring(Key{ID: "a", Material: NewSecret(bytes.Repeat([]byte{1}, 32))})
	require.NoError(t, err)
	s := filledSession(t)
	s.Reconnect.ReferenceKey = "of another"
	blob, err := s.Seal(ring)
	require.NoError(t, err)
	back, err := OpenSession(ring, s.Ref(), blob)
	require.NoError(t, err)
	conn := s.Reconnect
	assert.Equal(t, referenceKey(conn.Provider, conn.Environment, conn.reference), back.Reconnect.ReferenceKey)
}

func aSessionDoesNotShareTheMemoryOfItsRow(t *testing.T) {
	t.Parallel()
	s := filledSession(t)
	row, _ := s.appendSealed(nil)
	var back Session
	require.True(t, back.openSealed(row))
	clear(row)
	assert.Equal(t, s, back)
	more := append(back.Products, "more") //nolint:gocritic // it must not write into another list
	assert.Equal(t, s.Launch.Countries, back.Launch.Countries)
	assert.Equal(t, s.Reconnect.Products, back.Reconnect.Products)
	assert.NotEmpty(t, back.Reconnect.Products)
	assert.Len(t, more, 3)
}

func aSessionMayHaveLongLists(t *testing.T) {
	t.Parallel()
	s := filledSession(t)
	s.Products = slices.Repeat([]Product{"a", "b"}, 5)
	s.Launch.Countries = slices.Repeat([]string{"US"}, 9)
	row, _ := s.appendSealed(nil)
	var back Session
	require.True(t, back.openSealed(row))
	assert.Equal(t, s, back)
}

// FuzzSessionRow compares the reading of a row with encoding/json.
func FuzzSessionRow(f *testing.F) {
	s := Session{
		ID: "id", User: "u", Products: []Product{"a"}, Reconnect: fuzzedConnection("id", "mk", "Chase", "ref"),
		State: NewSecret("s"),
	}
	s.Launch.Token, s.Launch.Parameters = NewLaunchToken("t"), map[string]string{"a": "b"}
	row, _ := s.appendSealed(nil)
	f.Add(row)
	f.Fuzz(func(t *testing.T, row []byte) {
		var fast Session
		if !fast.openSealed(row) {
			return
		}
		slow, err := openSessionJSON(row)
		require.NoError(t, err)
		if fast.Reconnect != nil {
			slow.Reconnect.ReferenceKey, fast.Reconnect.ReferenceKey = "", "" // the caller sets it
		}
		assert.Equal(t, slow, fast)
	})
}
