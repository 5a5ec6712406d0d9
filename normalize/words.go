package normalize

import (
	"net/url"
	"regexp"
	"strings"
)

// What providers say in words may hold anything: what the user typed, a token, a name. Only what has
// the form of a name or a code is kept.

// fieldName is the name of a member of a request, such as connectionID, remark2 or
// beneficiary.lines[0].line1. Longer runs of digits are of ids and tokens.
const fieldName = `([A-Za-z][A-Za-z]{1,39}\d?(?:\[\d{1,3}\])?(?:[._][A-Za-z]{1,40}\d?(?:\[\d{1,3}\])?){0,5})`

// quoteMark is any of the marks that providers put around a name.
const quoteMark = "['\"`‘’“”]"

// The places in a sentence where the name of a field stands, and no value of one, the surest first.
var fieldPlaces = []*regexp.Regexp{
	regexp.MustCompile(`(?i)\b(?:field|parameter|param|argument|property|key:)\s*(?:name)?\s*:?\s*` + quoteMark + fieldName + quoteMark),
	regexp.MustCompile(`(?i)\bvalidation\s+(?:error\s+)?(?:for|on|of)\s+` + quoteMark + fieldName + quoteMark),
	regexp.MustCompile(`(?i)\b(?:missing|required)\s*:?\s+` + quoteMark + fieldName + quoteMark),
	regexp.MustCompile(`(?i)^\s*` + quoteMark + fieldName + quoteMark + `\s+(?:field|parameter|param|argument|property|missing|required|` +
		`(?:is|was)\s+(?:a\s+|an\s+)?(?:required|missing|mandatory|absent|empty)|(?:must|cannot|can't|should)\s+(?:not\s+)?be\s+(?:empty|blank|null|set|given|present))\b`),
}

// FieldIn returns the name of the request's field that a sentence of a provider is about, or "".
// Values that the sentence quotes are never taken for it.
func FieldIn(sentence string) string {
	const longest = 1 << 10
	if len(sentence) > longest {
		return ""
	}
	for _, place := range fieldPlaces {
		if found := place.FindStringSubmatch(sentence); found != nil {
			return found[1]
		}
	}
	return ""
}

// code is a reason in the form of a code: words in one case, joined by _ . or -.
var code = regexp.MustCompile(`^(?:[a-z]+\d{0,2}(?:[_.-][a-z]+\d{0,2})*|[A-Z]+\d{0,2}(?:[_.-][A-Z]+\d{0,2})*)$`)

// Reason returns a provider's reason where it has the form of a code, such as institution_migration,
// and "" where it is a sentence or anything else.
func Reason(text string) string {
	const longest = 60
	if len(text) > longest || !code.MatchString(text) {
		return ""
	}
	return text
}

// A host name, and a path or fragment of a documentation page: words, without what could be a token.
var (
	docsHost = regexp.MustCompile(`^(?:[a-z0-9-]{1,63}\.)+[a-z]{2,20}$`)
	docsPath = regexp.MustCompile(`^(?:/(?:[A-Za-z]+(?:[_.-][A-Za-z]+)*\d{0,2}(?:\.html)?)?)*$`)
)

// DocsURL returns the address of a page of documentation, or "": only https, without query, user and
// port, and with a path of words.
func DocsURL(text string) string {
	const longest = 300
	u, err := url.Parse(text)
	if err != nil || len(text) > longest || u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Port() != "" || u.Opaque != "" {
		return ""
	}
	host, path, fragment := strings.ToLower(u.Hostname()), u.EscapedPath(), u.EscapedFragment()
	if !docsHost.MatchString(host) || !docsPath.MatchString(path) || !docsPath.MatchString("/"+fragment) {
		return ""
	}
	if fragment != "" {
		fragment = "#" + fragment
	}
	return "https://" + host + path + fragment
}
