// Package loopback has addresses for servers that tests start and stop.
package loopback

import (
	"fmt"
	"math/rand/v2"
)

// Host returns an IPv4 address of loopback that nothing else uses, so all of its ports are free. A
// port of 127.0.0.1 may be taken by another program before a server starts, or while it is down.
func Host() string {
	return fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254)) //nolint:gosec // a test
}
