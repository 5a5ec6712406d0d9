// Package connect serves the pages that play the providers' widgets in a browser: MoneyKit's
// Connect, Dapi's Connect and Plaid's Link.
//
// The scripts and the pages have the addresses and the messages of the real ones, as far as sources
// show them. What the pages look like and how they reach the bank is the bank's own choice. A page
// sends each step of the user to [Server], which asks the provider. So the provider decides
// everything, and the page only shows it.
package connect

import (
	"crypto/rand"
	"sync"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
	"github.com/bankmux/bankmux/virtualbank/internal/plaid"
)

// Server serves the pages of one provider. It is safe for concurrent use.
type Server struct {
	pages    bank.Pages
	provider string // the name
	oauthKey string // the member of the query that names a login at an institution's own page

	mu     sync.Mutex // guards the fields below and the runs
	runs   map[string]*run
	logins map[string]*oauthLogin
	order  []*run
}

// maxRuns is how many runs are kept. Older ones are forgotten, as after a long break.
const maxRuns = 1000

// New returns the server of a provider's pages.
func New(p bank.Provider) *Server {
	s := &Server{
		pages: p, provider: p.Spec().Name, oauthKey: "oauth_state",
		runs: map[string]*run{}, logins: map[string]*oauthLogin{},
	}
	if s.provider == plaid.Name {
		s.oauthKey = "oauth_state_id" // Plaid's. No source has MoneyKit's, so that is the bank's own.
	}
	return s
}

// run is one run of the page by one user.
type run struct {
	id      string
	token   string // of the session
	relink  bool   // the page for renewals was opened
	visit   bank.Visit
	choices []bank.Choice
	step    bank.Step
	chosen  bank.Choice
	entered bank.Entry
	code    string // what the institution asked for; "" if it did not
	last    *bank.Trouble
	linked  []string // the names of institutions that the run linked
	ended   bool
	logins  []string // the ids of logins at the institution's own page
}

// oauthLogin is a login at an institution's own page.
type oauthLogin struct {
	run       *run
	done      bool // the user approved or refused
	denied    bool
	processed bool // the page resumed with it
}

// add keeps a run and forgets the oldest.
func (s *Server) add(r *run) {
	r.id = rand.Text()
	s.runs[r.id] = r
	if s.order = append(s.order, r); len(s.order) > maxRuns {
		old := s.order[0]
		s.order = s.order[1:]
		delete(s.runs, old.id)
		for _, id := range old.logins {
			delete(s.logins, id)
		}
	}
}
