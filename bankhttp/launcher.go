package bankhttp

// This file serves the launcher of the browser.

import "net/http"

// Launcher handles GET of the ES module that opens the provider's page in a browser.
func (s *Service) Launcher() http.Handler { return s.failing(KindNoPath) }
