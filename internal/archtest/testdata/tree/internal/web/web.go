package web

import (
	"sync"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/sync"
)
