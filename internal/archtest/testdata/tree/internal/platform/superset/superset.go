package superset

import "github.com/dashkeep/dashkeep/internal/apihttp"

var _ = apihttp.New
