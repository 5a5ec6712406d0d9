package normalize

// This file finds the names of fields and codes in a provider's sentences.

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Sentences of providers may contain anything: what the user typed, a token, a name. The functions
// of this file keep only what has the form of a field name, a code or an address of documentation.

// fieldName is the name of a member of a request, such as connectionID, remark2 or
// beneficiary.lines[0].line1. Longer runs of digits belong to ids and tokens.
const fieldName = `([A-Za-z][A-Za-z]{1,39}\d?(?:\[\d{1,3}\])?(?:[._][A-Za-z]{1,40}\d?(?:\[\d{1,3}\])?){0,5})`

// quoteMark is any of the quotation marks that providers put around a name.
const quoteMark = "['\"`‘’“”]"

// fieldPlaces are the places in a sentence that have the name of a field and never a value of one.
// The most certain places come first.
var fieldPlaces = []*regexp.Regexp{
	regexp.MustCompile(
		`(?i)\b(?:field|parameter|param|argument|property|key:)\s*(?:name)?\s*:?\s*` +
			quoteMark + fieldName + quoteMark,
	),
	regexp.MustCompile(`(?i)\bvalidation\s+(?:error\s+)?(?:for|on|of)\s+` + quoteMark + fieldName + quoteMark),
	regexp.MustCompile(`(?i)\b(?:missing|required)\s*:?\s+` + quoteMark + fieldName + quoteMark),
	regexp.MustCompile(`(?i)^\s*(?:the\s+)?` + quoteMark + fieldName + quoteMark + saidOfField),
}

// saidOfField is how a sentence continues that starts with the name of a field.
const saidOfField = `(?:\s*:)?\s+(?:field|parameter|param|argument|property|missing|required|` +
	`(?:is|was)\s+(?:a\s+|an\s+)?(?:required|missing|mandatory|absent|empty)|` +
	`(?:must|cannot|can't|should)\s+(?:not\s+)?be\s+(?:empty|blank|null|set|given|present))\b`

// Fields finds the name of a request's field in a sentence of a provider. It is immutable and safe
// for concurrent use.
type Fields struct{ places []*regexp.Regexp }

// NewFields returns a finder that knows the members of a provider's request bodies, which consist
// of letters and digits. Without quotation marks it accepts only these names, so that no word of a
// user becomes a field. Without members, it finds quoted names only.
func NewFields(members ...string) *Fields {
	if len(members) == 0 {
		return &Fields{fieldPlaces}
	}
	known := make([]string, len(members))
	for i, name := range members {
		known[i] = regexp.QuoteMeta(name)
	}
	one := `(?:` + strings.Join(known, "|") + `)(?:\[\d{1,3}\])?`
	name := `(` + one + `(?:\.` + one + `){0,5})`
	return &Fields{
		append(
			slices.Clone(fieldPlaces),
			regexp.MustCompile(
				`(?i)\b(?:field|parameter|param|argument|property)(?:\s+name)?(?:\s*:\s*|\s+)`+name+afterName,
			),
			regexp.MustCompile(`(?i)\bvalidation\s+(?:error\s+)?(?:for|on|of)\s+`+name+afterName),
			regexp.MustCompile(`(?i)\b(?:missing|required|invalid)(?:\s*:\s*|\s+)`+name+afterName),
			regexp.MustCompile(`(?i)^\s*(?:the\s+)?`+name+saidOfMember),
		),
	}
}

// What follows a known name without quotation marks. It distinguishes the name from "field type
// for" and from the first letters of a longer word.
const (
	afterName = `(?:\s*$|\s*[,;:!]|\.(?:\s|$)|\s+(?:is|was|must|can|cannot|can't|should|has|failed|fails|` +
		`not|required|missing|invalid|in)\b)`
	saidOfMember = `(?:` + saidOfField +
		`|\s+(?:(?:is|was)\s+)?(?:invalid|malformed|not\s+(?:valid|set|given|present))\b` +
		`|\s+(?:must|cannot|should)\s+(?:not\s+)?be\b|\s+failed\s+validation\b)`
)

// In returns the name of the field that a sentence is about, or "". A value that the sentence
// quotes is never returned.
func (f *Fields) In(sentence string) string {
	const maxLength = 1 << 10
	if len(sentence) > maxLength {
		return ""
	}
	for _, place := range f.places {
		if found := place.FindStringSubmatch(sentence); found != nil {
			return found[1]
		}
	}
	return ""
}

// code is a reason in the form of a code: words in one case, joined by _ . or -.
var code = regexp.MustCompile(`^(?:[a-z]+\d{0,2}(?:[_.-][a-z]+\d{0,2})*|[A-Z]+\d{0,2}(?:[_.-][A-Z]+\d{0,2})*)$`)

// Reason returns a provider's reason if it has the form of a code, such as institution_migration.
// For a sentence or anything else it returns "".
func Reason(text string) string {
	const maxLength = 60
	if len(text) > maxLength || !code.MatchString(text) {
		return ""
	}
	return text
}

// The parts of a documentation address that contain no token and nothing of a user.
var (
	docsHost = regexp.MustCompile(`^(?:docs|developers?)\.(?:[a-z0-9-]{1,63}\.)+[a-z]{2,20}$`)
	hostName = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)
	docsPath = regexp.MustCompile(`^(?:/(?:(?:` + docsWords + `|\d{3}|` + docsDate + `)(?:\.html)?)?)*$`)
)

// docsWords are words joined by _ . or -, such as link_error.bad_state, and v2. docsDate is the
// date of a version, such as 2023-02-18.
const (
	docsWords = `[A-Za-z]{1,30}(?:[_.-][A-Za-z]{1,30}){0,9}\d{0,2}`
	docsDate  = `20\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])`
)

// DocsURL returns the address of a documentation page, or "". It must be https, of at most 300
// characters, without query, user and port. Its host must start with docs., developer. or
// developers., or be one of the provider's domains, such as moneykit.com. A name directly under
// such a domain is accepted too.
//
// Each segment of the path and of the fragment has one of three forms, and may end in .html:
//
//   - up to ten words joined by _ . or -, each of at most 30 letters, with up to two digits at
//     the end
//   - a number of three digits
//   - a date from 2000 to 2099, as YYYY-MM-DD
func DocsURL(text string, domains ...string) string {
	const maxLength = 300
	u, err := url.Parse(text)
	if err != nil || len(text) > maxLength || u.Scheme != "https" || u.User != nil || u.Port() != "" ||
		u.RawQuery != "" || u.ForceQuery || u.Opaque != "" {
		return ""
	}
	host, path, fragment := strings.ToLower(u.Hostname()), u.EscapedPath(), u.EscapedFragment()
	known := docsHost.MatchString(host) || slices.ContainsFunc(domains, func(domain string) bool {
		name, under := strings.CutSuffix(host, "."+domain)
		return host == domain || (under && hostName.MatchString(name))
	})
	if !known || !docsPath.MatchString(path) || !docsPath.MatchString("/"+fragment) {
		return ""
	}
	if fragment != "" {
		fragment = "#" + fragment
	}
	return "https://" + host + path + fragment
}
