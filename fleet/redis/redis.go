// Package redis keeps the state that processes share in Redis or Valkey. It implements
// [guard.Backend] for [guard.NewFleet], and [inbox.Seen].
//
//	shared, err := redis.Open(os.Getenv("REDIS_URL"), redis.Options{Namespace: "payments"})
//	…
//	defer shared.Close()
//	fleet, err := guard.NewFleet(shared, keys, guard.FleetOptions{Logger: slog.Default()})
//	…
//	g := guard.New(guard.Options{Fleet: fleet})
//
// # What is promised
//
// Each method is one script, so it is one round trip and changes everything or nothing. Redis runs
// the scripts one after the other. The clock of the Redis server alone decides when something ends.
// Every key has an expiry, and starts with the namespace and a colon. Names of leases, facts and
// budgets are in clear. Values are stored as they are given, and [guard.Fleet] seals them.
//
// A fence is the server's time in microseconds, or the fence before plus one if that is greater. So
// fences grow although a key has expired or the server has lost its data. They also grow although
// the clock is set back by up to five minutes, unless the data is lost too.
//
// # If Redis is slow, down or loses its data
//
// A method ends at the deadline of its context. If the context is cancelled or has no deadline, it
// ends after about a second. A request is sent once, except that a cluster may send it to another
// node. Redis that restarts empty has lost all leases, facts and counts. So a call that is under
// way may overlap with a new one. [guard.Fleet] counts and logs that, with the exceptions that it
// lists. The same is possible when a replica takes over, since Redis replicates after it has
// responded. In a cluster the backend finds the new node about a second after the others know it.
//
// # What the server needs
//
// It needs Redis 6 or later; the tests run on 7.0. Valkey has the same commands, but is not tested.
// The eviction policy must be noeviction: with any other, Redis would drop leases when its memory
// is full. Each new connection checks that, and lives for about a minute. So a policy that is
// changed later is noticed within about a minute. Until it is right again all methods fail, and
// each process judges alone.
//
// A user of an access control list needs these permissions, with the namespace in the first one. In
// a cluster, add +cluster|slots. They are single commands, because the categories of Redis have
// commands that reach the data and the connections of other applications, such as FLUSHALL.
//
//	~bankmux:* +select +info +eval +evalsha +exists +set +time +pexpire +pttl
//	+hdel +hget +hmget +hset +zadd +zrange +zrangebyscore +zrem +zrevrange
//
// # Logs
//
// The package go-redis logs to standard error if it cannot connect, with the address and without
// the password. Its function SetLogger changes that for the whole process.
package redis

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"regexp"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/inbox"
)

// Backend is a [guard.Backend] and an [inbox.Seen] in Redis. Make it with [Open]. It is safe for
// concurrent use.
type Backend struct {
	client goredis.UniversalClient
	prefix string // of all keys
	conns  int    // to each server
}

// Options configure [Open]. The zero value is suitable for production.
type Options struct {
	// Namespace separates applications that share a server: one to 64 letters, digits, dots,
	// hyphens or underscores. All processes of an application have the same. The default is
	// "bankmux".
	Namespace string
	// Cluster means that the URL names a node of a Redis Cluster. More nodes may follow, as in
	// ?addr=host2:6379&addr=host3:6379.
	Cluster bool
	// Conns is the largest number of connections to each server. They limit how many calls may
	// start at once: see [guard.Pooled]. The default is 16.
	Conns int
	// Credentials returns the user and the password of a new connection, in place of those in the
	// URL. It is for passwords that change. It must return soon. nil means those in the URL.
	Credentials func(ctx context.Context) (user string, password bankmux.Secret, err error)
}

// The settings of go-redis that differ from its defaults, which wait for ten seconds.
const (
	maxConns     = 16
	maxWait      = time.Second // for a connection, and for each request and response
	connLifetime = time.Minute // after which a new connection checks the server again
	lifetimeVary = 10 * time.Second
	slotsAge     = time.Second // after which a cluster is asked which nodes serve which keys
)

// namespaces are one to 64 of these characters, so that no name of a namespace starts another.
var namespaces = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// Open returns a backend for the server at a URL. It sends nothing, so that a process can start
// while Redis is down: call [Backend.Check] to learn what is wrong. Close the backend at the end.
//
// The URL is redis://, rediss:// for TLS, or unix:// for a socket. It may have user, password and
// the number of the database. Options of go-redis in it, such as read_timeout, are ignored. With
// TLS the certificate must be valid for the host, by the authorities of the system.
//
// The error is [bankmux.ErrInvalid] if the URL or an option is wrong. It does not quote the URL.
func Open(url string, opts Options) (*Backend, error) {
	if opts.Namespace == "" {
		opts.Namespace = "bankmux"
	}
	if !namespaces.MatchString(opts.Namespace) {
		return nil, invalid("Options.Namespace", "is not 1 to 64 letters, digits, dots, hyphens or underscores")
	}
	if opts.Conns < 0 {
		return nil, invalid("Options.Conns", "is negative")
	}
	if opts.Conns == 0 {
		opts.Conns = maxConns
	}
	b := &Backend{prefix: opts.Namespace + ":", conns: opts.Conns}
	if opts.Cluster {
		parsed, err := goredis.ParseClusterURL(url)
		if err != nil {
			return nil, invalid("url", "is invalid")
		}
		b.client = goredis.NewClusterClient(clusterOptions(parsed, opts))
		return b, nil
	}
	parsed, err := goredis.ParseURL(url)
	if err != nil {
		return nil, invalid("url", "is invalid")
	}
	b.client = goredis.NewClient(serverOptions(parsed, opts))
	return b, nil
}

func invalid(field, detail string) error {
	return &bankmux.Error{Kind: bankmux.ErrInvalid, Field: "redis.Open: " + field, Detail: detail, NotSent: true}
}

// serverOptions takes address and credentials of what was parsed, and sets all else.
func serverOptions(parsed *goredis.Options, opts Options) *goredis.Options {
	var encryption *tls.Config
	if parsed.TLSConfig != nil { // without skip_verify
		encryption = &tls.Config{ServerName: parsed.TLSConfig.ServerName, MinVersion: tls.VersionTLS12}
	}
	return &goredis.Options{
		Network: parsed.Network, Addr: parsed.Addr, DB: parsed.DB, TLSConfig: encryption,
		Username: parsed.Username, Password: parsed.Password,
		CredentialsProviderContext: credentials(opts),
		OnConnect:                  checkPolicy,

		ContextTimeoutEnabled: true,
		DialTimeout:           maxWait, ReadTimeout: maxWait, WriteTimeout: maxWait, PoolTimeout: maxWait,
		MaxRetries: -1, DialerRetries: 1, // guard.Fleet repeats what may be repeated
		PoolSize: opts.Conns, MaxActiveConns: opts.Conns, PipelinePoolSize: -1,
		ConnMaxLifetime: connLifetime, ConnMaxLifetimeJitter: lifetimeVary,

		// What the scripts need not would cost round trips in a new connection.
		Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// clusterOptions is serverOptions for a cluster.
func clusterOptions(parsed *goredis.ClusterOptions, opts Options) *goredis.ClusterOptions {
	s := serverOptions(&goredis.Options{
		Username: parsed.Username, Password: parsed.Password, TLSConfig: parsed.TLSConfig,
	}, opts)
	return &goredis.ClusterOptions{
		Addrs: parsed.Addrs, TLSConfig: s.TLSConfig,
		Username: s.Username, Password: s.Password, CredentialsProviderContext: s.CredentialsProviderContext,
		OnConnect: s.OnConnect,

		ContextTimeoutEnabled: s.ContextTimeoutEnabled,
		DialTimeout:           s.DialTimeout, ReadTimeout: s.ReadTimeout, WriteTimeout: s.WriteTimeout,
		PoolTimeout: s.PoolTimeout, MaxRetries: s.MaxRetries, DialerRetries: s.DialerRetries,
		DisableRoutingPolicies: true, ClusterStateReloadInterval: slotsAge,
		PoolSize: s.PoolSize, MaxActiveConns: s.MaxActiveConns, PipelinePoolSize: s.PipelinePoolSize,
		ConnMaxLifetime: s.ConnMaxLifetime, ConnMaxLifetimeJitter: s.ConnMaxLifetimeJitter,

		Protocol: s.Protocol, DisableIdentity: s.DisableIdentity,
		MaintNotificationsConfig: s.MaintNotificationsConfig,
	}
}

// credentials returns the function of go-redis for credentials that change, nil if they do not.
func credentials(opts Options) func(context.Context) (user, password string, err error) {
	if opts.Credentials == nil {
		return nil
	}
	return func(ctx context.Context) (string, string, error) {
		user, password, err := opts.Credentials(ctx)
		if err != nil {
			return "", "", ownError(fmt.Sprintf("Options.Credentials failed (%T)", err))
		}
		return user, password.Reveal(), nil
	}
}

// Check connects to the server and returns why it cannot be used, nil if it can. Examples are a
// wrong password, an eviction policy other than noeviction, full memory and a missing permission.
// It takes and releases a lease that has no other use. It may be repeated.
func (b *Backend) Check(ctx context.Context) error {
	keys, holder := b.keys("check", "", "", ":queue", ":places"), rand.Text()
	_, err := b.run(ctx, "Check", acquireScript, keys, holder, time.Second.Microseconds(), 0)
	if err == nil {
		_, err = b.run(ctx, "Check", releaseScript, keys, holder, 0, "keep", "", 0)
	}
	return err
}

// Conns implements [guard.Pooled].
func (b *Backend) Conns() int { return b.conns }

// Close closes the connections to the server. Methods that are called afterwards fail.
func (b *Backend) Close() { _ = b.client.Close() }

var (
	_ guard.Backend = (*Backend)(nil)
	_ guard.Pooled  = (*Backend)(nil)
	_ inbox.Seen    = (*Backend)(nil)
)
