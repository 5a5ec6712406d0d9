package dapi

// This file makes sessions for Dapi's Connect.

import (
	"context"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/dapi"
)

// SessionOptions are the settings of Dapi's Connect that no other provider has. Put them into
// [bankmux.SessionRequest.Options]. They reach the front end through Launch. The names in
// parentheses are those of Dapi's web and mobile SDKs.
type SessionOptions struct {
	Countries    []string // replaces SessionRequest.Country for several countries; ISO 3166-1 alpha-2
	Experimental bool     // show banks in beta (isExperimental)
	BundleID     string   // allowed app or site, for Dapi's mobile SDKs (bundleID)
	ClientUserID string   // keys the cache of the mobile SDK on the device (clientUserID)
}

// ForProvider names the adapter.
func (SessionOptions) ForProvider() string { return Name }

// parameters are the settings that Launch has no field for. A language is a setting of Dapi's
// mobile SDKs. Its form is not documented, so it is passed on unchanged.
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

// CreateSession writes the launch configuration and sends nothing. It is still refused while Dapi
// is known to be down.
func (a *adapter) CreateSession(_ context.Context, req bankmux.SessionRequest) (bankmux.Session, error) {
	s := bankmux.NewSession(req)
	opts, _ := bankmux.OptionOf[SessionOptions](req)
	named := func(p bankmux.Product) (string, bool) { return "", model.Product(p) } // Connect offers no choice
	if err := normalize.NameProducts(req.Products, "Dapi", named, nil); err != nil {
		return bankmux.Session{}, err
	}
	s.Launch.Provider, s.Launch.Environment = Name, a.env
	s.Launch.AppKey, s.Launch.ScriptURL = a.appKey, a.scriptURL
	s.Launch.Countries = opts.Countries
	country := req.Country
	if country == "" && req.Reconnect != nil {
		country = req.Reconnect.Institution.Country
	}
	if len(s.Launch.Countries) == 0 && country != "" {
		s.Launch.Countries = []string{country}
	}
	if req.Reconnect == nil {
		id, err := normalize.NamedInstitution(req.Institution, Name)
		if err != nil {
			return bankmux.Session{}, err
		}
		s.Launch.Institution = id
	} else if old := req.Reconnect.Institution; old.ID != old.BIC {
		s.Launch.Institution = old.ID
	}
	s.Launch.Parameters = opts.parameters(req.Language)
	return s, nil
}
