package virtualbank

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// remotePatience is how long a remote clock waits for the bank.
const remotePatience = 2 * time.Second

// RemoteClock returns the time of a bank that runs in another process, for Now in the
// configuration of an adapter: with it a client lives on the bank's time, so that a webhook signed
// after POST /virtualbank/clock is not from the future. server is the base URL of either side,
// such as "http://127.0.0.1:8181". The error says that no bank answers there.
//
// Every call of the function asks the bank. Where the bank does not answer within two seconds, the
// machine's clock goes on from its last answer. The function may be used by any number of
// goroutines, and holds nothing that needs closing.
func RemoteClock(server string) (func() time.Time, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("virtualbank: %q is not the address of a bank", server)
	}
	c := &remoteClock{
		url: u.Scheme + "://" + u.Host + bank.ControlPrefix + "clock",
		// A connection that is kept would need closing.
		client: &http.Client{Timeout: remotePatience, Transport: &http.Transport{DisableKeepAlives: true}},
	}
	if err := c.ask(); err != nil {
		return nil, fmt.Errorf("virtualbank: no bank answers at %s: %w", server, err)
	}
	return c.now, nil
}

type remoteClock struct {
	url    string
	client *http.Client

	mu    sync.Mutex
	ahead time.Duration // of the machine's clock
}

func (c *remoteClock) now() time.Time {
	_ = c.ask() // without an answer the last one holds
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// ask reads the bank's time.
func (c *remoteClock) ask() error {
	res, err := c.client.Get(c.url) //nolint:noctx // the client has a timeout
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var answer struct {
		Now time.Time `json:"now"`
	}
	body := http.MaxBytesReader(nil, res.Body, bank.MaxBody)
	if err := json.NewDecoder(body).Decode(&answer); err != nil || answer.Now.IsZero() {
		return fmt.Errorf("status %d is not a bank's", res.StatusCode)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = time.Until(answer.Now)
	return nil
}
