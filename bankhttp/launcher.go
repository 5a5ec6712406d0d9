package bankhttp

// This file serves the launcher of the browser.

import (
	"net/http"

	"github.com/bankmux/bankmux/bankhttp/launcher"
)

// Launcher handles GET of the ES module that opens the provider's page in a browser: see package
// launcher. It needs no user and has no data of one.
func (s *Service) Launcher() http.Handler { return launcher.Handler() }
