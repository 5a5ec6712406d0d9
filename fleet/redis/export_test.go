package redis

import (
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// NewShort is like [Open], but each connection lives for a millisecond.
func NewShort(url, namespace string) (*Backend, error) {
	parsed, err := goredis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	o := serverOptions(parsed, Options{Conns: 1})
	o.ConnMaxLifetime, o.ConnMaxLifetimeJitter = time.Millisecond, 0
	return &Backend{client: goredis.NewClient(o), prefix: namespace + ":"}, nil
}

// NewPatient is like [Open], but waits an hour for the server unless a context ends. A response may
// take seconds on a machine that is busy.
func NewPatient(url string, opts Options) (*Backend, error) {
	if opts.Namespace == "" {
		opts.Namespace = "bankmux"
	}
	opts.Conns = maxConns
	b := &Backend{prefix: opts.Namespace + ":"}
	if opts.Cluster {
		parsed, err := goredis.ParseClusterURL(url)
		if err != nil {
			return nil, err
		}
		o := clusterOptions(parsed, opts)
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = time.Hour, time.Hour, time.Hour, time.Hour
		b.client = goredis.NewClusterClient(o)
		return b, nil
	}
	parsed, err := goredis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	o := serverOptions(parsed, opts)
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = time.Hour, time.Hour, time.Hour, time.Hour
	b.client = goredis.NewClient(o)
	return b, nil
}

// LongestWait returns how long one step of a request takes at most.
func LongestWait(url string) time.Duration {
	parsed, err := goredis.ParseURL(url)
	if err != nil {
		return 0
	}
	o := serverOptions(parsed, Options{})
	return max(o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout)
}

// LongestConn returns how long a connection lives at most.
func LongestConn(url string) time.Duration {
	parsed, err := goredis.ParseURL(url)
	if err != nil {
		return 0
	}
	o := serverOptions(parsed, Options{})
	return o.ConnMaxLifetime + o.ConnMaxLifetimeJitter
}

// SlotsAge returns after how long a cluster is asked again which nodes serve which keys.
func SlotsAge(url string) time.Duration {
	parsed, err := goredis.ParseClusterURL(url)
	if err != nil {
		return 0
	}
	return clusterOptions(parsed, Options{}).ClusterStateReloadInterval
}
