package providertest

import (
	"context"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
)

// TestViewed finds a call that the suite would make without looking at it.
func TestViewed(t *testing.T) {
	t.Parallel()
	t.Run("every call of a client is viewed", everyCallIsViewed)
}

func everyCallIsViewed(t *testing.T) {
	t.Parallel()
	ctx := reflect.TypeFor[context.Context]()
	client, own := reflect.TypeFor[*bankmux.Client](), reflect.TypeFor[*viewed]()
	calls := 0
	for method := range client.Methods() {
		if method.Type.NumIn() < 2 || method.Type.In(1) != ctx {
			continue // it sends nothing
		}
		calls++
		over, _ := own.MethodByName(method.Name)
		b := &bench{}
		v := &viewed{bankmux.NewClient("c", silent{}), b}
		in := []reflect.Value{reflect.ValueOf(v), reflect.ValueOf(t.Context())}
		for i := 2; i < over.Type.NumIn(); i++ {
			in = append(in, reflect.Zero(over.Type.In(i)))
		}
		out := over.Func.Call(in)[0]
		if out.Kind() == reflect.Func {
			for range out.Seq2() {
				break
			}
		}
		assert.NotEmpty(t, b.seen.kinds, method.Name)
	}
	assert.Greater(t, calls, 15)
}

// silent is a provider that returns nothing.
type silent struct{ bankmux.Provider }

func (silent) Describe() bankmux.Description { return bankmux.Description{Provider: "silent"} }
