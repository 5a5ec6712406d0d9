// Package size measures the launcher as a browser gets it from a bundler. It is a module of its
// own, because it needs a minifier.
package size

import (
	"testing"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/bankmux/bankmux/bankhttp/launcher"
)

// maxBytes is what the launcher may cost a page, minified and before compression.
const maxBytes = 4 << 10

func TestTheMinifiedLauncherIsSmall(t *testing.T) {
	t.Parallel()
	result := api.Transform(string(launcher.Module()), api.TransformOptions{
		Format: api.FormatESModule, Target: api.ES2022,
		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true,
	})
	if len(result.Errors)+len(result.Warnings) > 0 {
		t.Fatal(result.Errors, result.Warnings)
	}
	if size := len(result.Code); size > maxBytes || size == 0 {
		t.Errorf("the minified launcher has %d bytes, more than %d", size, maxBytes)
	} else {
		t.Logf("%d bytes", size)
	}
}
