package exporter

import (
	gosync "sync"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// Export treats Metabase in a way of its own.
func Export() (gosync.Mutex, asset.Kind, normalize.Rules) { return supersettest.New() }
