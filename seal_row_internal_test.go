package bankmux

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSealedRow specifies that the JSON of a sealed connection is that of encoding/json.
func TestSealedRow(t *testing.T) {
	t.Parallel()
	t.Run("each field is written and read", eachFieldIsWrittenAndRead)
	t.Run("each field may be missing", eachFieldMayBeMissing)
	t.Run("a text may have any escape", aTextMayHaveAnyEscape)
	t.Run("JSON in another form is left to encoding/json", jsonInAnotherFormIsLeftToEncodingJSON)
	t.Run("an odd text is written as by encoding/json", anOddTextIsWrittenAsByEncodingJSON)
	t.Run("a time that JSON cannot have is refused", aTimeThatJSONCannotHaveIsRefused)
	t.Run("a reference key is that of the reference", aReferenceKeyIsThatOfTheReference)
	t.Run("a connection does not share the memory of its row", aConnectionDoesNotShareTheMemoryOfItsRow)
}

// filled returns a connection whose every exported field is set, so that a new field without a
// place in the row fails the tests.
func filled(t *testing.T) Connection {
	t.Helper()
	var conn Connection
	n := 0
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		n++
		switch v.Kind() {
		case reflect.String:
			v.SetString("text-" + string(rune('a'+n%26)))
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			for i := range v.Len() {
				fill(v.Index(i))
			}
		case reflect.Struct:
			if v.Type() == reflect.TypeFor[time.Time]() {
				v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 1000*n, time.UTC)))
				return
			}
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					fill(v.Field(i))
				}
			}
		default:
			t.Fatalf("a %s needs a place in this test and in the row", v.Kind())
		}
	}
	fill(reflect.ValueOf(&conn).Elem())
	conn.reference, conn.credential = NewSecret("ref"), NewSecret("cred")
	return conn
}

func (conn Connection) inside() sealed {
	return sealed{
		Connection: sealedRow{Connection: conn, Reference: sealedText(conn.Reference())},
		Credential: sealedText(conn.credential.Reveal()),
	}
}

// asJSON returns what encoding/json writes, without escapes for HTML.
func asJSON(t *testing.T, conn Connection) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	require.NoError(t, enc.Encode(conn.inside()))
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func eachFieldIsWrittenAndRead(t *testing.T) {
	t.Parallel()
	conn := filled(t)
	row, ok := conn.appendSealed(nil)
	require.True(t, ok)
	assert.Equal(t, string(asJSON(t, conn)), string(row))
	assert.LessOrEqual(t, len(row), conn.sealedSize())
	var back Connection
	require.True(t, back.openSealed(row))
	assert.Equal(t, conn, back)
}

func eachFieldMayBeMissing(t *testing.T) {
	t.Parallel()
	typ := reflect.TypeFor[Connection]()
	check := func(t *testing.T, conn Connection) {
		t.Helper()
		row, ok := conn.appendSealed(nil)
		require.True(t, ok)
		assert.Equal(t, string(asJSON(t, conn)), string(row))
		var back Connection
		require.True(t, back.openSealed(row))
		assert.Equal(t, conn, back)
	}
	check(t, Connection{})
	empty := filled(t)
	empty.Products = []Product{}
	row, ok := empty.appendSealed(nil)
	require.True(t, ok)
	assert.Equal(t, string(asJSON(t, empty)), string(row))
	for i := range typ.NumField() {
		if !typ.Field(i).IsExported() {
			continue
		}
		without, only := filled(t), Connection{}
		reflect.ValueOf(&without).Elem().Field(i).SetZero()
		reflect.ValueOf(&only).Elem().Field(i).Set(reflect.ValueOf(filled(t)).Field(i))
		check(t, without)
		check(t, only)
		if inner := typ.Field(i).Type; inner.Kind() == reflect.Struct && inner != reflect.TypeFor[time.Time]() {
			for j := range inner.NumField() {
				without, only := filled(t), Connection{}
				reflect.ValueOf(&without).Elem().Field(i).Field(j).SetZero()
				reflect.ValueOf(&only).Elem().Field(i).Field(j).Set(reflect.ValueOf(filled(t)).Field(i).Field(j))
				check(t, without)
				check(t, only)
			}
		}
	}
}

// aTextMayHaveAnyEscape has the escapes of other writers of JSON.
func aTextMayHaveAnyEscape(t *testing.T) {
	t.Parallel()
	conn := filled(t)
	row, _ := conn.appendSealed(nil)
	for written, want := range map[string]string{
		`r\u0065f`: "ref", `r\nf`: "r\nf", `\/\b\f\r\t\"\\`: "/\b\f\r\t\"\\", `\ud83d\ude00`: "😀", `\ud83d`: "\ufffd",
		`é\u00e9`: "éé",
	} {
		changed := bytes.Replace(row, []byte(`"ref"`), []byte(`"`+written+`"`), 1)
		var back Connection
		require.True(t, back.openSealed(changed), written)
		assert.Equal(t, want, back.Reference(), written)
		slow, err := openJSON(changed)
		require.NoError(t, err)
		assert.Equal(t, slow, back, written)
	}
}

func jsonInAnotherFormIsLeftToEncodingJSON(t *testing.T) {
	t.Parallel()
	conn := filled(t)
	row, _ := conn.appendSealed(nil)
	for name, change := range map[string][2]string{
		"a blank":              {`,"reference"`, `, "reference"`},
		"another order":        {`{"connection":{"id":"` + conn.ID + `",`, `{"connection":{`},
		"a new member":         {`"user":`, `"of_2030":{"a":[1]},"user":`},
		"a new member before":  {`,"reference"`, `,"of_2030":1,"reference"`},
		"a new member at last": {`},"credential"`, `,"of_2030":1},"credential"`},
		"one behind":           {`"credential":"cred"}`, `"credential":"cred","of_2030":1}`},
		"a cut escape":         {`"cred"}`, `"cred\u001`},
		"an escape of no text": {`"cred"}`, `"cred\`},
		"a bad escape":         {`"ref"`, `"r\u001gf"`},
		"a quote at the end":   {`"cred"}`, `"c\"`},
		"null":                 {`"created_at":"`, `"created_at":null,"x":"`},
		"a comma too many":     {`"institution":{`, `"institution":{,`},
		"a comma too few":      {`,"user"`, `"user"`},
		"no products":          {`"products":[`, `"products":[],"x":[`},
		"a control character":  {`"ref"`, "\"r\tf\""},
		"bad UTF-8":            {`"ref"`, "\"r\xfff\""},
		"a cut credential":     {`"cred"}`, `"cred`},
		"more behind":          {`"cred"}`, `"cred"}}`},
		"another type":         {`"client":`, `"client":1,"x":`},
		"a time of no form":    {`"created_at":"2026`, `"created_at":"26`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := bytes.Replace(row, []byte(change[0]), []byte(change[1]), 1)
			require.NotEqual(t, string(row), string(changed))
			var back Connection
			assert.False(t, back.openSealed(changed))
		})
	}
	for cut := range row {
		var back Connection
		assert.False(t, back.openSealed(row[:cut]), "cut at %d", cut)
	}
}

func anOddTextIsWrittenAsByEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"\xff", "M&T <b>", "Crédit", "日本", `a"b`, `a\b`, "\x00\x1f", "\n\t", "\x7f", "\u2028", "\u2029", "\u2027",
		"\ufffd", "\xed\xa0\x80", `"`, `\"\`, `{"token":"a","key":"\\"}`,
	} {
		conn := filled(t)
		conn.Institution.Name, conn.Products[1] = text, Product(text)
		conn.reference, conn.credential = NewSecret("r"+text), NewSecret(text)
		row, ok := conn.appendSealed(nil)
		require.True(t, ok)
		assert.JSONEq(t, string(asJSON(t, conn)), string(row), "%q", text)
		assert.True(t, utf8.Valid(row), "%q", text)
		back, err := openJSON(row)
		require.NoError(t, err)
		assert.Equal(t, text, back.credential.Reveal())
		var fast Connection
		assert.Equal(t, utf8.ValidString(text), fast.openSealed(row), "%q", text)
		if utf8.ValidString(text) {
			back.ReferenceKey = fast.ReferenceKey
			assert.Equal(t, back, fast, "%q", text)
		}
	}
}

func aTimeThatJSONCannotHaveIsRefused(t *testing.T) {
	t.Parallel()
	conn := filled(t)
	conn.UpdatedAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	_, ok := conn.appendSealed(nil)
	assert.False(t, ok)
	conn.ID, conn.User = "id", "u"
	ring, err := NewKeyring(Key{ID: "a", Material: NewSecret(bytes.Repeat([]byte{1}, 32))})
	require.NoError(t, err)
	_, err = conn.Seal(ring)
	assert.ErrorIs(t, err, ErrInvalid)
}

func aReferenceKeyIsThatOfTheReference(t *testing.T) {
	t.Parallel()
	want := referenceKey("mk", Sandbox, NewSecret("ref"))
	for _, stored := range []string{"", want, "of another"} {
		conn := Connection{Provider: "mk", Environment: Sandbox, reference: NewSecret("ref"), ReferenceKey: stored}
		conn.setReferenceKey()
		assert.Equal(t, want, conn.ReferenceKey)
	}
	conn := Connection{Provider: "mk", ReferenceKey: want}
	conn.setReferenceKey()
	assert.Empty(t, conn.ReferenceKey)
}

func aConnectionDoesNotShareTheMemoryOfItsRow(t *testing.T) {
	t.Parallel()
	conn := filled(t)
	conn.credential = NewSecret("planted-secret")
	row, _ := conn.appendSealed(nil)
	var back Connection
	require.True(t, back.openSealed(row))
	clear(row)
	assert.Equal(t, conn, back)
}

// FuzzSealedRow compares the reading of a row with encoding/json, and of any texts with what was
// written.
func FuzzSealedRow(f *testing.F) {
	row, _ := fuzzedConnection("id", "mk", "Chase", "ref").appendSealed(nil)
	f.Add(row, "id", "M&T <bank>", "Crédit\u2028", "cred\xff")
	f.Add([]byte(`{"connection":{"id":"","reference":""},"credential":""}`), "\"", "\\", "\x00", "\x7f")
	f.Fuzz(func(t *testing.T, row []byte, id, name, code, secret string) {
		var fast Connection
		if fast.openSealed(row) {
			slow, err := openJSON(row)
			require.NoError(t, err)
			slow.ReferenceKey, fast.ReferenceKey = "", "" // the caller sets it
			assert.Equal(t, slow, fast)
		}
		conn := fuzzedConnection(id, name, code, secret)
		row, ok := conn.appendSealed(nil)
		require.True(t, ok)
		var written, want any
		require.NoError(t, json.Unmarshal(row, &written))
		require.NoError(t, json.Unmarshal(asJSON(t, *conn), &want))
		assert.Equal(t, want, written)
	})
}

func fuzzedConnection(id, name, code, secret string) *Connection {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	return &Connection{
		ID: id, Provider: "mk", Institution: Institution{Name: name},
		Status:   Status{State: StateActive, Code: code, At: at},
		Products: []Product{Product(name)}, reference: NewSecret(secret), credential: NewSecret(code + secret),
	}
}
