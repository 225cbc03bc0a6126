package all

import (
	_ "github.com/dashkeep/dashkeep/internal/platform/metabase"
	"github.com/dashkeep/dashkeep/internal/platform/superset"
)

var list = superset.Factory()
