package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTenYearsEndInAgreement(t *testing.T) {
	t.Parallel()
	for seed := range 10 {
		t.Run(fmt.Sprint("seed ", seed+1), func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			require.NoError(t, command(t.Context(), []string{"-seed", fmt.Sprint(seed + 1)}, &out), &out)
			for _, said := range []string{
				"linked through moneykit: 5 new accounts, 0 known ones", "a crash before the commit", "the consent lapsed: reauth_required", "every transaction has another id",
				"linked through moneykit: 0 new accounts, 5 known ones", "linked through dapi: 0 new accounts, 5 known ones", "file and bank agree",
			} {
				assert.Contains(t, out.String(), said)
			}
		})
	}
}

func TestAPlantedMistakeEndsInDisagreement(t *testing.T) {
	t.Parallel()
	for name, wrong := range mistakes {
		if wrong == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			err := command(t.Context(), []string{"-mistake", name, "-db", filepath.Join(t.TempDir(), "bank.db")}, &out)
			require.ErrorContains(t, err, "file and bank disagree", &out)
			assert.NotContains(t, out.String(), "agree:")
		})
	}
}

func TestAFlagThatCannotBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, command(t.Context(), []string{"-mistake", "none"}, &bytes.Buffer{}), "amount, new-id, twins")
}
