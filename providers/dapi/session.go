package dapi

// SessionOptions are the settings of Dapi's Connect that have no counterpart
// elsewhere. Put them into [bankmux.SessionRequest.Options]. They reach the front end through
// Launch; field names as in Dapi's web and mobile SDKs.
type SessionOptions struct {
	Countries    []string // instead of SessionRequest.Country where several are wanted; ISO 3166-1 alpha-2
	Experimental bool     // show banks in beta (isExperimental)
	BundleID     string   // allowed app or site, for Dapi's mobile SDKs (bundleID)
	ClientUserID string   // keys the mobile SDK's cache on the device (clientUserID)
}

// ForProvider names the adapter.
func (SessionOptions) ForProvider() string { return Name }

// parameters are what Launch has for the front end beside its own fields. A language is a setting
// of Dapi's mobile SDKs; its form is not documented, so it goes as it came.
func (o SessionOptions) parameters(language string) map[string]string {
	p := map[string]string{}
	if language != "" {
		p["language"] = language
	}
	if o.Experimental {
		p["isExperimental"] = "true"
	}
	if o.BundleID != "" {
		p["bundleID"] = o.BundleID
	}
	if o.ClientUserID != "" {
		p["clientUserID"] = o.ClientUserID
	}
	if len(p) == 0 {
		return nil
	}
	return p
}
