package virtualbank

// This file has the clock that follows a bank in another process.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// remoteTimeout is how long a remote clock waits for the bank.
const remoteTimeout = 2 * time.Second

// RemoteClock returns a clock that follows a bank in another process. Use it as Config.Now of an
// adapter. The adapter then accepts webhooks that the bank signed after [Bank.Advance]. The
// argument is the base URL of any of the APIs, such as "http://127.0.0.1:8181". The error means
// that no bank responds there.
//
// Every call of the clock asks the bank. If the bank does not respond within two seconds, the clock
// continues from the last response at the speed of the machine's clock. The clock is safe for
// concurrent use and needs no closing.
func RemoteClock(server string) (func() time.Time, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("virtualbank: %q is not the address of a bank", server)
	}
	c := &remoteClock{
		url: u.Scheme + "://" + u.Host + bank.ControlPrefix + "clock",
		// Connections are not kept, because a clock has no Close.
		client: &http.Client{Timeout: remoteTimeout, Transport: &http.Transport{DisableKeepAlives: true}},
	}
	if err := c.ask(); err != nil {
		return nil, fmt.Errorf("virtualbank: no bank responds at %s: %w", server, err)
	}
	return c.now, nil
}

type remoteClock struct {
	url    string
	client *http.Client

	mu    sync.Mutex
	ahead time.Duration // the bank's time minus the machine's
}

func (c *remoteClock) now() time.Time {
	_ = c.ask() // if no response arrives, the last one is used
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
	var body struct {
		Now time.Time `json:"now"`
	}
	limited := http.MaxBytesReader(nil, res.Body, bank.MaxBody)
	if err := json.NewDecoder(limited).Decode(&body); err != nil || body.Now.IsZero() {
		return fmt.Errorf("the response with status %d is not a bank's", res.StatusCode)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = time.Until(body.Now)
	return nil
}
