package bankmux

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Launch is all that the front end needs to open the provider's page. It has no credential of the
// application or of a connection. Its JSON is for the browser and has the token. Printing and
// logging show no token.
type Launch struct {
	Provider    string      `json:"provider"`
	Mode        Mode        `json:"mode"`
	Environment Environment `json:"environment,omitempty"`
	Token       LaunchToken `json:"token,omitzero"` // good for this one session (MoneyKit's link session token)
	// the provider's page to send the browser to, if the flow is hosted or redirects
	URL         LaunchToken `json:"url,omitzero"`
	AppKey      string      `json:"app_key,omitempty"`     // public id of the application (Dapi)
	Countries   []string    `json:"countries,omitempty"`   // whose banks to offer
	Institution string      `json:"institution,omitempty"` // the provider's id of the bank to go straight to
	ScriptURL   string      `json:"script_url,omitempty"`  // the script that the page loads
	// Package is the npm package that the page bundles, with its version, if the provider has no
	// script to load: "@moneykit/connect@0.3.28".
	Package string `json:"package,omitempty"`
	// Parameters has what else a provider's front end needs.
	Parameters map[string]string `json:"parameters,omitempty"`
}

// LogValue returns the launch without its token and parameters.
func (l Launch) LogValue() slog.Value {
	return slog.GroupValue(slog.String("provider", l.Provider), slog.String("mode", string(l.Mode)),
		slog.String("environment", string(l.Environment)), slog.String("institution", l.Institution))
}

// LaunchToken opens the provider's page for one session. Its JSON has the token, for the browser of
// the session's user. Printing and logging show a placeholder. The zero value is absent.
type LaunchToken struct{ text Secret }

// Reveal returns the token's text.
func (t LaunchToken) Reveal() string { return t.text.Reveal() }

// IsZero reports whether there is no token.
func (t LaunchToken) IsZero() bool { return t.text.IsZero() }

// String returns a placeholder.
func (t LaunchToken) String() string { return redacted }

// Format writes a placeholder, whatever the verb.
func (t LaunchToken) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (t LaunchToken) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes the token as a string, for the browser.
func (t LaunchToken) MarshalJSON() ([]byte, error) { return json.Marshal(t.Reveal()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *LaunchToken) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return invalid("LaunchToken", "is not a string")
	}
	t.text = NewSecret(text)
	return nil
}

// Mode says whether the user links a bank or renews a connection.
type Mode string

// The modes.
const (
	ModeLink   Mode = "link"
	ModeRelink Mode = "relink"
)
