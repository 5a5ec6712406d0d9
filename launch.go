package bankmux

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Launch is all the front end needs to open the provider's Connect. It holds no credential of the
// application or of a connection. Its JSON is for the browser and has the token; printing and
// logging it show no token.
type Launch struct {
	Provider    string      `json:"provider"`
	Mode        Mode        `json:"mode"`
	Environment Environment `json:"environment,omitempty"`
	Token       LaunchToken `json:"token,omitzero"` // good for this one session (MoneyKit's link session token)
	// the provider's page to send the browser to, where the flow is hosted or redirects
	URL         LaunchToken `json:"url,omitzero"`
	AppKey      string      `json:"app_key,omitempty"`     // public id of the application (Dapi)
	Countries   []string    `json:"countries,omitempty"`   // whose banks to offer
	Institution string      `json:"institution,omitempty"` // the provider's id of the bank to go straight to
	ScriptURL   string      `json:"script_url,omitempty"`  // what the page loads
	// Parameters holds whatever else a provider's front end wants.
	Parameters map[string]string `json:"parameters,omitempty"`
}

// LogValue returns the launch without its token and parameters.
func (l Launch) LogValue() slog.Value {
	return slog.GroupValue(slog.String("provider", l.Provider), slog.String("mode", string(l.Mode)),
		slog.String("environment", string(l.Environment)), slog.String("institution", l.Institution))
}

// LaunchToken opens the provider's Connect for one session. Only its JSON shows it, which is for
// the browser of the session's user; printing and logging show a placeholder. The zero value is
// none.
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
		return errors.New("bankmux: a launch token is not a string")
	}
	t.text = NewSecret(text)
	return nil
}

// Mode says which entry of the provider's Connect to open.
type Mode string

// The modes.
const (
	ModeLink   Mode = "link"
	ModeRelink Mode = "relink"
)
