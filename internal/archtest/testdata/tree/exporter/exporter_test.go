package exporter_test

import (
	"github.com/dashkeep/dashkeep/exporter"
	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// superset may be named and faked here: this is a test.
var _, _ = exporter.Export, supersettest.New
