package riversync

// This file serves the counts to operators and to programs.

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

// page is the page of [Fleet.Handler].
var page = template.Must(template.New("page").Parse(pageText))

// pageRow is a line of the page.
type pageRow struct {
	Name, About string
	N           int
}

// states are the states of a connection: their names in JSON, what they mean, and their counts.
var states = []struct {
	name, about string
	n           func(*Status) int
}{
	{"waiting", "due at a later time", func(s *Status) int { return s.Waiting }},
	{"late", "due, and no worker has started", func(s *Status) int { return s.Late }},
	{"running", "a worker has it", func(s *Status) int { return s.Running }},
	{"parked", "the bank waits for the user's answer", func(s *Status) int { return s.Parked }},
	{
		"blocked", "the user must act: log in again, or renew the consent",
		func(s *Status) int { return s.Blocked },
	},
	{"dead", "only a new link helps", func(s *Status) int { return s.Dead }},
}

// States returns the counts by the names that they have in JSON. Each connection is in one of them.
func (s Status) States() map[string]int {
	all := make(map[string]int, len(states))
	for _, state := range states {
		all[state.name] = state.n(&s)
	}
	return all
}

// Handler serves [Fleet.Status], as a page to a browser and as JSON to any other program. The page
// has no script and loads itself again each minute. Neither has an id, but Handler does not check
// who asks. If the database fails, the response is 503 without a reason.
func (f *Fleet) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := f.Status(r.Context())
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("Vary", "Accept")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		html := strings.Contains(r.Header.Get("Accept"), "text/html")
		switch {
		case err != nil && html:
			http.Error(w, "The database is not available.", http.StatusServiceUnavailable)
		case err != nil:
			header.Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte("{}\n"))
		case html:
			header.Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write(s.page())
		default:
			header.Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(s)
		}
	})
}

// page returns the counts as HTML.
func (s Status) page() []byte {
	data := struct {
		Total           int
		States, Reasons []pageRow
		Latest, Oldest  time.Duration
	}{Latest: s.Latest.Round(time.Second), Oldest: s.Oldest.Round(time.Second)}
	for _, state := range states {
		row := pageRow{Name: state.name, About: state.about, N: state.n(&s)}
		data.Total += row.N
		data.States = append(data.States, row)
	}
	for _, reason := range slices.Sorted(maps.Keys(s.Reasons)) {
		data.Reasons = append(data.Reasons, pageRow{Name: string(reason), N: s.Reasons[reason]})
	}
	var out bytes.Buffer
	if err := page.Execute(&out, data); err != nil {
		panic(err) // the template is part of the program
	}
	return out.Bytes()
}
