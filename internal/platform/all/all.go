// Package all lists the platforms that are built in.
package all

import (
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/internal/platform/matih"
	"github.com/dashkeep/dashkeep/internal/platform/superset"
)

// Factories lists every platform, in the order they are shown.
func Factories() []platform.Factory {
	return []platform.Factory{superset.Factory(), matih.Factory()}
}
